//! A plan, which cannot be executed, and a confirmed plan, which can.

use std::sync::{Arc, OnceLock};

use thiserror::Error;
use uuid::Uuid;

use super::{Confirmation, GuardError, Guards, Method, PlanDigest};
use crate::{
    contract::{Problem, Tag},
    grant::ClockReading,
    ledger::RunId,
};

/// A recorded run whose machines were not read yet. The preflight turns it into a plan.
///
/// Until it is confirmed, the ledger deletes it when the client ends.
#[derive(Debug, Clone)]
pub struct Draft {
    pub(crate) run: RunId,
    pub(crate) id: Uuid,
    pub(crate) tag: Option<Tag>,
    pub(crate) again: bool,
    pub(crate) resend_unknown: bool,
    pub(crate) origin: Origin,
    pub(crate) guards: Guards,
    /// The number of machines that the guards apply to: of all runs that are resumed.
    pub(crate) guarded: u64,
    /// The most machines that this run would send a request for.
    pub(crate) machines: u64,
    /// When the first preflight of a new run began.
    pub(crate) read_at: Arc<OnceLock<ClockReading>>,
    /// The session whose ledger has the run.
    pub(crate) session: Uuid,
}

impl Draft {
    /// The run in the ledger.
    #[must_use]
    pub fn run(&self) -> RunId {
        self.run
    }

    /// The id of the run.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The origin of the run.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The tag that each machine gets right before its offboarding.
    #[must_use]
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// Whether orders with an unknown outcome are sent again.
    #[must_use]
    pub fn resends_unknown(&self) -> bool {
        self.resend_unknown
    }

    /// The limits on its number of machines.
    #[must_use]
    pub fn guards(&self) -> Guards {
        self.guards
    }
}

/// The requests that a run would send. Its machines were read; nothing was sent.
///
/// A plan cannot be executed: [`Plan::confirm`] turns it into a [`ConfirmedPlan`]. It may be
/// kept: a machine whose preflight is older than
/// [`ConnectOptions::preflight_age`](crate::client::ConnectOptions::preflight_age) when its
/// request is due is read again, and is not offboarded if the policy now excludes it. The share
/// of the fleet is only checked by the preflight of the whole run.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) draft: Draft,
    pub(crate) digest: PlanDigest,
    pub(crate) orders: u64,
    pub(crate) machines: u64,
    pub(crate) unresolved: u64,
    pub(crate) tracked: u64,
    pub(crate) open: u64,
    pub(crate) problem: Option<Problem>,
    /// When its preflight began.
    pub(crate) read_at: ClockReading,
}

/// The origin of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// It is a new run.
    New,
    /// An earlier request with the same request id recorded its run.
    Repeated,
    /// It consists of the unsent orders of an earlier run.
    Resumed,
}

impl Plan {
    /// The run in the ledger.
    #[must_use]
    pub fn run(&self) -> RunId {
        self.draft.run
    }

    /// The id of the run.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.draft.id
    }

    /// The digest over tenant, machines, comments, tag and plugin.
    #[must_use]
    pub fn digest(&self) -> PlanDigest {
        self.digest
    }

    /// The number of orders of the run, in any state.
    #[must_use]
    pub fn orders(&self) -> u64 {
        self.orders
    }

    /// The number of machines to which an execution sends a request.
    #[must_use]
    pub fn machines(&self) -> u64 {
        self.machines
    }

    /// The number of machines whose request was sent before, with an unknown outcome. They may
    /// already be offboarded.
    #[must_use]
    pub fn unresolved(&self) -> u64 {
        self.unresolved
    }

    /// Whether all orders of the run are final, so that an execution has nothing to do.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.open == 0
    }

    /// The tag that each machine gets right before its offboarding.
    #[must_use]
    pub fn tag(&self) -> Option<&Tag> {
        self.draft.tag.as_ref()
    }

    /// Whether orders with an unknown outcome are sent again.
    #[must_use]
    pub fn resends_unknown(&self) -> bool {
        self.draft.resend_unknown
    }

    /// The draft of this plan.
    #[must_use]
    pub fn draft(&self) -> &Draft {
        &self.draft
    }

    /// The origin of the plan.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.draft.origin
    }

    /// Why nothing of it can be sent: there is no token or no ledger, or the preflight had a
    /// problem that every machine would have.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    /// The number of machines that a consent in advance covers. More orders may have been
    /// planned since they were counted.
    pub(crate) fn guarded(&self) -> u64 {
        self.draft.guarded.max(self.machines)
    }

    /// Confirms the plan.
    ///
    /// # Errors
    /// The confirmation is for another plan, or is a consent in advance that covers fewer
    /// machines.
    pub fn confirm(self, mut confirmation: Confirmation) -> Result<ConfirmedPlan, ConfirmError> {
        match confirmation.digest {
            Some(digest) if digest != self.digest => {
                return Err(ConfirmError::AnotherPlan {
                    confirmed: digest,
                    planned: self.digest,
                });
            }
            Some(_) => {}
            None => {
                self.draft.guards.check_consent(self.guarded())?;
                if self.draft.guards.expected.is_some() {
                    confirmation.method = Method::ExpectedCount;
                }
            }
        }
        confirmation.machines = self.draft.machines;
        confirmation.resend_unknown = self.draft.resend_unknown;
        Ok(ConfirmedPlan {
            plan: self,
            confirmation,
        })
    }
}

/// A plan with its confirmation. Only a confirmed plan can be executed.
#[derive(Debug)]
pub struct ConfirmedPlan {
    pub(crate) plan: Plan,
    pub(crate) confirmation: Confirmation,
}

impl ConfirmedPlan {
    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether the confirmation covers every order of the run, including those that could not
    /// be planned yet. That is so only for a consent to a new run: a user who saw a plan
    /// confirmed what it showed, and a run that is resumed was confirmed before.
    pub(crate) fn covers_all(&self) -> bool {
        self.confirmation.digest.is_none() && self.plan.draft.origin == Origin::New
    }
}

/// A plan was not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfirmError {
    /// The confirmation is for another plan.
    #[error("the confirmation is for the plan {confirmed}, and this is the plan {planned}")]
    AnotherPlan {
        /// The digest that was confirmed.
        confirmed: PlanDigest,
        /// The digest of this plan.
        planned: PlanDigest,
    },
    /// The number of machines is not what the caller allows.
    #[error(transparent)]
    Guard(#[from] GuardError),
}
