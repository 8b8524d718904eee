//! What may be between the command and a simulator: a TLS front, and a proxy.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, crypto::aws_lc_rs::default_provider, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::TcpListener,
    runtime::Runtime,
};
use tokio_rustls::TlsAcceptor;

/// Serves TLS for these names in front of a plain HTTP server. Returns the address, and the
/// PEM of the certificate authority.
pub(super) fn front(runtime: &Runtime, names: &[&str], behind: SocketAddr) -> (SocketAddr, String) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let certificate = CertificateParams::new(names)
        .unwrap()
        .signed_by(&key, &Issuer::new(authority, authority_key))
        .unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut client = acceptor.accept(client).await.ok()?;
                let mut upstream = tokio::net::TcpStream::connect(behind).await.ok()?;
                copy_bidirectional(&mut client, &mut upstream).await.ok()
            });
        }
    });
    (address, authority_pem)
}

/// A proxy that connects every request to one target, and records the heads.
pub(super) struct Proxy {
    pub(super) root: String,
    request_heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub(super) fn to(runtime: &Runtime, target: SocketAddr) -> Self {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let request_heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&request_heads);
        runtime.spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let log = Arc::clone(&log);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(client.read_u8().await.ok()?);
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    log.lock().unwrap().push(head);
                    let mut upstream = tokio::net::TcpStream::connect(target).await.ok()?;
                    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
                    copy_bidirectional(&mut client, &mut upstream).await.ok()
                });
            }
        });
        Self {
            root,
            request_heads,
        }
    }

    /// The heads of all requests so far.
    pub(super) fn request_heads(&self) -> Vec<String> {
        self.request_heads.lock().unwrap().clone()
    }
}
