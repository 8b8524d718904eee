//! Where requests go, and as whom. Besides egress, nothing else in the library
//! ever holds a token, and nothing can print one.

mod network;
mod proxy;
mod token;

use std::sync::Arc;

use crate::contract::ApiRoot;

pub(crate) use network::Network;
pub use network::{AddressRange, InvalidAddressRange, InvalidCertificates};
pub use proxy::{InvalidProxy, Proxy};
pub use token::{InvalidToken, Token, TokenClaims};

/// The service's origin, the credential for it, and the way there.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Connection {
    /// The service's origin.
    pub api_root: ApiRoot,
    /// The credential; none where there is none, and then nothing is sent.
    pub token: Option<Token>,
    pub(crate) network: Arc<Network>,
}

impl Connection {
    /// A connection to this service with this credential: straight there, to
    /// public addresses alone, with the platform's trust store.
    #[must_use]
    pub fn new(api_root: ApiRoot, token: Option<Token>) -> Self {
        Self {
            api_root,
            token,
            network: Arc::default(),
        }
    }

    /// The same connection that may also go to these addresses, public or not.
    #[must_use]
    pub fn allowing(mut self, addresses: Vec<AddressRange>) -> Self {
        Arc::make_mut(&mut self.network).allow(addresses);
        self
    }

    /// The same connection that also trusts these certification authorities.
    ///
    /// # Errors
    /// The text is not PEM, or has no certificate.
    pub fn trusting(mut self, pem: &[u8]) -> Result<Self, InvalidCertificates> {
        Arc::make_mut(&mut self.network).trust(pem)?;
        Ok(self)
    }

    /// The same connection through this proxy. A service on loopback is reached
    /// without it.
    #[must_use]
    pub fn through(mut self, proxy: Option<Proxy>) -> Self {
        let proxy = proxy.filter(|_| !self.api_root.is_loopback());
        Arc::make_mut(&mut self.network).set_proxy(proxy);
        self
    }

    /// The proxy on the way, if there is one.
    #[must_use]
    pub fn proxy(&self) -> Option<&Proxy> {
        self.network.proxy()
    }
}
