//! Connections: names are resolved here, every address is looked at, and the
//! connection goes to one that was, straight or through a proxy. TLS is with
//! the service itself.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::TlsConnector;
use url::Host;

use super::{
    address,
    record::{Meter, Recorder},
};
use crate::{
    connection::{Connection, Proxy},
    contract::{ApiRoot, Scheme},
};

/// How long one address may take to answer.
const CONNECT: Duration = Duration::from_secs(10);

/// Why there is no connection. Nothing of the request has left.
#[derive(Debug, Error)]
pub(crate) enum DialError {
    #[error("the name {0} cannot be resolved: {1}")]
    Resolve(String, io::Error),
    #[error("the name {0} has no address")]
    NoAddress(String),
    #[error("{0} is at {1}, which is no public address; if that is right, allow it")]
    Prohibited(String, IpAddr),
    #[error("{0} does not answer: {1}")]
    Connect(SocketAddr, io::Error),
    #[error("no trusted TLS connection to {0}: {1}")]
    Tls(String, io::Error),
    #[error("TLS cannot be set up: {0}")]
    TlsSetup(rustls::Error),
    #[error("the proxy {0} cannot be spoken to: {1}")]
    Proxy(String, hyper::Error),
    #[error("the proxy {0} lets nothing through: it answers {1}")]
    ProxyRefused(String, StatusCode),
}

/// A connection that counts what goes through it.
pub(crate) struct Counted {
    stream: BoxedStream,
    meter: Arc<Meter>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type BoxedStream = Box<dyn Stream>;

/// Connects to the service.
pub(crate) async fn dial(
    connection: &Connection,
    recorder: &Recorder,
) -> Result<Counted, DialError> {
    let api = &connection.api_root;
    let stream: BoxedStream = match connection.proxy() {
        Some(proxy) => tunnel(connection, proxy, recorder).await?,
        None => {
            let permitted = |address| to_service(connection, address);
            Box::new(connect(api.host(), api.port(), permitted, recorder).await?)
        }
    };
    let stream = match api.scheme() {
        Scheme::Http => stream,
        Scheme::Https => secure(connection, api.host(), stream).await?,
    };
    Ok(Counted {
        stream,
        meter: recorder.meter(),
    })
}

/// A tunnel through the proxy, to the service and nowhere else.
async fn tunnel(
    connection: &Connection,
    proxy: &Proxy,
    recorder: &Recorder,
) -> Result<BoxedStream, DialError> {
    let permitted = |address| to_proxy(connection, proxy, address);
    let tcp = connect(proxy.host(), proxy.port(), permitted, recorder).await?;
    let stream: BoxedStream = match proxy.scheme() {
        Scheme::Http => Box::new(tcp),
        Scheme::Https => secure(connection, proxy.host(), Box::new(tcp)).await?,
    };
    let failed = |error| DialError::Proxy(proxy.to_string(), error);
    let (mut sender, driver) = http1::Builder::new()
        .max_buf_size(super::MAX_HEAD)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    // Ended with this function, also when the call is dropped half-way.
    let mut drivers = JoinSet::new();
    drivers.spawn(driver.with_upgrades());

    let answer = sender
        .send_request(connect_request(&connection.api_root, proxy))
        .await
        .map_err(failed)?;
    if !answer.status().is_success() {
        let refused = DialError::ProxyRefused(proxy.to_string(), answer.status());
        return Err(refused);
    }
    let tunnel = hyper::upgrade::on(answer).await.map_err(failed)?;
    Ok(Box::new(TokioIo::new(tunnel)))
}

fn connect_request(api: &ApiRoot, proxy: &Proxy) -> Request<Empty<Bytes>> {
    let target = format!("{}:{}", api.host(), api.port());
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::CONNECT;
    let headers = request.headers_mut();
    if let Ok(host) = target.parse() {
        headers.insert(header::HOST, host);
    }
    if let Some(value) = proxy.authorization() {
        headers.insert(header::PROXY_AUTHORIZATION, value.clone());
    }
    // An origin is always an authority.
    *request.uri_mut() = target.parse::<Uri>().unwrap_or_default();
    request
}

async fn connect(
    host: &Host<String>,
    port: u16,
    permitted: impl Fn(IpAddr) -> bool,
    recorder: &Recorder,
) -> Result<TcpStream, DialError> {
    let addresses: Vec<SocketAddr> = match host {
        Host::Ipv4(address) => vec![SocketAddr::from((*address, port))],
        Host::Ipv6(address) => vec![SocketAddr::from((*address, port))],
        Host::Domain(name) => tokio::net::lookup_host((name.as_str(), port))
            .await
            .map_err(|error| DialError::Resolve(host.to_string(), error))?
            .collect(),
    };
    // One bad address is enough: an answer that mixes them is not to be
    // trusted at all.
    if let Some(bad) = addresses.iter().find(|address| !permitted(address.ip())) {
        return Err(DialError::Prohibited(host.to_string(), bad.ip()));
    }
    let mut last = None;
    for address in addresses {
        recorder.update(|exchange| exchange.address = Some(address));
        // A bound for each, so that one that swallows packets leaves time for
        // the next.
        match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Small requests: waiting to fill a segment would only cost
                // time.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last = Some(DialError::Connect(address, error)),
            Err(_) => {
                let error = io::Error::from(io::ErrorKind::TimedOut);
                last = Some(DialError::Connect(address, error));
            }
        }
    }
    Err(last.unwrap_or(DialError::NoAddress(host.to_string())))
}

