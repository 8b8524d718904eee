//! What really happened to a call's requests, as egress saw it. What is
//! repeated, adopted or given up follows from this alone, never from what the
//! guest says.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use crate::grant::{Refusal, Route};

/// More refusals than this of one call are counted and not kept.
const MAX_REFUSALS: usize = 16;

/// What a call sent and received.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CallRecord {
    /// The one request that was let out, if one was.
    pub exchange: Option<Exchange>,
    /// The requests that were not let out, the first ones.
    pub refusals: Vec<Refusal>,
    /// How many were not let out in all.
    pub refused: u64,
}

/// One request that was let out, and what came back.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Exchange {
    /// The route.
    pub route: Route,
    /// The address that the connection went to: the proxy's, where there is one.
    pub address: Option<SocketAddr>,
    /// How many bytes of the request went to the connection. Zero means that
    /// the service cannot have seen it.
    pub bytes_sent: u64,
    /// How many bytes came back.
    pub bytes_received: u64,
    /// The final status, as soon as it was there.
    pub status: Option<u16>,
    /// The `Retry-After` header.
    pub retry_after: Option<String>,
    /// The body as delivered to the guest; none unless it arrived whole and
    /// within its limit.
    pub answer: Option<Vec<u8>>,
    /// What went wrong on the way.
    pub failure: Option<String>,
    /// When the last bytes came back, as the connection saw it: whoever waits for the
    /// answer may be kept from it by other work.
    pub received: Option<Instant>,
    /// Which of the credential's tokens it carried.
    pub generation: u64,
}

/// How far a call's request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// No byte of it left: safe to repeat.
    NotSent,
    /// It left, at least in part, and no final status came.
    Unanswered,
    /// A final status came.
    Answered(u16),
}

impl CallRecord {
    /// The record of a call that the service answered with this status and body,
    /// for tests of code that reads records.
    #[must_use]
    pub fn of_answer(status: u16, body: &str) -> Self {
        let recorder = Recorder::default();
        recorder.begin(Route::ListMachines, 1);
        recorder.update(|exchange| {
            exchange.status = Some(status);
            exchange.answer = Some(body.as_bytes().to_vec());
        });
        recorder.finish()
    }

    /// How far the request came.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        match &self.exchange {
            Some(Exchange {
                status: Some(status),
                ..
            }) => Delivery::Answered(*status),
            Some(exchange) if exchange.bytes_sent > 0 => Delivery::Unanswered,
            _ => Delivery::NotSent,
        }
    }

    /// When its answer was in; none where there was no final status.
    #[must_use]
    pub fn answered(&self) -> Option<Instant> {
        let exchange = self.exchange.as_ref()?;
        exchange.status.and(exchange.received)
    }

    /// Whether egress delivered this text as the answer, or as a part of it.
    #[must_use]
    pub fn delivered(&self, text: &str) -> bool {
        let text = text.as_bytes();
        let answer = self
            .exchange
            .as_ref()
            .and_then(|exchange| exchange.answer.as_deref());
        !text.is_empty()
            && answer.is_some_and(|answer| memchr::memmem::find(answer, text).is_some())
    }
}

/// A record while its call goes on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorder(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    record: Mutex<CallRecord>,
    counter: Arc<TransferCounter>,
}

/// Counts what goes to a connection, and ends it. Of a writer that claims and a
/// reader that seals, one sees the other: no byte leaves after a record that
/// says that none did.
#[derive(Debug, Default)]
pub(super) struct TransferCounter {
    claimed: AtomicBool,
    sealed: AtomicBool,
    sent: AtomicU64,
    received: AtomicU64,
    last: Mutex<Option<Instant>>,
}

impl TransferCounter {
    /// Claims the right to write; none is left once the record was read.
    pub(super) fn claim(&self) -> bool {
        self.claimed.store(true, Ordering::SeqCst);
        !self.sealed.load(Ordering::SeqCst)
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::SeqCst);
    }

    pub(super) fn received(&self, bytes: usize) {
        if bytes > 0 {
            self.received.fetch_add(bytes as u64, Ordering::SeqCst);
            *self.last() = Some(Instant::now());
        }
    }

    fn last(&self) -> MutexGuard<'_, Option<Instant>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the writing.
    fn seal(&self) {
        self.sealed.store(true, Ordering::SeqCst);
    }

    /// How many bytes went, at least one if some may have, and how many came.
    fn read(&self, exchange: &mut Exchange) {
        let claimed = u64::from(self.claimed.load(Ordering::SeqCst));
        exchange.bytes_sent = self.sent.load(Ordering::SeqCst).max(claimed);
        exchange.bytes_received = self.received.load(Ordering::SeqCst);
        exchange.received = *self.last();
    }
}

impl Recorder {
    /// The record, also of an exchange that was left in its middle. Nothing more
    /// is written after this.
    pub(crate) fn finish(&self) -> CallRecord {
        self.0.counter.seal();
        let mut record = self.lock().clone();
        if let Some(exchange) = &mut record.exchange {
            self.0.counter.read(exchange);
        }
        record
    }

    /// The exchange as far as it came.
    pub(super) fn exchange(&self) -> Option<Exchange> {
        let mut exchange = self.lock().exchange.clone()?;
        self.0.counter.read(&mut exchange);
        Some(exchange)
    }

    /// What counts the exchange's bytes.
    pub(super) fn counter(&self) -> Arc<TransferCounter> {
        Arc::clone(&self.0.counter)
    }

    pub(super) fn refuse(&self, refusal: Refusal) {
        let mut record = self.lock();
        record.refused += 1;
        if record.refusals.len() < MAX_REFUSALS {
            record.refusals.push(refusal);
        }
    }

    /// Begins the exchange.
    pub(super) fn begin(&self, route: Route, generation: u64) {
        self.lock().exchange = Some(Exchange {
            route,
            address: None,
            bytes_sent: 0,
            bytes_received: 0,
            status: None,
            retry_after: None,
            answer: None,
            failure: None,
            received: None,
            generation,
        });
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut Exchange)) {
        if let Some(exchange) = &mut self.lock().exchange {
            change(exchange);
        }
    }

    fn lock(&self) -> MutexGuard<'_, CallRecord> {
        self.0.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_once_the_record_was_read() {
        let recorder = Recorder::default();
        recorder.begin(Route::Offboard, 1);
        let counter = recorder.counter();
        assert_eq!(recorder.finish().delivery(), Delivery::NotSent);
        assert!(!counter.claim());
    }

    #[test]
    fn an_answer_was_in_when_its_last_bytes_came() {
        let recorder = Recorder::default();
        recorder.begin(Route::Offboard, 1);
        let counter = recorder.counter();
        let before = Instant::now();
        counter.received(1);
        let after = Instant::now();
        counter.received(0);
        // Without a status, nobody knows whether the service counted it.
        assert_eq!(recorder.finish().answered(), None);
        recorder.update(|exchange| exchange.status = Some(200));
        let answered = recorder.finish().answered();
        assert!(answered.is_some_and(|at| (before..=after).contains(&at)));
    }

    #[test]
    fn what_may_have_been_written_is_not_called_not_sent() {
        let recorder = Recorder::default();
        recorder.begin(Route::Offboard, 1);
        let counter = recorder.counter();
        assert!(counter.claim());
        assert_eq!(recorder.finish().delivery(), Delivery::Unanswered);
    }
}
