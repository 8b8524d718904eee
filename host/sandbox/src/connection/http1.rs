//! HTTP/1.1 on one connection. Every request that the host sends goes through this
//! module.

use bytes::Bytes;
use http::{Request, Response};
use hyper::{
    body::{Body, Incoming},
    client::conn::http1::{Builder, Connection, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;

use super::stream::Stream;

/// The size limit of an answer's head, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// An HTTP/1.1 connection. Its driver task ends when this is dropped, also if a call is
/// cancelled.
pub(crate) struct HttpConnection<B> {
    sender: SendRequest<B>,
    _driver: JoinSet<hyper::Result<()>>,
}

impl<B> HttpConnection<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// A connection for requests and their answers.
    pub(crate) async fn open(stream: impl Stream + 'static) -> hyper::Result<Self> {
        let (sender, connection) = handshake(stream).await?;
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        Ok(Self {
            sender,
            _driver: driver,
        })
    }

    /// A connection that can be upgraded to a tunnel.
    pub(crate) async fn open_upgradable(stream: impl Stream + 'static) -> hyper::Result<Self> {
        let (sender, connection) = handshake(stream).await?;
        let mut driver = JoinSet::new();
        driver.spawn(connection.with_upgrades());
        Ok(Self {
            sender,
            _driver: driver,
        })
    }

    /// Sends a request, and returns the answer's head. The body is read while this
    /// is alive.
    pub(crate) async fn send(&mut self, request: Request<B>) -> hyper::Result<Response<Incoming>> {
        self.sender.send_request(request).await
    }
}

async fn handshake<B, S>(stream: S) -> hyper::Result<(SendRequest<B>, Connection<TokioIo<S>, B>)>
where
    B: Body + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S: Stream + 'static,
{
    Builder::new()
        .max_buf_size(MAX_HEAD)
        .handshake(TokioIo::new(stream))
        .await
}
