//! A port that is closed for as long as a test needs it closed.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// A port that is bound and never listens: the system refuses connections to it, and
/// does not assign it to another process meanwhile.
pub(crate) struct ClosedPort(TcpSocket);

impl ClosedPort {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        Self(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub(crate) fn root(&self) -> String {
        format!("http://{}", self.address())
    }
}
