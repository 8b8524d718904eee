//! Faulty bodies. Both announce their true length, so that a client can know what is missing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::connection::Switch;

/// How long the first half of a body has to reach the client: a reset discards unsent data.
const ON_ITS_WAY: Duration = Duration::from_millis(50);

/// A body that is sent byte by byte.
#[derive(Debug)]
pub(crate) struct SlowBody {
    rest: Bytes,
    pause: Duration,
    /// The pause before every byte except the first.
    pausing: Option<Pin<Box<Sleep>>>,
}

impl SlowBody {
    pub(crate) fn new(body: Bytes, pause: Duration) -> Self {
        Self {
            rest: body,
            pause,
            pausing: None,
        }
    }
}

impl HttpBody for SlowBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        if let Some(pausing) = &mut self.pausing {
            ready!(pausing.as_mut().poll(cx));
        }
        self.pausing = Some(Box::pin(sleep(self.pause)));
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(1)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        exact(self.rest.len())
    }
}

/// A body that ends in the middle with a reset of its connection.
#[derive(Debug)]
pub(crate) struct BrokenBody {
    half: Bytes,
    rest: usize,
    switch: Switch,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl BrokenBody {
    pub(crate) fn new(mut body: Bytes, switch: Switch) -> Self {
        let half = body.split_to(body.len() / 2);
        Self {
            half,
            rest: body.len(),
            switch,
            waiting: None,
        }
    }
}

impl HttpBody for BrokenBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if !self.half.is_empty() {
            let half = std::mem::take(&mut self.half);
            return Poll::Ready(Some(Ok(Frame::data(half))));
        }
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(sleep(ON_ITS_WAY)));
        ready!(waiting.as_mut().poll(cx));
        self.switch.reset();
        Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())))
    }

    fn size_hint(&self) -> SizeHint {
        exact(self.half.len().saturating_add(self.rest))
    }
}

fn exact(length: usize) -> SizeHint {
    SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
}
