//! The least of HTTPS that these tests need besides the command: to ask a
//! simulator what it saw, and to stand between the command and it, by name.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex},
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::TcpListener,
    runtime::Runtime,
};
use tokio_rustls::TlsAcceptor;

/// `GET` of a JSON value, over TLS where there is an authority to trust.
pub(super) fn get(root: &str, authority: Option<&str>, path: &str) -> Value {
    let (_, address) = root.split_once("://").unwrap();
    let address: SocketAddr = address.parse().unwrap();
    let tcp = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    let mut answer = Vec::new();
    // An end without a farewell is an end; whether all is there, JSON tells.
    let _ = match authority {
        None => exchange(tcp, &request, &mut answer),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            for authority in CertificateDer::pem_slice_iter(authority.as_bytes()) {
                roots.add(authority.unwrap()).unwrap();
            }
            let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            let name = ServerName::from(address.ip());
            let tls = ClientConnection::new(Arc::new(config), name).unwrap();
            exchange(StreamOwned::new(tls, tcp), &request, &mut answer)
        }
    };
    let answer = String::from_utf8(answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

fn exchange(
    mut line: impl Read + Write,
    request: &str,
    answer: &mut Vec<u8>,
) -> std::io::Result<usize> {
    line.write_all(request.as_bytes())?;
    line.read_to_end(answer)
}

/// TLS for these names in front of a server that speaks in the clear; its
/// address, and the PEM of its authority.
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
        while let Ok((here, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut here = acceptor.accept(here).await.ok()?;
                let mut there = tokio::net::TcpStream::connect(behind).await.ok()?;
                copy_bidirectional(&mut here, &mut there).await.ok()
            });
        }
    });
    (address, authority_pem)
}

/// A proxy that leads everything to one place, and remembers what it was asked
/// for.
pub(super) struct Proxy {
    pub(super) root: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub(super) fn to(runtime: &Runtime, target: SocketAddr) -> Self {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&asked);
        runtime.spawn(async move {
            while let Ok((mut here, _)) = listener.accept().await {
                let log = Arc::clone(&log);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(here.read_u8().await.ok()?);
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    log.lock().unwrap().push(head);
                    let mut there = tokio::net::TcpStream::connect(target).await.ok()?;
                    here.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
                    copy_bidirectional(&mut here, &mut there).await.ok()
                });
            }
        });
        Self { root, asked }
    }

    /// The heads of all requests.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}
