//! The byte stream below a connection.

use tokio::io::{AsyncRead, AsyncWrite};

/// A byte stream: TCP, TLS or a tunnel.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub(crate) type BoxedStream = Box<dyn Stream>;
