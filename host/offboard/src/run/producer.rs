//! The first part of a run's pipeline: which planned orders are read and compared with
//! the service's lists next. If the service is down, it waits and retries the same batch.

use std::{mem, time::Duration};

use tokio::time::Instant;

use super::{
    batch::{Batch, MAX_BATCH},
    ready::ReadyOrder,
    throttling::backoff,
};
use crate::{
    contract::{Problem, ProblemKind},
    ledger::OrderRecord,
    problem::is_outage,
};

/// The longest outage of the service or the network that a run with several machines
/// waits out.
const LONGEST_OUTAGE: Duration = Duration::from_secs(10 * 60);
/// The longest pause between two attempts during an outage.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// Decides which batch comes next. It does no input or output.
pub(super) struct Producer {
    is_batch: bool,
    /// The longest outage during which the run waits.
    longest_outage: Duration,
    /// The number of the last order that was read; `None` if all were read.
    after: Option<u64>,
    /// Orders whose list became outdated and could not be read again.
    relist: Vec<OrderRecord>,
    state: State,
    /// Whether the event was sent that listed actions cannot be kept.
    has_reported_unkept: bool,
}

enum State {
    /// The next batch may begin.
    Idle,
    /// A batch is in flight; during an outage it is a retry.
    InFlight(Option<Outage>),
    /// The batch is retried at this time.
    Waiting(Outage, Instant, Box<Batch>),
}

/// A period during which the service or the network fails.
#[derive(Clone, Copy)]
struct Outage {
    since: Instant,
    attempts: u32,
}

/// The next thing to do for a batch.
pub(super) enum Production {
    /// Read the orders after this number, and list their machines' actions.
    Read { after: u64 },
    /// List the machines' actions of these orders.
    List(Box<Batch>),
}

/// The result of a batch.
pub(super) enum Produced {
    /// These orders are ready to be sent.
    Ready(Vec<ReadyOrder>),
    /// The service is down. The batch is retried after this time.
    Waiting(Problem, Duration),
    /// The orders cannot be compared, so nothing can be sent. The first of them is
    /// settled with the problem.
    Failed(Problem, Option<Box<OrderRecord>>),
}

impl Producer {
    pub(super) fn new(is_batch: bool) -> Self {
        Self {
            is_batch,
            longest_outage: LONGEST_OUTAGE,
            after: Some(0),
            relist: Vec::new(),
            state: State::Idle,
            has_reported_unkept: false,
        }
    }

    /// The same producer, which waits for an outage of at most this length.
    pub(super) fn within(self, longest: Option<Duration>) -> Self {
        let longest_outage = longest.unwrap_or(LONGEST_OUTAGE);
        Self {
            longest_outage,
            ..self
        }
    }

    /// Reads the list of these orders again before they are sent.
    pub(super) fn relist(&mut self, entries: impl IntoIterator<Item = OrderRecord>) {
        self.relist.extend(entries);
    }

    /// The next batch, if it is due. Only one batch is in flight at a time.
    pub(super) fn next(&mut self, now: Instant) -> Option<Production> {
        match mem::replace(&mut self.state, State::InFlight(None)) {
            State::Idle => {}
            State::Waiting(outage, due, batch) if due <= now => {
                self.state = State::InFlight(Some(outage));
                return Some(Production::List(batch));
            }
            state => {
                self.state = state;
                return None;
            }
        }
        if !self.relist.is_empty() {
            let count = self.relist.len().min(MAX_BATCH as usize);
            let entries = self.relist.drain(..count).collect();
            return Some(Production::List(Box::new(Batch::new(entries, self.after))));
        }
        if self.after.is_none() {
            self.state = State::Idle;
        }
        self.after.map(|after| Production::Read { after })
    }

