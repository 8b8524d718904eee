//! The second part of a run's pipeline: which ready order is sent next, how many at once,
//! and which are retried later.

use std::{collections::VecDeque, mem, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    batch::{BATCH, SharedList},
    ready::ReadyOrder,
};
use crate::ledger::OrderRecord;

/// Decides which order is sent next. It does no input or output.
pub(super) struct Workers {
    max_in_flight: usize,
    in_flight: usize,
    /// Whether the service has answered an order in a way that the others need not
    /// share. Until then they are sent one at a time.
    is_confirmed: bool,
    ready: VecDeque<ReadyOrder>,
    /// Orders to be sent again, and when.
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
        self.ready.len() < self.max_in_flight.max(BATCH as usize / 2)
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

    /// An order that was in flight has come back.
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

    /// Takes out all ready orders that share this list.
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
