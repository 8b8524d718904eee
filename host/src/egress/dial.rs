//! Connections: names are resolved here, every address is looked at, and the
//! connection goes to one that was. Anything that is not a public address is
//! refused; loopback is for a connection that names it.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use rustls::{ClientConfig, pki_types::ServerName};
use rustls_platform_verifier::BuilderVerifierExt;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use url::Host;

use super::record::Meter;
use crate::contract::{ApiRoot, Scheme};

/// How long one address may take to answer.
const CONNECT: Duration = Duration::from_secs(10);

/// Why there is no connection. Nothing of the request has left.
#[derive(Debug, Error)]
pub(crate) enum DialError {
    #[error("the name {0} cannot be resolved: {1}")]
    Resolve(String, io::Error),
    #[error("the name {0} has no address")]
    NoAddress(String),
    #[error("{0} is at {1}, which is no public address")]
    Prohibited(String, IpAddr),
    #[error("{0} does not answer: {1}")]
    Connect(SocketAddr, io::Error),
    #[error("no trusted TLS connection to {0}: {1}")]
    Tls(String, io::Error),
    #[error("TLS cannot be set up: {0}")]
    TlsSetup(rustls::Error),
}

/// A connection that counts what is written to it.
pub(crate) struct Counted {
    stream: Box<dyn Stream>,
    meter: Arc<Meter>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects to the service.
pub(crate) async fn dial(api: &ApiRoot, meter: Arc<Meter>) -> Result<Counted, DialError> {
    let tcp = connect(api).await?;
    // Small requests: waiting to fill a segment would only cost time.
    let _ = tcp.set_nodelay(true);
    let stream: Box<dyn Stream> = match api.scheme() {
        Scheme::Http => Box::new(tcp),
        Scheme::Https => {
            let name = api.host().to_string();
            let tls_error = |error| DialError::Tls(name.clone(), error);
            let server = server_name(api).map_err(|error| tls_error(io::Error::other(error)))?;
            let tls = TlsConnector::from(tls_config()?);
            Box::new(tls.connect(server, tcp).await.map_err(tls_error)?)
        }
    };
    Ok(Counted { stream, meter })
}

async fn connect(api: &ApiRoot) -> Result<TcpStream, DialError> {
    let host = api.host().to_string();
    let addresses: Vec<SocketAddr> = match api.host() {
        Host::Ipv4(address) => vec![SocketAddr::from((*address, api.port()))],
        Host::Ipv6(address) => vec![SocketAddr::from((*address, api.port()))],
        Host::Domain(name) => tokio::net::lookup_host((name.as_str(), api.port()))
            .await
            .map_err(|error| DialError::Resolve(host.clone(), error))?
            .collect(),
    };
    // One bad address is enough: an answer that mixes them is not to be
    // trusted at all.
    if let Some(bad) = addresses
        .iter()
        .find(|address| !permitted(api, address.ip()))
    {
        return Err(DialError::Prohibited(host, bad.ip()));
    }
    let mut last = None;
    for address in addresses {
        // A bound for each, so that one that swallows packets leaves time for
        // the next.
        match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = Some(DialError::Connect(address, error)),
            Err(_) => {
                let error = io::Error::from(io::ErrorKind::TimedOut);
                last = Some(DialError::Connect(address, error));
            }
        }
    }
    Err(last.unwrap_or(DialError::NoAddress(host)))
}

/// Whether the token may go to this address.
fn permitted(api: &ApiRoot, address: IpAddr) -> bool {
    match api.host() {
        // An address was named: that, and no other. `http` only to loopback.
        Host::Ipv4(_) | Host::Ipv6(_) => api.scheme() == Scheme::Https || address.is_loopback(),
        Host::Domain(name) if name == "localhost" => address.is_loopback(),
        Host::Domain(_) => is_public(address),
    }
}

fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a, b & 0xc0) == (100, 64)
        || (a, b & 0xfe) == (198, 18)
        || (a, b, c) == (192, 0, 0)
        // The address of Azure's own platform services.
        || address == Ipv4Addr::new(168, 63, 129, 16))
}

/// Global unicast (2000::/3) without what stands for other addresses (Teredo,
/// 6to4) or for none (documentation).
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    (a & 0xe000) == 0x2000
        && !(a == 0x2001 && b < 0x200)
        && !(a == 0x2001 && b == 0xdb8)
        && a != 0x2002
        && (a & 0xfff0) != 0x3ff0
}

fn server_name(
    api: &ApiRoot,
) -> Result<ServerName<'static>, rustls::pki_types::InvalidDnsNameError> {
    match api.host() {
        Host::Domain(name) => ServerName::try_from(name.clone()),
        Host::Ipv4(address) => Ok(ServerName::from(IpAddr::V4(*address))),
        Host::Ipv6(address) => Ok(ServerName::from(IpAddr::V6(*address))),
    }
}

/// TLS 1.2 or newer, with the platform's trust store.
fn tls_config() -> Result<Arc<ClientConfig>, DialError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_platform_verifier())
        .map_err(DialError::TlsSetup)?
        .with_no_client_auth();
    Ok(Arc::new(config))
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
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
            self.meter.count(*count);
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

    #[test]
    fn what_is_not_public_is_told_apart() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(
                !is_public(address.parse().unwrap()),
                "{address} passed as public"
            );
        }
        for address in [
            "20.50.0.1",
            "1.1.1.1",
            "100.128.0.1",
            "::ffff:1.1.1.1",
            "2606:4700::1111",
            "2a01:111::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address} was refused");
        }
    }

    #[test]
    fn a_name_never_leads_to_loopback_unless_it_is_localhost() {
        let loopback = "127.0.0.1".parse().unwrap();
        let public = "20.50.0.1".parse().unwrap();
        let api = |text: &str| text.parse::<ApiRoot>().unwrap();
        assert!(!permitted(&api("https://api.example.test"), loopback));
        assert!(permitted(&api("https://api.example.test"), public));
        assert!(permitted(&api("http://localhost:1"), loopback));
        assert!(!permitted(&api("http://localhost:1"), public));
        assert!(permitted(&api("http://127.0.0.1:1"), loopback));
    }
}
