//! A proxy that a test holds in its hand, and a service behind TLS.

use std::{
    fs,
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

use super::{Authority, Peer, Server};
use crate::support::{MACHINE, Scripted, command};

/// A proxy that tunnels every `CONNECT` to one place, whatever was asked for.
pub(crate) struct Tunnel(Server);

impl Tunnel {
    pub(crate) fn to(target: SocketAddr) -> Self {
        Self(Server::new(move |mut peer| {
            peer.head();
            peer.send("HTTP/1.1 200 Connection established\r\n\r\n");
            let Ok(there) = TcpStream::connect(target) else {
                return;
            };
            let here = peer.into_tcp();
            let (from, to) = (here.try_clone().unwrap(), there.try_clone().unwrap());
            thread::spawn(move || pump(from, to));
            pump(there, here);
        }))
    }

    pub(crate) fn root(&self) -> String {
        self.0.root()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// The heads of all requests, and nothing of what was in the tunnels.
    pub(crate) fn seen(&self) -> String {
        self.0.seen()
    }

    pub(crate) fn connections(&self) -> usize {
        self.0.connections()
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

const AUTHORITY: &str = "authority.pem";

/// A scripted service behind TLS, and the file of the authority that it needs.
pub(crate) struct Front {
    pub(crate) service: Scripted,
    tls: Server,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Front {
    /// A front whose certificate is for these names.
    pub(crate) fn new(service: Scripted, names: &[&str]) -> Self {
        let authority = Authority::new();
        fs::write(service.path(AUTHORITY), authority.pem()).unwrap();
        let backend = service.root().strip_prefix("http://").unwrap().to_owned();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&requests);
        let tls = Server::tls(authority.signs(names).config(), move |peer: Peer| {
            forward(peer, &backend, &log);
        });
        Self {
            service,
            tls,
            requests,
        }
    }

    /// The file of the authority.
    pub(crate) fn authority(&self) -> PathBuf {
        self.service.path(AUTHORITY)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.tls.address()
    }

    pub(crate) fn root(&self, host: &str) -> String {
        self.tls.tls_root(host)
    }

    /// All requests.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.tls.connections()
    }

    /// `offboard run` at this origin, with the right authority.
    pub(crate) fn order(&self, root: &str) -> Command {
        let mut command = order(&self.service, root);
        command.arg("--ca-file").arg(self.authority());
        command
    }
}

/// `offboard run` at this origin.
pub(crate) fn order(service: &Scripted, root: &str) -> Command {
    let mut command = command(["run", MACHINE, "--comment", "Retired", "--yes"]);
    command
        .args(["--output", "json", "--grace=0s", "--api-root", root])
        .env("OFFBOARD_TOKEN_FILE", service.path("token"))
        .env("OFFBOARD_LEDGER", service.path("ledger.db"));
    command
}

fn forward(mut peer: Peer, backend: &str, log: &Mutex<Vec<String>>) {
    let request = peer.request();
    log.lock()
        .unwrap()
        .push(String::from_utf8_lossy(&request).into_owned());
    let Ok(mut there) = TcpStream::connect(backend) else {
        return;
    };
    let mut answer = Vec::new();
    let _ = there
        .write_all(&request)
        .and_then(|()| there.read_to_end(&mut answer));
    peer.send(&answer);
    peer.end();
}
