//! Opens connections: resolves a name, checks every address, and connects to one that
//! passed, directly or through a proxy. TLS is with the service itself.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Host;

use super::{
    address, http1::HttpConnection, network::Network, proxy::Proxy, stream::BoxedStream,
    target::Target,
};
use crate::contract::Scheme;

/// Timeout of the connection to one address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no connection. No byte of a request was sent.
#[derive(Debug, Error)]
pub(crate) enum DialError {
    #[error("the name {0} cannot be resolved: {1}")]
    Resolve(String, io::Error),
    #[error("the name {0} has no address")]
    NoAddress(String),
    #[error(
        "{0} resolves to {1}, which is not a public address: allow the address if that is intended"
    )]
    Prohibited(String, IpAddr),
    #[error("{0} does not answer: {1}")]
    Connect(SocketAddr, io::Error),
    #[error("no trusted TLS connection to {0}: {1}")]
    Tls(String, io::Error),
    #[error(
        "no trusted TLS connection to {0}: it did not answer with TLS; the port may be for http, or \
         for another protocol"
    )]
    NotTls(String),
    #[error("TLS cannot be set up: {0}")]
    TlsSetup(rustls::Error),
    #[error("the connection to the proxy {0} failed: {1}")]
    Proxy(String, hyper::Error),
    #[error("the proxy {0} refused the connection: it answered {1}")]
    ProxyRefused(String, StatusCode),
    #[error("the proxy {0} cannot be reached: {1}")]
    ToProxy(String, Box<DialError>),
}

/// Connects to a target. Calls `trying` with each address before it is tried.
pub(crate) async fn dial(
    target: &Target,
    network: &Network,
    trying: &(dyn Fn(SocketAddr) + Sync),
) -> Result<BoxedStream, DialError> {
    let stream: BoxedStream = match network.proxy_for(target) {
        Some(proxy) => tunnel(target, network, proxy, trying).await?,
        None => {
            let permitted = |address| target.permits(address, network.allowed());
            Box::new(connect(target.host(), target.port(), permitted, trying).await?)
        }
    };
    match target.scheme() {
        Scheme::Http => Ok(stream),
        Scheme::Https => secure(network, target.host(), stream).await,
    }
}

/// Opens a tunnel through the proxy, to the target only.
async fn tunnel(
    target: &Target,
    network: &Network,
    proxy: &Proxy,
    trying: &(dyn Fn(SocketAddr) + Sync),
) -> Result<BoxedStream, DialError> {
    let permitted = |address| to_proxy(network, proxy, address);
    let on_the_way = |error| DialError::ToProxy(proxy.to_string(), Box::new(error));
    let tcp = connect(proxy.host(), proxy.port(), permitted, trying)
        .await
        .map_err(on_the_way)?;
    let stream: BoxedStream = match proxy.scheme() {
        Scheme::Http => Box::new(tcp),
        Scheme::Https => secure(network, proxy.host(), Box::new(tcp))
            .await
            .map_err(on_the_way)?,
    };
    let failed = |error| DialError::Proxy(proxy.to_string(), error);
    let mut connection = HttpConnection::open_upgradable(stream)
        .await
        .map_err(failed)?;
    let answer = connection
        .send(connect_request(target, proxy))
        .await
        .map_err(failed)?;
    if !answer.status().is_success() {
        let refused = DialError::ProxyRefused(proxy.to_string(), answer.status());
        return Err(refused);
    }
    let tunnel = hyper::upgrade::on(answer).await.map_err(failed)?;
    Ok(Box::new(TokioIo::new(tunnel)))
}

fn connect_request(target: &Target, proxy: &Proxy) -> Request<Empty<Bytes>> {
    let authority = target.authority();
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::CONNECT;
    let headers = request.headers_mut();
    if let Ok(host) = authority.parse() {
        headers.insert(header::HOST, host);
    }
    if let Some(value) = proxy.authorization() {
        headers.insert(header::PROXY_AUTHORIZATION, value.clone());
    }
    // The authority of a target always parses.
    *request.uri_mut() = authority.parse::<Uri>().unwrap_or_default();
    request
}

async fn connect(
    host: &Host<String>,
    port: u16,
    permitted: impl Fn(IpAddr) -> bool,
    trying: &(dyn Fn(SocketAddr) + Sync),
) -> Result<TcpStream, DialError> {
    let addresses: Vec<SocketAddr> = match host {
        Host::Ipv4(address) => vec![SocketAddr::from((*address, port))],
        Host::Ipv6(address) => vec![SocketAddr::from((*address, port))],
        Host::Domain(name) => tokio::net::lookup_host((name.as_str(), port))
            .await
            .map_err(|error| DialError::Resolve(host.to_string(), error))?
            .collect(),
    };
    // One forbidden address is enough to reject the answer: a DNS answer that mixes permitted
    // and forbidden addresses is not trusted.
    if let Some(bad) = addresses.iter().find(|address| !permitted(address.ip())) {
        return Err(DialError::Prohibited(host.to_string(), bad.ip()));
    }
    let mut last = None;
    for address in addresses {
        trying(address);
        // Each address has a timeout of its own, so that one that drops packets leaves
        // time for the next.
        match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Requests are small: Nagle's algorithm would only delay them.
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

/// Whether a proxy may have this address. Proxies are often in private networks, and the user
/// configured this proxy. Even so, a proxy name must not lead to the machine's own services or
/// to the metadata address.
fn to_proxy(network: &Network, proxy: &Proxy, address: IpAddr) -> bool {
    match proxy.host() {
        Host::Ipv4(_) | Host::Ipv6(_) => true,
        Host::Domain(name) if name == "localhost" => address.is_loopback(),
        Host::Domain(_) => {
            address::is_public(address) || address::is_private(address) || network.allows(address)
        }
    }
}

async fn secure(
    network: &Network,
    host: &Host<String>,
    stream: BoxedStream,
) -> Result<BoxedStream, DialError> {
    let tls_error = |error| DialError::Tls(host.to_string(), error);
    let name = server_name(host).map_err(|error| tls_error(io::Error::other(error)))?;
    let config = network.tls().map_err(DialError::TlsSetup)?;
    let stream = TlsConnector::from(config)
        .connect(name, stream)
        .await
        .map_err(|error| {
            if is_not_tls(&error) {
                DialError::NotTls(host.to_string())
            } else {
                tls_error(error)
            }
        })?;
    Ok(Box::new(stream))
}

/// Whether a handshake failed because the answer was not TLS.
fn is_not_tls(error: &io::Error) -> bool {
    use rustls::{Error, InvalidMessage as Invalid};
    let error = error.get_ref().and_then(|error| error.downcast_ref());
    matches!(
        error,
        Some(Error::InvalidMessage(
            Invalid::InvalidContentType | Invalid::UnknownProtocolVersion
        ))
    )
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_proxy_may_be_private_and_is_never_the_metadata_service() {
        let network = Network::default();
        let named = Proxy::read("http://proxy.test:3128").unwrap();
        assert!(to_proxy(&network, &named, "10.1.2.3".parse().unwrap()));
        for address in [
            "127.0.0.1",
            "169.254.169.254",
            "100.100.100.200",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::1",
            "0.0.0.0",
        ] {
            assert!(!to_proxy(&network, &named, address.parse().unwrap()));
        }
        let local = Proxy::read("http://127.0.0.1:3128").unwrap();
        assert!(to_proxy(&network, &local, "127.0.0.1".parse().unwrap()));
    }
}
