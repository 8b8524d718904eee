//! The second part of a run's pipeline: which ready order is sent next, how many at once,
//! and which are retried later.

use std::{collections::VecDeque, mem, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    batch::{MAX_BATCH, SharedList},
    ready::ReadyOrder,
};
use crate::ledger::OrderRecord;

/// Decides which order is sent next. It does no input or output.
pub(super) struct Workers {
    max_in_flight: usize,
    in_flight: usize,
    /// Whether the service has answered an order, with an answer that does not apply to the
    /// others as well. Until then orders are sent one at a time.
    is_confirmed: bool,
    ready: VecDeque<ReadyOrder>,
    /// Orders to be sent again, with the time of each.
    retries: Vec<(Instant, ReadyOrder)>,
}

impl Workers {
    pub(super) fn new(jobs: usize) -> Self {
        Self {
            max_in_flight: jobs.max(1),
            in_flight: 0,
            is_confirmed: false,
            ready: VecDeque::new(),
            retries: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, orders: impl IntoIterator<Item = ReadyOrder>) {
        self.ready.extend(orders);
    }

    /// Whether the next batch should be read: early enough that the quota is used while it
    /// is read.
    pub(super) fn wants_orders(&self) -> bool {
        self.ready.len() < self.max_in_flight.max(MAX_BATCH as usize / 2)
    }

    /// The next order to send, if another one may be in flight.
    pub(super) fn next(&mut self, now: Instant) -> Option<ReadyOrder> {
        self.queue_due_retries(now);
        let limit = if self.is_confirmed {
            self.max_in_flight
        } else {
            1
        };
        if self.in_flight >= limit {
            return None;
        }
        let order = self.ready.pop_front()?;
        self.in_flight += 1;
        Some(order)
    }

    fn queue_due_retries(&mut self, now: Instant) {
        for at in (0..self.retries.len()).rev() {
            if self.retries[at].0 <= now {
                let (_, order) = self.retries.swap_remove(at);
                self.ready.push_front(order);
            }
        }
    }

    /// Processes an order that was in flight.
    pub(super) fn complete(&mut self, is_confirmed: bool) {
        self.in_flight -= 1;
        self.is_confirmed |= is_confirmed;
    }

    /// Sends the order again after this time.
    pub(super) fn retry_after(&mut self, mut order: ReadyOrder, pause: Duration) {
        order.require_new_list();
        self.retries.push((Instant::now() + pause, order));
    }

    /// Sends the order again, before all others.
    pub(super) fn retry_now(&mut self, mut order: ReadyOrder) {
        order.require_new_list();
        self.ready.push_front(order);
    }

    /// Removes and returns all ready orders that share this list.
    pub(super) fn take_batch(&mut self, list: &Arc<SharedList>) -> Vec<OrderRecord> {
        let is_of_batch = |order: &ReadyOrder| Arc::ptr_eq(&order.list, list);
        let (batch, others): (Vec<_>, Vec<_>) = mem::take(&mut self.ready)
            .into_iter()
            .partition(is_of_batch);
        self.ready = others.into();
        batch.into_iter().map(|order| order.entry).collect()
    }

    /// When the first retry is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.retries.iter().map(|(due, _)| *due).min()
    }

    /// Whether no order is waiting to be sent.
    pub(super) fn is_done(&self) -> bool {
        self.ready.is_empty() && self.retries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::batch::tests::entries;

    async fn workers(orders: usize) -> Workers {
        let entries = entries(orders).await;
        let list = Arc::new(SharedList::new(&entries));
        let mut workers = Workers::new(3);
        workers.add(
            entries
                .into_iter()
                .map(|entry| ReadyOrder::new(entry, &list)),
        );
        workers
    }

    fn next_numbers(workers: &mut Workers, now: Instant) -> Vec<u64> {
        let next = std::iter::from_fn(|| workers.next(now));
        next.map(|order| order.entry.number).collect()
    }

    #[tokio::test]
    async fn until_one_order_is_confirmed_they_are_sent_one_at_a_time() {
        let mut workers = workers(6).await;
        let now = Instant::now();
        assert_eq!(next_numbers(&mut workers, now), [1]);
        workers.complete(false);
        assert_eq!(next_numbers(&mut workers, now), [2]);
        workers.complete(true);
        assert_eq!(next_numbers(&mut workers, now), [3, 4, 5]);
        workers.complete(false);
        assert_eq!(next_numbers(&mut workers, now), [6]);
        assert!(workers.is_done());
    }

    #[tokio::test]
    async fn a_retry_is_sent_when_it_is_due_and_before_the_others() {
        let mut workers = workers(3).await;
        let now = Instant::now();
        let Some(first) = workers.next(now) else {
            panic!("an order is ready");
        };
        workers.complete(true);
        workers.retry_after(first, Duration::from_secs(60));
        assert_eq!(next_numbers(&mut workers, now), [2, 3]);
        assert!(!workers.is_done());
        let Some(due) = workers.due() else {
            panic!("a retry is due later");
        };
        assert!(due >= now + Duration::from_secs(60));
        assert_eq!(next_numbers(&mut workers, due), [1]);
        assert_eq!(workers.due(), None);
    }

    #[tokio::test]
    async fn a_batch_is_taken_out_by_its_list() {
        let mut workers = workers(4).await;
        let Some(first) = workers.next(Instant::now()) else {
            panic!("an order is ready");
        };
        let other = entries(1).await;
        let list = Arc::new(SharedList::new(&other));
        workers.add(other.into_iter().map(|entry| ReadyOrder::new(entry, &list)));
        let taken = workers.take_batch(&first.list);
        let numbers: Vec<u64> = taken.iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, [2, 3, 4]);
        assert!(!workers.is_done());
    }
}
