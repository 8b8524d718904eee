//! A server whose behaviour for each connection is scripted, with or without TLS. It records
//! every byte that it receives.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The time limit of each wait: after this, the client is gone.
const PEER_TIME_LIMIT: Duration = Duration::from_secs(30);

/// A running server.
pub(crate) struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<u8>>>,
    connections: Arc<AtomicUsize>,
}

/// One connection of it.
pub(crate) struct Peer {
    /// The number of earlier connections.
    pub(crate) number: usize,
    line: Box<dyn Line>,
    tcp: TcpStream,
    seen: Arc<Mutex<Vec<u8>>>,
}

trait Line: Read + Write + Send {
    /// TLS ends with a close message; plain TCP does not.
    fn farewell(&mut self) {}
}

impl Line for TcpStream {}

impl Line for StreamOwned<ServerConnection, TcpStream> {
    fn farewell(&mut self) {
        self.conn.send_close_notify();
        let _ = self.flush();
    }
}

impl Server {
    /// A server without TLS.
    pub(crate) fn new(behave: impl Fn(Peer) + Send + Sync + 'static) -> Self {
        let open = |tcp: TcpStream| Some(Box::new(tcp) as Box<dyn Line>);
        Self::start(open, behave)
    }

    /// A server with TLS. It records only the decrypted bytes.
    pub(crate) fn tls(
        config: Arc<ServerConfig>,
        behave: impl Fn(Peer) + Send + Sync + 'static,
    ) -> Self {
        let open = move |mut tcp: TcpStream| {
            let mut tls = ServerConnection::new(Arc::clone(&config)).ok()?;
            while tls.is_handshaking() {
                tls.complete_io(&mut tcp).ok()?;
            }
            Some(Box::new(StreamOwned::new(tls, tcp)) as Box<dyn Line>)
        };
        Self::start(open, behave)
    }

    fn start(
        open: impl Fn(TcpStream) -> Option<Box<dyn Line>> + Send + Sync + 'static,
        behave: impl Fn(Peer) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            connections: Arc::default(),
        };
        let (seen, connections) = (Arc::clone(&server.seen), Arc::clone(&server.connections));
        let behave = Arc::new((open, behave));
        thread::spawn(move || {
            for tcp in listener.incoming().flatten() {
                let number = connections.fetch_add(1, Ordering::SeqCst);
                let (behave, seen) = (Arc::clone(&behave), Arc::clone(&seen));
                thread::spawn(move || {
                    let _ = tcp.set_read_timeout(Some(PEER_TIME_LIMIT));
                    let _ = tcp.set_write_timeout(Some(PEER_TIME_LIMIT));
                    let Ok(same) = tcp.try_clone() else { return };
                    if let Some(line) = behave.0(same) {
                        behave.1(Peer {
                            number,
                            line,
                            tcp,
                            seen,
                        });
                    }
                });
            }
        });
        server
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn root(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its origin over TLS, by this name.
    pub(crate) fn tls_root(&self, host: &str) -> String {
        format!("https://{host}:{}", self.address.port())
    }

    /// All bytes that it received, on all connections.
    pub(crate) fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Peer {
    /// Reads until the blank line that ends a head; more may have come with it.
    pub(crate) fn head(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while end_of_head(&bytes).is_none() && self.read(&mut bytes) {}
        bytes
    }

    /// Reads a whole request.
    pub(crate) fn request(&mut self) -> Vec<u8> {
        let mut bytes = self.head();
        let Some(end) = end_of_head(&bytes) else {
            return bytes;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
            .unwrap_or(0);
        while bytes.len() < end + length && self.read(&mut bytes) {}
        bytes
    }

    /// Reads what is there, at least a byte.
    pub(crate) fn read(&mut self, bytes: &mut Vec<u8>) -> bool {
        let mut chunk = [0; 16 * 1024];
        let count = self.line.read(&mut chunk).unwrap_or(0);
        self.seen.lock().unwrap().extend_from_slice(&chunk[..count]);
        bytes.extend_from_slice(&chunk[..count]);
        count > 0
    }

    /// Sends. Returns false if the client has closed the connection.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let sent = self.line.write_all(bytes.as_ref());
        sent.and_then(|()| self.line.flush()).is_ok()
    }

    /// Sends the same bytes until the client closes the connection.
    pub(crate) fn flood(mut self, bytes: &str) {
        let many = bytes.repeat(1 + 16 * 1024 / bytes.len());
        while self.send(&many) {}
    }

    /// Sends this without end, with pauses so that the client can read it.
    pub(crate) fn stream(mut self, bytes: &str) {
        let many = bytes.repeat(1 + 16 * 1024 / bytes.len());
        while self.send(&many) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends nothing more until the client closes the connection.
    pub(crate) fn hold(mut self) {
        while self.read(&mut Vec::new()) {}
    }

    /// Ends in order. Closing over unread bytes would reset the connection and
    /// lose what was sent, so it waits for the other side.
    pub(crate) fn end(mut self) {
        self.line.farewell();
        self.cut();
    }

    /// Ends without a TLS close message.
    pub(crate) fn cut(self) {
        let _ = self.tcp.shutdown(Shutdown::Write);
        let mut tcp = &self.tcp;
        let _ = io::copy(&mut tcp, &mut io::sink());
    }

    /// Ends with a reset.
    pub(crate) fn reset(self) {
        let now = Some(Duration::ZERO);
        let _ = rustix::net::sockopt::set_socket_linger(&self.tcp, now);
    }

    /// The connection itself, if the test ignores what follows.
    pub(crate) fn into_tcp(self) -> TcpStream {
        self.tcp
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let blank = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some(blank + 4)
}
