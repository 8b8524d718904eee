//! A minimal HTTP client, for example to query a simulator for the requests that it received.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::Value;

/// `GET` of a JSON value, without TLS.
pub fn get_json(root: &str, path: &str) -> Value {
    let (_, body) = request(root, None, "GET", path, "");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

/// Sends a request with a JSON body to a loopback address, over TLS if there is a certificate
/// authority (PEM). Returns the status and the body of the answer.
pub fn request(
    root: &str,
    authority: Option<&str>,
    method: &str,
    path: &str,
    body: &str,
) -> (u16, String) {
    let (_, address) = root.split_once("://").unwrap();
    let address: SocketAddr = address.parse().unwrap();
    let tcp = TcpStream::connect(address).unwrap();
    super::limited(&tcp);
    // HTTP/1.0: the answer is not chunked.
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = match authority {
        None => exchange(tcp, &request),
        Some(authority) => exchange(encrypted(tcp, address, authority), &request),
    };
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {answer}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

fn encrypted(
    tcp: TcpStream,
    address: SocketAddr,
    authority: &str,
) -> StreamOwned<ClientConnection, TcpStream> {
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
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), tcp)
}

fn exchange(mut stream: impl Read + Write, request: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // The connection may end without a TLS close. The caller notices a truncated answer.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}
