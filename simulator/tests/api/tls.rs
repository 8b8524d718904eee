//! HTTPS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use offboard_simulator::{Config, FaultPlan, Simulator};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
};

use crate::client::start;

async fn secure() -> Simulator {
    start(Config {
        tls: true,
        page_size: 2,
        ..Config::default()
    })
    .await
}

fn address(simulator: &Simulator) -> SocketAddr {
    let address = simulator.api_root().strip_prefix("https://");
    address.unwrap().parse().unwrap()
}

struct Client {
    authority: String,
    name: &'static str,
    versions: Vec<&'static SupportedProtocolVersion>,
}

impl Client {
    fn of(simulator: &Simulator) -> Self {
        Self {
            authority: simulator.authority_certificate().unwrap().to_owned(),
            name: "127.0.0.1",
            versions: vec![&TLS12, &TLS13],
        }
    }

    /// Sends one request; returns the negotiated version and the answer.
    async fn get(
        &self,
        to: &Simulator,
        path: &str,
    ) -> io::Result<(Option<ProtocolVersion>, String)> {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_slice(self.authority.as_bytes()).unwrap();
        roots.add(certificate).unwrap();
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_protocol_versions(&self.versions)
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let stream = TcpStream::connect(address(to)).await?;
        let name = ServerName::try_from(self.name).unwrap();
        let mut stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await?;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
            address(to),
            to.token()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok((stream.get_ref().1.protocol_version(), answer))
    }
}

#[tokio::test]
async fn whoever_trusts_the_authority_is_served_by_each_name() {
    let simulator = secure().await;
    for name in ["127.0.0.1", "::1", "localhost"] {
        let client = Client {
            name,
            ..Client::of(&simulator)
        };
        let (_, answer) = client.get(&simulator, "/api/machines").await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{name}: {answer}");
    }
    let other = Client {
        name: "contoso.test",
        ..Client::of(&simulator)
    };
    assert!(other.get(&simulator, "/api/machines").await.is_err());
}

#[tokio::test]
async fn further_names_are_in_the_certificate() {
    let simulator = start(Config {
        tls: true,
        tls_names: [
            "login.microsoftonline.com",
            "*.securitycenter.test",
            "192.0.2.1",
        ]
        .map(String::from)
        .to_vec(),
        ..Config::default()
    })
    .await;
    for (name, served) in [
        ("127.0.0.1", true),
        ("localhost", true),
        ("login.microsoftonline.com", true),
        ("api-eu.securitycenter.test", true),
        ("192.0.2.1", true),
        ("securitycenter.test", false),
        ("graph.microsoft.com", false),
    ] {
        let client = Client {
            name,
            ..Client::of(&simulator)
        };
        let answer = client.get(&simulator, "/api/machines").await;
        assert_eq!(answer.is_ok(), served, "{name}");
    }
}

#[tokio::test]
async fn an_invalid_name_is_refused() {
    let started = Simulator::start(Config {
        tls: true,
        tls_names: vec!["https://login.microsoftonline.com".to_owned()],
        ..Config::default()
    });
    let error = started.await.unwrap_err().to_string();
    assert!(error.contains("is not a name for a certificate"), "{error}");
}

#[tokio::test]
async fn whoever_does_not_trust_it_is_not() {
    let (simulator, other) = (secure().await, secure().await);
    let error = Client::of(&other).get(&simulator, "/api/machines").await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
    Client::of(&simulator)
        .get(&simulator, "/api/machines")
        .await
        .unwrap();
}

#[tokio::test]
async fn both_versions_of_tls_are_spoken() {
    let simulator = secure().await;
    for (only, expected) in [
        (&TLS12, ProtocolVersion::TLSv1_2),
        (&TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let client = Client {
            versions: vec![only],
            ..Client::of(&simulator)
        };
        let (version, _) = client.get(&simulator, "/api/machines").await.unwrap();
        assert_eq!(version, Some(expected));
    }
}

#[tokio::test]
async fn links_have_the_scheme() {
    let simulator = secure().await;
    assert!(simulator.authority().starts_with("https://127.0.0.1:"));
    let client = Client::of(&simulator);
    let (_, answer) = client.get(&simulator, "/api/machines").await.unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    for link in ["@odata.context", "@odata.nextLink"] {
        let link = body[link].as_str().unwrap();
        assert!(link.starts_with(simulator.api_root()), "{link}");
    }
    let path = format!(
        "/{}/v2.0/.well-known/openid-configuration",
        simulator.tenant_id()
    );
    let (_, answer) = client.get(&simulator, &path).await.unwrap();
    assert!(!answer.contains("http://"), "{answer}");
}

#[tokio::test]
async fn a_client_that_says_nothing_holds_up_nobody() {
    let simulator = secure().await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(address(&simulator)).await.unwrap());
    }
    let mut plain = TcpStream::connect(address(&simulator)).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let client = Client::of(&simulator);
    let answer = tokio::time::timeout(
        Duration::from_secs(5),
        client.get(&simulator, "/api/machines"),
    );
    answer.await.unwrap().unwrap();
    let mut said = Vec::new();
    // Possibly a TLS alert, but no HTTP.
    let _ = plain.read_to_end(&mut said).await;
    assert!(!said.starts_with(b"HTTP"), "{said:?}");
    simulator.stop().await;
}

#[tokio::test]
async fn a_handshake_ends_after_ten_seconds() {
    let simulator = secure().await;
    let mut silent = TcpStream::connect(address(&simulator)).await.unwrap();
    let mut said = Vec::new();
    let early = tokio::time::timeout(Duration::from_secs(8), silent.read_to_end(&mut said));
    assert!(early.await.is_err());
    let closed = tokio::time::timeout(Duration::from_secs(6), silent.read_to_end(&mut said));
    assert_eq!(closed.await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn a_connection_that_a_fault_breaks_says_no_farewell() {
    let simulator = secure().await;
    for fault in ["drop-before-commit", "drop-after-commit", "reset-in-body"] {
        let rule = format!("machines:1:{fault}");
        simulator.set_faults(FaultPlan::parse([rule]).unwrap());
        let client = Client::of(&simulator);
        let error = client.get(&simulator, "/api/machines").await.unwrap_err();
        let expected = match fault {
            "reset-in-body" => io::ErrorKind::ConnectionReset,
            _ => io::ErrorKind::UnexpectedEof,
        };
        assert_eq!(error.kind(), expected, "{fault}: {error}");
        client.get(&simulator, "/api/machines").await.unwrap();
    }
}

#[tokio::test]
async fn without_it_there_is_no_authority_of_certificates() {
    let simulator = start(Config::default()).await;
    assert_eq!(simulator.authority_certificate(), None);
    assert!(simulator.authority().starts_with("http://127.0.0.1:"));
}
