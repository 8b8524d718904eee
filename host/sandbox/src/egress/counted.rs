//! A connection that counts what goes through it, for the record, and lets nothing out
//! that is late.

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
    grant::{LeaveBy, Moment},
};

const LATE: &str = "it did not leave in time: what was read right before it has grown old";

/// A connection that counts what goes through it.
pub(super) struct Counted {
    stream: BoxedStream,
    counter: Arc<TransferCounter>,
    /// Until when the first byte may leave; none after that.
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

/// Vectored writes are left to the default, which comes back to `poll_write`.
impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Right before the first byte: a sign-in, a connection or a stopped process may
        // have taken any time.
        if let Some(leave_by) = self.leave_by {
            if leave_by.is_over(Moment::now()) {
                return Poll::Ready(Err(io::Error::other(LATE)));
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
