//! An order that is ready to be sent, and its last comparison with what the service
//! lists, right before its request.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use super::{
    batch::SharedList, event_stream::Events, listing::Listing, runner::Runner,
    throttling::Throttling,
};
use crate::{
    contract::Problem,
    external_id::ExternalIdSupport,
    grant::ClockReading,
    ledger::{LedgerError, OrderRecord},
    order::{State, Verdict},
};

/// An order that is ready to be sent.
pub(super) struct ReadyOrder {
    pub(super) entry: OrderRecord,
    /// What the service lists for the machines of its batch.
    pub(super) list: Arc<SharedList>,
    /// The list has to be newer than this.
    newer_than: Option<ClockReading>,
    /// When the list was requested with which the order was last compared.
    pub(super) listed_at: Option<ClockReading>,
    /// When its machine was read for this process again; `None` if only the preflight of the
    /// run read it.
    pub(super) read_at: Option<ClockReading>,
    /// Whether the service refused the token of its last request, and there is another one.
    pub(super) has_new_token: bool,
    /// Whether the service refused its request with an external id, and it is sent without one.
    pub(super) is_without_external_id: bool,
}

impl ReadyOrder {
    pub(super) fn new(entry: OrderRecord, list: &Arc<SharedList>) -> Self {
        Self {
            entry,
            list: Arc::clone(list),
            newer_than: None,
            listed_at: None,
            read_at: None,
            has_new_token: false,
            is_without_external_id: false,
        }
    }

    /// Requires a new list before the order is sent again.
    pub(super) fn require_new_list(&mut self) {
        self.newer_than = Some(ClockReading::now());
    }
}

/// How the orders of a run are sent.
#[derive(Clone, Copy)]
pub(super) struct SendContext<'a> {
    /// Whether machines that were offboarded before are offboarded again.
    pub(super) again: bool,
    /// Whether the run has more than one machine. Such a run waits longer during an outage.
    pub(super) is_batch: bool,
    /// When the preflight of the run began.
    pub(super) read_at: Option<ClockReading>,
    /// The period in which the service refuses the requests of the run because of their rate.
    pub(super) throttling: &'a Mutex<Throttling>,
    /// Whether the service refused a request of the run with an external id, and then the same
    /// request without it.
    pub(super) has_refused_both: &'a AtomicBool,
    pub(super) events: &'a Events,
}

impl<'a> SendContext<'a> {
    pub(super) fn throttling(self) -> MutexGuard<'a, Throttling> {
        self.throttling
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The effect of an attempt to send an order, on this order and on those after it.
pub(super) enum NextStep {
    /// The answer settled it.
    Settled,
    /// It was settled without a request.
    SettledUnsent,
    /// Retry it after this time.
    RetryAfter(Duration),
    /// Retry it now, with a new token.
    RetryNow,
    /// Retry it now, without its external id.
    RetryWithoutExternalId,
    /// Query the service about its outcome, or about the action that blocks it.
    Reconcile,
    /// The list of its batch could not be read, and has to be read before anything is
    /// sent.
    Relist,
    /// It was settled, and the other orders would have the same problem.
    StopRun(Problem),
    /// Leave it as it is, because the run stops or another session has the order.
    Leave,
}

impl NextStep {
    /// Whether the order is sent again.
    pub(super) fn is_retry(&self) -> bool {
        matches!(
            self,
            Self::RetryAfter(_) | Self::RetryNow | Self::RetryWithoutExternalId
        )
    }

    /// Whether the service answered the request, with an answer that does not apply to the
    /// other orders as well.
    pub(super) fn is_confirmed(&self) -> bool {
        matches!(self, Self::Settled | Self::Reconcile | Self::RetryAfter(_))
    }
}

impl Runner {
    /// Compares an order with what the service lists now. Returns the next step if it must not
    /// be sent.
    pub(super) async fn recheck(
        &self,
        ready: &mut ReadyOrder,
        again: bool,
    ) -> Result<Option<NextStep>, LedgerError> {
        let (listed_at, listed) = self.listed(&ready.list, ready.newer_than).await;
        ready.listed_at = Some(listed_at);
        if self.stopped() {
            return Ok(Some(NextStep::Leave));
        }
        let entry = &mut ready.entry;
        let is_settled = match (entry.order.state(), listed) {
            (State::Unknown, Ok(Some(listing))) => {
                let support = self.external_id_support().await?;
                let Some(is_found) = find_first_request(entry, &listing, support) else {
                    return Ok(Some(NextStep::Leave));
                };
                is_found
            }
            // Without a list nothing is resent.
            (State::Unknown, _) => return Ok(Some(NextStep::Leave)),
            (_, Ok(listing)) => {
                self.settle_if_listed(entry, listing.as_deref(), again)
                    .await?
            }
            (_, Err(_)) => return Ok(Some(NextStep::Relist)),
        };
        if is_settled {
            self.session.save(entry).await?;
        }
        Ok(is_settled.then_some(NextStep::SettledUnsent))
    }
}

/// Right before an unknown order is resent: whether the service lists an action that may
/// belong to its first request. `None` if it lists another new action, which could later be
/// mistaken for this order's action.
fn find_first_request(
    entry: &mut OrderRecord,
    listing: &Listing,
    support: Option<ExternalIdSupport>,
) -> Option<bool> {
    let (machine, known) = (entry.order.machine()?.clone(), entry.known.as_ref()?);
    let named = entry.named.as_deref();
    let found = listing.new_since(&entry.order, known, named, support);
    match found.cloned() {
        Some(action) => {
            entry.order.settle(Verdict::Accepted(Box::new(action)));
            Some(true)
        }
        None => listing.shows_only(&machine, known).then_some(false),
    }
}
