//! HTTPS: an authority that is created at start, and a listener that accepts
//! during handshakes, so that a silent client does not block other clients.

use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::connection::{Connection, Switch};

/// The timeout of a handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The most handshakes at the same time; further connections wait.
const HANDSHAKES: usize = 256;

/// The pause after the system failed to accept a connection.
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_millis(100);

/// HTTPS couldn't be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The authority or its certificate couldn't be created.
    #[error("no certificate could be made")]
    Certificate(#[from] rcgen::Error),
    /// The certificate can't be used by a server.
    #[error("the certificate that was made can't be used")]
    Server(#[from] rustls::Error),
}

/// The TLS parts of an HTTPS server: an acceptor with its certificate, and the certificate of
/// the authority that issued it.
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    /// In PEM form.
    pub(crate) authority: String,
}

impl Tls {
    /// Creates an authority, whose key is dropped at once, and a certificate for the names of
    /// this machine and for further names.
    pub(crate) fn new(names: &[String]) -> Result<Self, TlsError> {
        let authority_key = KeyPair::generate()?;
        let mut authority = params(AUTHORITY_NAME)?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority_certificate = authority.self_signed(&authority_key)?;

        let key = KeyPair::generate()?;
        let mut server = params("Defender for Endpoint simulator")?;
        server.subject_alt_names = vec![
            SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
            SanType::DnsName("localhost".try_into()?),
        ];
        for name in names {
            server.subject_alt_names.push(match name.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(name.as_str().try_into()?),
            });
        }
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.use_authority_key_identifier_extension = true;
        let certificate = server.signed_by(&key, &Issuer::new(authority, authority_key))?;

        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        // Explicit, because a program can contain more than one provider.
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            authority: authority_certificate.pem(),
        })
    }
}

/// The name of the authority. It shows that a simulator wrote a certificate.
pub(crate) const AUTHORITY_NAME: &str = "Defender for Endpoint simulator, authority";

/// Valid from last year to next year by the system's clock: the client's clock counts, not the
/// simulator's.
fn params(name: &str) -> Result<CertificateParams, rcgen::Error> {
    let year = i32::from(Timestamp::now().to_zoned(TimeZone::UTC).year());
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(year - 1, 1, 1);
    params.not_after = date_time_ymd(year + 1, 12, 31);
    Ok(params)
}

/// Returns connections after their handshake. Failed ones are dropped.
pub(crate) struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    handshakes: JoinSet<Option<(TlsStream<Connection>, SocketAddr)>>,
}

impl TlsListener {
    pub(crate) fn new(listener: TcpListener, acceptor: TlsAcceptor) -> Self {
        Self {
            listener,
            acceptor,
            handshakes: JoinSet::new(),
        }
    }

    fn shake_hands(&mut self, stream: TcpStream, address: SocketAddr) {
        let handshake = self.acceptor.accept(Connection::new(stream));
        self.handshakes.spawn(async move {
            let stream = timeout(HANDSHAKE, handshake).await.ok()?.ok()?;
            Some((stream, address))
        });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<Connection>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let room = self.handshakes.len() < HANDSHAKES;
            let done = async {
                match self.handshakes.join_next().await {
                    Some(done) => done.ok().flatten(),
                    None => pending().await,
                }
            };
            tokio::select! {
                done = done => {
                    if let Some(done) = done {
                        return done;
                    }
                }
                accepted = self.listener.accept(), if room => match accepted {
                    Ok((stream, address)) => self.shake_hands(stream, address),
                    // The error is about one connection, or about the system, which may
                    // recover.
                    Err(_) => tokio::time::sleep(ACCEPT_RETRY_PAUSE).await,
                },
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// Below TLS: a broken connection must not send a TLS close notification, either.
impl Connected<IncomingStream<'_, TlsListener>> for Switch {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        let (connection, _) = TlsStream::get_ref(stream.io());
        connection.switch()
    }
}
