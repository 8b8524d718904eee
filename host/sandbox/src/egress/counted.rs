//! A connection that counts its bytes for the record, and refuses to send a request
//! after its deadline.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::record::TransferCounter;
use crate::{
    connection::BoxedStream,
    grant::{ClockReading, LeaveBy},
};

const DEADLINE_PASSED: &str = "the deadline passed before the request was sent: the state that was read before it is out of date";

/// A connection that counts its bytes.
pub(super) struct Counted {
    stream: BoxedStream,
    counter: Arc<TransferCounter>,
    /// The latest time of the first byte; `None` once it was sent.
    leave_by: Option<LeaveBy>,
}

impl Counted {
    pub(super) fn new(
        stream: BoxedStream,
        counter: Arc<TransferCounter>,
        leave_by: Option<LeaveBy>,
    ) -> Self {
        Self {
            stream,
            counter,
            leave_by,
        }
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.counter.received(buffer.filled().len() - before);
        read
    }
}

/// Vectored writes use the default implementation, which calls `poll_write`.
impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Checked right before the first byte: a sign-in, a connection or a suspended
        // process may have taken any time.
        if let Some(leave_by) = self.leave_by {
            if leave_by.is_over(ClockReading::now()) {
                return Poll::Ready(Err(io::Error::other(DEADLINE_PASSED)));
            }
            self.leave_by = None;
        }
        if !self.counter.claim() {
            return Poll::Ready(Err(io::Error::from(io::ErrorKind::BrokenPipe)));
        }
        let written = Pin::new(&mut self.stream).poll_write(context, buffer);
        if let Poll::Ready(Ok(count)) = &written {
            self.counter.sent(*count);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
