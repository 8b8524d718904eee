//! Connections to a service: checked addresses, proxies, TLS and HTTP/1.1.
//!
//! Host names are resolved here, and every address is checked before a connection
//! is opened to it. TLS always ends at the service, also behind a proxy.

mod address;
mod address_range;
mod api_connection;
mod dial;
mod http1;
mod network;
#[cfg(feature = "identity")]
mod probe;
mod proxy;
mod stream;
mod target;

pub use address_range::{AddressRange, InvalidAddressRange};
pub use api_connection::Connection;
pub(crate) use dial::{DialError, dial};
pub(crate) use http1::HttpConnection;
pub use network::InvalidCertificates;
#[cfg(feature = "identity")]
pub(crate) use network::Network;
#[cfg(feature = "identity")]
pub use probe::{Probe, ProbeError, Skew};
pub use proxy::{InvalidProxy, Proxies, Proxy};
pub(crate) use stream::BoxedStream;
#[cfg(feature = "identity")]
pub(crate) use target::Target;
