//! The third part of a run's pipeline: which unresolved orders the service is queried
//! about next, and when.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    batch::MAX_BATCH,
    reconcile::{Round, Unresolved},
};
use crate::{ledger::OrderRecord, order::State};

/// The most unresolved orders at once: as many as can be queried in a minute.
const MAX_UNRESOLVED: usize = 100 * MAX_BATCH as usize;

/// Decides which orders are queried next. It does no input or output.
pub(super) struct Reconciler {
    grace: Duration,
    resend_unknown: bool,
    earlier: Earlier,
    unresolved: Vec<Unresolved>,
    query: Query,
}

/// The orders of the run that earlier sessions left unresolved. They are read from the
/// ledger by pages: first the unknown orders, then the rejected ones.
enum Earlier {
    /// Next, the orders in this state after this number are read.
    Next(State, u64),
    /// A page is being read.
    Reading,
    /// All were read.
    Done,
}

#[derive(PartialEq, Eq)]
enum Query {
    Idle,
    InFlight,
}

impl Reconciler {
    pub(super) fn new(grace: Duration, resend_unknown: bool) -> Self {
        Self {
            grace,
            resend_unknown,
            earlier: Earlier::Next(State::Unknown, 0),
            unresolved: Vec::new(),
            query: Query::Idle,
        }
    }

    /// The next page of earlier orders to read, if there is room: their state, and the
    /// number that they come after.
    pub(super) fn next_page(&mut self) -> Option<(State, u64)> {
        let Earlier::Next(state, after) = self.earlier else {
            return None;
        };
        if self.unresolved.len() >= MAX_UNRESOLVED {
            return None;
        }
        self.earlier = Earlier::Reading;
        Some((state, after))
    }

    /// A page was read. Returns the orders that can be queried: unknown ones, and those
    /// that were rejected because of a pending action.
    pub(super) fn complete_page(
        &mut self,
        state: State,
        page: Vec<OrderRecord>,
    ) -> Vec<OrderRecord> {
        self.earlier = match (page.last(), state) {
            (Some(last), _) => Earlier::Next(state, last.number),
            (None, State::Unknown) => Earlier::Next(State::Rejected, 0),
            (None, _) => Earlier::Done,
        };
        let is_unresolved = |entry: &OrderRecord| {
            let problem = entry.order.problem();
            state == State::Unknown
                || problem.is_some_and(|problem| problem.kind == "already-in-progress")
        };
        page.into_iter().filter(is_unresolved).collect()
    }

    /// Queries the service about an order from now on. Returns the order if no query could
    /// resolve it. An order that this session sent (`is_own`) is not resent: the user's
    /// choice covers what was unknown before, and each failed request would lead to the
    /// next one.
    pub(super) fn add(&mut self, entry: OrderRecord, is_own: bool) -> Result<(), Box<OrderRecord>> {
        let may_be_resent = entry.order.state() == State::Unknown && !is_own;
        let resend = self.resend_unknown && may_be_resent;
        let unresolved = Unresolved::new(entry, self.grace, resend);
        if unresolved.is_resolvable() {
            self.unresolved.push(unresolved);
            Ok(())
        } else {
            Err(Box::new(unresolved.entry))
        }
    }

    /// The orders of the next query, if one is due. Only one query is in flight at a time.
    pub(super) fn next_query(&mut self, now: Instant) -> Option<Vec<Unresolved>> {
        if self.query == Query::InFlight {
            return None;
        }
        let mut due = Vec::new();
        let mut at = 0;
        while at < self.unresolved.len() && due.len() < MAX_BATCH as usize {
            if self.unresolved[at].due <= now {
                due.push(self.unresolved.remove(at));
            } else {
                at += 1;
            }
        }
        if due.is_empty() {
            return None;
        }
        self.query = Query::InFlight;
        Some(due)
    }

    /// Processes the result of a query. Keeps its open orders for the next one.
    pub(super) fn complete_query(&mut self, round: &mut Round) {
        self.query = Query::Idle;
        self.unresolved.append(&mut round.open);
    }

    /// When the next query is due.
    pub(super) fn due(&self) -> Option<Instant> {
        let due = self.unresolved.iter().map(|unresolved| unresolved.due);
        due.min().filter(|_| self.query == Query::Idle)
    }

    /// Whether no order is unresolved.
    pub(super) fn is_done(&self) -> bool {
        self.unresolved.is_empty()
            && self.query == Query::Idle
            && matches!(self.earlier, Earlier::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::{Problem, Retry},
        order::Verdict,
        run::batch::tests::entries,
    };

    async fn rejected(count: usize, kind: &'static str) -> Vec<OrderRecord> {
        let mut entries = entries(count).await;
        for entry in &mut entries {
            let problem = Problem::new(kind, Retry::Never, "no");
            entry.order.settle(Verdict::Rejected(problem));
        }
        entries
    }

    #[tokio::test]
    async fn earlier_orders_are_read_by_pages_first_the_unknown_ones() {
        let mut reconciler = Reconciler::new(Duration::ZERO, false);
        assert_eq!(reconciler.next_page(), Some((State::Unknown, 0)));
        assert_eq!(reconciler.next_page(), None);
        reconciler.complete_page(State::Unknown, Vec::new());
        assert_eq!(reconciler.next_page(), Some((State::Rejected, 0)));
        let page = rejected(2, "already-in-progress").await;
        let blocked = reconciler.complete_page(State::Rejected, page);
        assert_eq!(blocked.len(), 2);
        assert_eq!(reconciler.next_page(), Some((State::Rejected, 2)));
        let other = rejected(2, "machine-not-found").await;
        assert!(reconciler.complete_page(State::Rejected, other).is_empty());
        assert!(!reconciler.is_done());
        reconciler.next_page();
        reconciler.complete_page(State::Rejected, Vec::new());
        assert!(reconciler.is_done() && reconciler.next_page().is_none());
    }

    #[tokio::test]
    async fn one_query_is_in_flight_at_once_and_has_one_batch() {
        let mut reconciler = Reconciler::new(Duration::ZERO, false);
        for entry in rejected(MAX_BATCH as usize + 1, "already-in-progress").await {
            assert!(reconciler.add(entry, true).is_ok());
        }
        let now = Instant::now();
        let query = reconciler.next_query(now);
        assert_eq!(query.map(|due| due.len()), Some(MAX_BATCH as usize));
        assert!(reconciler.next_query(now).is_none());
        assert_eq!(reconciler.due(), None);
        let mut round = Round {
            resend: Vec::new(),
            closed: Vec::new(),
            open: Vec::new(),
        };
        reconciler.complete_query(&mut round);
        assert_eq!(reconciler.next_query(now).map(|due| due.len()), Some(1));
    }
}