    /// Processes the batch that was in flight.
    pub(super) fn complete(&mut self, mut batch: Batch, now: Instant) -> Produced {
        let outage = match mem::replace(&mut self.state, State::Idle) {
            State::InFlight(outage) => outage,
            _ => None,
        };
        let Some(problem) = batch.problem.take() else {
            self.after = batch.last;
            let list = batch.list;
            let ready = |entry| ReadyOrder::new(entry, &list);
            return Produced::Ready(batch.entries.into_iter().map(ready).collect());
        };
        let Outage { since, attempts } = outage.unwrap_or(Outage {
            since: now,
            attempts: 0,
        });
        // The read has waited as long as the run waits for the rate.
        let is_outage = is_outage(&problem) && problem.kind != ProblemKind::Throttled;
        if !is_outage || !self.is_batch || now.duration_since(since) >= self.longest_outage {
            let first = batch.entries.into_iter().next();
            return Produced::Failed(problem, first.map(Box::new));
        }
        let attempts = attempts + 1;
        let pause = backoff(attempts).min(LONGEST_BACKOFF);
        let outage = Outage { since, attempts };
        self.state = State::Waiting(outage, now + pause, Box::new(batch));
        Produced::Waiting(problem, pause)
    }

    /// Whether this is the first batch of the run whose listed actions cannot be kept.
    pub(super) fn is_first_unkept(&mut self) -> bool {
        !mem::replace(&mut self.has_reported_unkept, true)
    }

    /// When the waiting batch is due.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.state {
            State::Waiting(_, due, _) => Some(*due),
            State::Idle | State::InFlight(_) => None,
        }
    }

    /// Whether all planned orders were produced.
    pub(super) fn is_done(&self) -> bool {
        self.after.is_none() && self.relist.is_empty() && matches!(self.state, State::Idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{contract::Retry, run::batch::tests::entries};

    async fn failed(kind: &'static str) -> Batch {
        Batch {
            problem: Some(Problem::new(kind, Retry::Safe, "down")),
            ..Batch::new(entries(2).await, Some(2))
        }
    }

    #[tokio::test]
    async fn one_batch_is_in_flight_at_once_until_all_were_read() {
        let mut producer = Producer::new(true);
        let now = Instant::now();
        assert!(matches!(
            producer.next(now),
            Some(Production::Read { after: 0 })
        ));
        assert!(producer.next(now).is_none());
        let batch = Batch::new(entries(2).await, Some(2));
        let produced = producer.complete(batch, now);
        assert!(matches!(produced, Produced::Ready(orders) if orders.len() == 2));
        assert!(matches!(
            producer.next(now),
            Some(Production::Read { after: 2 })
        ));
        assert!(!producer.is_done());
        producer.complete(Batch::new(Vec::new(), None), now);
        assert!(producer.is_done() && producer.next(now).is_none());
        producer.relist(entries(1).await);
        assert!(!producer.is_done());
        assert!(matches!(producer.next(now), Some(Production::List(_))));
    }

    #[tokio::test]
    async fn an_outage_is_waited_out_up_to_a_limit() {
        let mut producer = Producer::new(true);
        let mut now = Instant::now();
        let begun = now;
        producer.next(now);
        loop {
            match producer.complete(failed("no-answer").await, now) {
                Produced::Waiting(_, pause) => {
                    assert!(pause <= LONGEST_BACKOFF);
                    assert!(producer.next(now).is_none());
                    now += pause;
                    assert_eq!(producer.due(), Some(now));
                    assert!(matches!(producer.next(now), Some(Production::List(_))));
                }
                Produced::Failed(_, first) => {
                    assert_eq!(first.map(|entry| entry.number), Some(1));
                    break;
                }
                Produced::Ready(_) => panic!("nothing is ready"),
            }
        }
        let outage = now.duration_since(begun);
        assert!(outage >= LONGEST_OUTAGE && outage < LONGEST_OUTAGE + LONGEST_BACKOFF);
    }

    #[tokio::test]
    async fn only_an_outage_of_a_run_with_several_machines_is_waited_out() {
        for (is_batch, kind) in [
            (false, "no-answer"),
            (true, "unauthorized"),
            (true, "throttled"),
        ] {
            let mut producer = Producer::new(is_batch);
            let now = Instant::now();
            producer.next(now);
            let produced = producer.complete(failed(kind).await, now);
            assert!(matches!(produced, Produced::Failed(..)), "{kind}");
        }
    }
}