/// Whether the token may go to this address.
fn to_service(connection: &Connection, address: IpAddr) -> bool {
    let api = &connection.api_root;
    match api.host() {
        // An address was named: that, and no other. `http` only to loopback.
        Host::Ipv4(_) | Host::Ipv6(_) => api.scheme() == Scheme::Https || address.is_loopback(),
        Host::Domain(name) if name == "localhost" => address.is_loopback(),
        Host::Domain(_) => address::is_public(address) || connection.network.allows(address),
    }
}

/// Whether a tunnel may begin at this address. Proxies live in private
/// networks, and the user named this one; the machine's own services and the
/// metadata address are out of reach all the same.
fn to_proxy(connection: &Connection, proxy: &Proxy, address: IpAddr) -> bool {
    match proxy.host() {
        Host::Ipv4(_) | Host::Ipv6(_) => true,
        Host::Domain(name) if name == "localhost" => address.is_loopback(),
        Host::Domain(_) => {
            address::is_public(address)
                || address::is_private(address)
                || connection.network.allows(address)
        }
    }
}

async fn secure(
    connection: &Connection,
    host: &Host<String>,
    stream: BoxedStream,
) -> Result<BoxedStream, DialError> {
    let tls_error = |error| DialError::Tls(host.to_string(), error);
    let name = server_name(host).map_err(|error| tls_error(io::Error::other(error)))?;
    let config = connection.network.tls().map_err(DialError::TlsSetup)?;
    let stream = TlsConnector::from(config)
        .connect(name, stream)
        .await
        .map_err(tls_error)?;
    Ok(Box::new(stream))
}

fn server_name(
    host: &Host<String>,
) -> Result<ServerName<'static>, rustls::pki_types::InvalidDnsNameError> {
    match host {
        Host::Domain(name) => ServerName::try_from(name.clone()),
        Host::Ipv4(address) => Ok(ServerName::from(IpAddr::V4(*address))),
        Host::Ipv6(address) => Ok(ServerName::from(IpAddr::V6(*address))),
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.meter.received(buffer.filled().len() - before);
        read
    }
}

/// Vectored writes are left to the default, which comes back to `poll_write`.
impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.meter.claim() {
            return Poll::Ready(Err(io::Error::from(io::ErrorKind::BrokenPipe)));
        }
        let written = Pin::new(&mut self.stream).poll_write(context, buffer);
        if let Poll::Ready(Ok(count)) = &written {
            self.meter.sent(*count);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn connection(root: &str) -> Connection {
        Connection::new(root.parse().unwrap(), None)
    }

    #[test]
    fn a_name_never_leads_to_loopback_unless_it_is_localhost() {
        let loopback = "127.0.0.1".parse().unwrap();
        let public = "20.50.0.1".parse().unwrap();
        let named = connection("https://api.example.test");
        assert!(!to_service(&named, loopback));
        assert!(to_service(&named, public));
        let localhost = connection("http://localhost:1");
        assert!(to_service(&localhost, loopback));
        assert!(!to_service(&localhost, public));
        assert!(to_service(&connection("http://127.0.0.1:1"), loopback));
    }

    #[test]
    fn a_private_address_is_used_where_the_user_allows_it() {
        let allowing =
            connection("https://api.example.test").allowing(vec!["10.1.0.0/16".parse().unwrap()]);
        assert!(to_service(&allowing, "10.1.2.3".parse().unwrap()));
        assert!(!to_service(&allowing, "10.2.2.3".parse().unwrap()));
        let local = connection("http://localhost:1").allowing(vec!["0.0.0.0/0".parse().unwrap()]);
        assert!(!to_service(&local, "10.1.2.3".parse().unwrap()));
    }

    #[test]
    fn a_proxy_may_be_private_and_is_never_the_metadata_service() {
        let api = "https://api.example.test".parse().unwrap();
        let proxy = |url| Proxy::for_service(&api, url, "").unwrap().unwrap();
        let direct = connection("https://api.example.test");
        let named = proxy("http://proxy.test:3128");
        assert!(to_proxy(&direct, &named, "10.1.2.3".parse().unwrap()));
        for address in ["127.0.0.1", "169.254.169.254", "::1", "0.0.0.0"] {
            assert!(!to_proxy(&direct, &named, address.parse().unwrap()));
        }
        let local = proxy("http://127.0.0.1:3128");
        assert!(to_proxy(&direct, &local, "127.0.0.1".parse().unwrap()));
    }
}
