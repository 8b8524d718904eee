//! Whether a request has the order's external id, whether it is repeated without it, and what the
//! answers show about the service.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{listing::Listing, ready::ReadyOrder, runner::Runner};
use crate::{
    contract::{ApiRoot, Comment, ExternalId, MachineAction, MachineId, OffboardError, Problem},
    external_id::{ExternalIdMode, ExternalIdSupport, RefusalCause},
    grant::{Grant, LeaveBy},
    ledger::{LedgerError, OrderRecord, now},
    order::Verdict,
    sandbox::CallOutcome,
};

/// Whether a request has the order's external id.
pub(super) struct ExternalIdChoice {
    id: Option<ExternalId>,
    mode: ExternalIdMode,
    /// Whether the service was known to accept external ids.
    is_accepted: bool,
    /// Whether the service refused the same request with an external id.
    is_repetition: bool,
}

impl ExternalIdChoice {
    /// The external id; `None` if the request has none.
    pub(super) fn id(&self) -> Option<&ExternalId> {
        self.id.as_ref()
    }

    /// The grant of the request.
    pub(super) fn grant(&self, api: &ApiRoot, machine: &MachineId, comment: &Comment) -> Grant {
        match self.id() {
            Some(id) => Grant::offboard_with_external_id(api, machine, comment, id),
            None => Grant::offboard(api, machine, comment),
        }
    }

    /// Whether a request that had an external id is sent once more without it: the service
    /// answered 400, so it did not carry the request out (Microsoft's API documentation), and
    /// the answer may be about the external id. `refused_both` is whether the service has
    /// refused a request of this run both with and without an external id.
    pub(super) fn is_repeated_without(
        &self,
        verdict: &Verdict,
        status: Option<u16>,
        refused_both: &AtomicBool,
    ) -> bool {
        let Verdict::Rejected(problem) = verdict else {
            return false;
        };
        if self.id.is_none() || self.mode != ExternalIdMode::Auto || status != Some(400) {
            return false;
        }
        match RefusalCause::of(problem) {
            RefusalCause::Named => true,
            RefusalCause::Other => false,
            // If the service has accepted external ids, and this run has shown that its refusals
            // have another reason, further repetitions would only use up the quota.
            RefusalCause::Possible => !self.is_accepted || !refused_both.load(Ordering::Relaxed),
        }
    }
}

impl Runner {
    /// What the service of the account has shown about external ids. Read anew each time:
    /// another process may have learned more.
    pub(super) async fn external_id_support(
        &self,
    ) -> Result<Option<ExternalIdSupport>, LedgerError> {
        let known = self.session.external_id_support().await?;
        Ok(known.map(|known| known.support))
    }

    /// Chooses whether the next request of an order has its external id. After the request, the
    /// ledger is not read before the outcome is recorded.
    ///
    /// A resend is one request, which is not repeated. So it has an external id only if the
    /// service is known to accept one.
    pub(super) async fn choose_external_id(
        &self,
        ready: &ReadyOrder,
        is_resend: bool,
    ) -> Result<ExternalIdChoice, LedgerError> {
        let known = self.session.external_id_support().await?;
        let is_accepted = known.is_some_and(|known| known.support != ExternalIdSupport::Refused);
        let is_repetition = ready.is_without_external_id;
        let is_used = match self.external_id {
            ExternalIdMode::Off => false,
            ExternalIdMode::On => true,
            ExternalIdMode::Auto if is_resend => is_accepted,
            ExternalIdMode::Auto => !known.is_some_and(|known| known.is_refused(now())),
        };
        let is_used = is_used && !is_repetition && self.sandbox.can_send_external_id();
        let id = ready.entry.order.external_id().filter(|_| is_used);
        Ok(ExternalIdChoice {
            id: id.cloned(),
            mode: self.external_id,
            is_accepted,
            is_repetition,
        })
    }

    /// Makes the call of a claimed order.
    pub(super) async fn offboard(
        &self,
        machine: &MachineId,
        comment: &Comment,
        choice: &ExternalIdChoice,
        leave_by: Option<LeaveBy>,
    ) -> CallOutcome<Result<MachineAction, OffboardError>> {
        let (sandbox, connection) = (&self.sandbox, &self.connection);
        match choice.id() {
            Some(id) => {
                sandbox
                    .offboard_with_external_id(connection, machine, comment, id, leave_by)
                    .await
            }
            None => {
                sandbox
                    .offboard_by(connection, machine, comment, leave_by)
                    .await
            }
        }
    }

    /// Learns from the answer to a request, whose outcome is recorded.
    pub(super) async fn learn_from_answer(
        &self,
        entry: &OrderRecord,
        choice: &ExternalIdChoice,
        problem: Option<&Problem>,
        refused_both: &AtomicBool,
    ) -> Result<(), LedgerError> {
        let has_id = choice.id.is_some();
        if let Some(problem) = problem.filter(|problem| problem.status == Some(400)) {
            if choice.is_repetition {
                refused_both.store(true, Ordering::Relaxed);
            }
            if has_id && RefusalCause::of(problem) == RefusalCause::Named {
                self.learn(ExternalIdSupport::Refused).await?;
            }
        }
        let Some(action) = entry.order.action().filter(|_| problem.is_none()) else {
            return Ok(());
        };
        // The service may answer with an earlier action.
        let id = action.id.to_ascii_lowercase();
        let known = entry.known.as_ref();
        let is_new = known.is_some_and(|known| !known.contains(&id));
        if has_id && (is_new || entry.order.has_external_id_of(action)) {
            self.learn(ExternalIdSupport::Accepted).await
        } else if choice.is_repetition && is_new {
            self.learn(ExternalIdSupport::Refused).await
        } else {
            Ok(())
        }
    }

    /// Learns from the listed actions of accepted orders.
    pub(super) async fn learn_from(
        &self,
        accepted: &[OrderRecord],
        listing: &Listing,
    ) -> Result<(), LedgerError> {
        let shown = accepted.iter().filter_map(|entry| {
            let own = entry.order.action()?;
            let is_its = |action: &&MachineAction| action.id.eq_ignore_ascii_case(&own.id);
            entry.order.shown_support(listing.actions().find(is_its)?)
        });
        self.learn_best(shown).await
    }

    /// Learns from orders whose actions were found in a list by their external ids.
    pub(super) async fn learn_from_lists(&self, found: &[OrderRecord]) -> Result<(), LedgerError> {
        let shown = found.iter().filter_map(|entry| {
            let action = entry.order.action()?;
            let is_own = entry.order.has_external_id_of(action);
            is_own.then_some(ExternalIdSupport::Echoed)
        });
        self.learn_best(shown).await
    }

    /// One action with its id proves more than others without: the service may have answered a
    /// request with an action of another client.
    async fn learn_best(
        &self,
        shown: impl Iterator<Item = ExternalIdSupport>,
    ) -> Result<(), LedgerError> {
        let shown: Vec<_> = shown.collect();
        let echoed = ExternalIdSupport::Echoed;
        match (shown.contains(&echoed), shown.first()) {
            (true, _) => self.learn(echoed).await,
            (false, Some(seen)) => self.learn(*seen).await,
            (false, None) => Ok(()),
        }
    }

    async fn learn(&self, seen: ExternalIdSupport) -> Result<(), LedgerError> {
        self.session.learn_external_id_support(seen).await
    }
}
