//! The record of what a call sent and received. Retries, adoption and failure of an
//! order depend on this record, never on what the guest reports.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use crate::grant::{Refusal, Route};

/// The most refusals that a call keeps. Further ones are only counted.
const MAX_REFUSALS: usize = 16;

/// What a call sent and received.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CallRecord {
    /// The permitted request, if there was one.
    pub exchange: Option<Exchange>,
    /// The refused requests: the first 16.
    pub refusals: Vec<Refusal>,
    /// The number of all refused requests.
    pub refused: u64,
}

/// A permitted request and its answer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Exchange {
    /// The route.
    pub route: Route,
    /// The query that was sent.
    pub query: Option<String>,
    /// The address of the connection: the proxy's, if there is one.
    pub address: Option<SocketAddr>,
    /// How many bytes of the request were written to the connection. Zero means that the
    /// service cannot have received it.
    pub bytes_sent: u64,
    /// How many bytes were received.
    pub bytes_received: u64,
    /// The final status, once it was received.
    pub status: Option<u16>,
    /// The `Retry-After` header.
    pub retry_after: Option<String>,
    /// The body that the guest got; `None` unless it was received whole and within its
    /// limit.
    pub answer: Option<Vec<u8>>,
    /// What failed during the exchange.
    pub failure: Option<String>,
    /// When the connection received the last bytes. The task that waits for the answer
    /// may run later.
    pub received: Option<Instant>,
    /// The generation of the credential's token that was sent.
    pub generation: u64,
}

/// How far a call's request got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// No byte of it left: safe to repeat.
    NotSent,
    /// It was sent, at least in part, and no final status was received.
    Unanswered,
    /// A final status was received.
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

    /// The record of a call with this query, for tests of code that reads records.
    #[must_use]
    pub fn with_query(mut self, query: &str) -> Self {
        if let Some(exchange) = &mut self.exchange {
            exchange.query = Some(query.to_owned());
        }
        self
    }

    /// How far the request got.
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

    /// When the answer was received; `None` without a final status.
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

/// The record of a call in progress.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorder(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    record: Mutex<CallRecord>,
    counter: Arc<TransferCounter>,
}

/// Counts the bytes of a connection, and closes it for writing. Prevents a race: the writer
/// claims and the reader seals, both sequentially consistent, so that at least one of them
/// sees the other. No byte is sent after a record that says that none was. Otherwise a request
/// that was sent could be repeated.
#[derive(Debug, Default)]
pub(super) struct TransferCounter {
    claimed: AtomicBool,
    sealed: AtomicBool,
    sent: AtomicU64,
    received: AtomicU64,
    last: Mutex<Option<Instant>>,
}

impl TransferCounter {
    /// Claims the right to write. Returns `false` once the record was read.
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

    /// Forbids further writes.
    fn seal(&self) {
        self.sealed.store(true, Ordering::SeqCst);
    }

    /// Copies the counts. A claim without a count is at least one byte.
    fn read(&self, exchange: &mut Exchange) {
        let claimed = u64::from(self.claimed.load(Ordering::SeqCst));
        exchange.bytes_sent = self.sent.load(Ordering::SeqCst).max(claimed);
        exchange.bytes_received = self.received.load(Ordering::SeqCst);
        exchange.received = *self.last();
    }
}

impl Recorder {
    /// Returns the record, also of an exchange in progress. Nothing is written to the
    /// connection after this.
    pub(crate) fn finish(&self) -> CallRecord {
        self.0.counter.seal();
        let mut record = self.lock().clone();
        if let Some(exchange) = &mut record.exchange {
            self.0.counter.read(exchange);
        }
        record
    }

    /// The exchange so far.
    pub(super) fn exchange(&self) -> Option<Exchange> {
        let mut exchange = self.lock().exchange.clone()?;
        self.0.counter.read(&mut exchange);
        Some(exchange)
    }

    /// The byte counter of the exchange.
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
            query: None,
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
    fn a_read_record_closes_the_connection_for_writing() {
        let recorder = Recorder::default();
        recorder.begin(Route::Offboard, 1);
        let counter = recorder.counter();
        assert_eq!(recorder.finish().delivery(), Delivery::NotSent);
        assert!(!counter.claim());
    }

    #[test]
    fn an_answer_is_dated_by_its_last_bytes() {
        let recorder = Recorder::default();
        recorder.begin(Route::Offboard, 1);
        let counter = recorder.counter();
        let before = Instant::now();
        counter.received(1);
        let after = Instant::now();
        counter.received(0);
        // Without a status, it is unknown whether the service counted the request.
        assert_eq!(recorder.finish().answered(), None);
        recorder.update(|exchange| exchange.status = Some(200));
        let answered = recorder.finish().answered();
        assert!(answered.is_some_and(|at| (before..=after).contains(&at)));
    }

    #[test]
    fn a_claimed_write_counts_as_sent() {
        let recorder = Recorder::default();
        recorder.begin(Route::Offboard, 1);
        let counter = recorder.counter();
        assert!(counter.claim());
        assert_eq!(recorder.finish().delivery(), Delivery::Unanswered);
    }
}
