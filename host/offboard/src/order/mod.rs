//! An order: one machine that is to be offboarded, and its state. It has no input or
//! output.
//!
//! `planned → sending → accepted → succeeded | failed | timed-out | cancelled`,
//! or `rejected`, `not-sent`, `skipped`, or `unknown`: sent, without an answer. An accepted
//! order whose action did not end before the deadline is `pending`.
//!
//! A `not-sent` order may be `planned` again; an `unknown` order only by the user's explicit
//! choice, and a `rejected` order never.

mod device;
mod ownership;
pub(crate) mod state;
mod target;
mod transitions;
mod verdict;

use crate::{
    contract::{Comment, ExternalId, MachineAction, MachineId, Problem, ProblemKind},
    problem::{self, OutcomeClass},
};

pub use crate::problem::{is_for_all, state_of_problem};
pub use device::{DeviceSnapshot, Preflight};
pub use state::{State, state_of};
pub use target::Target;
pub use verdict::Verdict;

/// The kind of problem of an order whose action the service does not list.
pub const NOT_LISTED: &str = "not-listed";

/// The kind of problem of an order whose machine was offboarded before, and was last seen
/// after that.
pub const SEEN_SINCE: &str = "seen-since";

/// The ledger's data of an order, except its target and comment.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) machine: Option<MachineId>,
    pub(crate) name: Option<String>,
    pub(crate) state: State,
    pub(crate) action: Option<MachineAction>,
    pub(crate) problem: Option<Problem>,
    pub(crate) is_adopted: bool,
    pub(crate) preflight: Option<Preflight>,
    pub(crate) external_id: Option<ExternalId>,
    pub(crate) is_external_id_sent: bool,
}

/// One machine that is to be offboarded.
#[derive(Debug, Clone)]
pub struct Order {
    target: Target,
    machine: Option<MachineId>,
    name: Option<String>,
    comment: Comment,
    state: State,
    action: Option<MachineAction>,
    problem: Option<Problem>,
    is_adopted: bool,
    preflight: Option<Preflight>,
    external_id: Option<ExternalId>,
    is_external_id_sent: bool,
}

impl Order {
    /// A new order, planned.
    #[must_use]
    pub fn new(target: Target, comment: Comment) -> Self {
        let (machine, name) = match &target {
            Target::Id(id) => (Some(id.clone()), None),
            Target::Name(name) => (None, Some(name.clone())),
        };
        Self {
            target,
            machine,
            name,
            comment,
            state: State::Planned,
            action: None,
            problem: None,
            is_adopted: false,
            preflight: None,
            external_id: None,
            is_external_id_sent: false,
        }
    }

    /// An order with the ledger's data.
    pub(crate) fn recorded(target: Target, comment: Comment, recorded: Recorded) -> Self {
        let Recorded {
            machine,
            name,
            state,
            action,
            problem,
            is_adopted,
            preflight,
            external_id,
            is_external_id_sent,
        } = recorded;
        Self {
            target,
            machine,
            name,
            comment,
            state,
            action,
            problem,
            is_adopted,
            preflight,
            external_id,
            is_external_id_sent,
        }
    }

    /// The machine as the user named it.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The id of the machine, once it is known.
    #[must_use]
    pub fn machine(&self) -> Option<&MachineId> {
        self.machine.as_ref()
    }

    /// The name of the machine, if it is known.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The reason for the offboarding, which the service records.
    #[must_use]
    pub fn comment(&self) -> &Comment {
        &self.comment
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// The machine action: its own, or the one that blocks it.
    #[must_use]
    pub fn action(&self) -> Option<&MachineAction> {
        self.action.as_ref()
    }

    /// The problem, if there is one.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    /// Whether its action existed before the request. Then the action may have another
    /// comment.
    #[must_use]
    pub fn is_adopted(&self) -> bool {
        self.is_adopted
    }

    /// The id that its requests may give to the service; `None` for an order of an older version
    /// that had ended, and for one that is not recorded.
    #[must_use]
    pub fn external_id(&self) -> Option<&ExternalId> {
        self.external_id.as_ref()
    }

    /// The same id, if every request that may have been carried out had it.
    #[must_use]
    pub fn sent_external_id(&self) -> Option<&ExternalId> {
        self.external_id().filter(|_| self.is_external_id_sent)
    }

    /// The result of the preflight; `None` before it.
    #[must_use]
    pub fn preflight(&self) -> Option<&Preflight> {
        self.preflight.as_ref()
    }

    /// The properties of the machine; `None` if the preflight did not find it.
    #[must_use]
    pub fn device(&self) -> Option<&DeviceSnapshot> {
        match &self.preflight {
            Some(Preflight::Found(device)) => Some(device),
            Some(Preflight::Unavailable) | None => None,
        }
    }

    /// Whether the service did not list its action in the last query.
    #[must_use]
    pub fn is_not_listed(&self) -> bool {
        let problem = self.problem.as_ref();
        self.state == State::Pending
            && problem.is_some_and(|problem| problem.kind == ProblemKind::NotListed)
    }

    /// Whether its machine has reported since it was offboarded, by this order or an
    /// earlier one.
    #[must_use]
    pub fn has_reported_since(&self) -> bool {
        let problem = self.problem.as_ref();
        matches!(self.state, State::Skipped | State::Succeeded)
            && problem.is_some_and(|problem| problem.kind == ProblemKind::SeenSince)
    }

    /// Whether a user discarded it before it was sent.
    #[must_use]
    pub fn is_discarded(&self) -> bool {
        let problem = self.problem.as_ref();
        self.state == State::Skipped
            && problem.is_some_and(|problem| problem.kind == ProblemKind::Discarded)
    }

    /// The result of the order for a command or a call.
    #[must_use]
    pub fn outcome_class(&self) -> OutcomeClass {
        let problem = self.problem.as_ref();
        match self.state {
            State::Skipped => problem.map_or(OutcomeClass::Done, problem::class_if_skipped),
            // The machine may be in use again: the user has to decide.
            State::Succeeded if self.has_reported_since() => OutcomeClass::Refused,
            State::Planned | State::Succeeded => OutcomeClass::Done,
            State::Accepted if problem.is_none() => OutcomeClass::Done,
            // It should have been tracked, but could not be.
            State::Accepted | State::Pending | State::Unknown | State::Sending => {
                OutcomeClass::Unknown
            }
            State::Failed | State::TimedOut | State::Cancelled => OutcomeClass::Refused,
            State::Rejected | State::NotSent if problem.is_some_and(problem::is_credential) => {
                OutcomeClass::Credential
            }
            State::Rejected => OutcomeClass::Refused,
            State::NotSent => OutcomeClass::NotSent,
        }
    }
}

#[cfg(test)]
mod tests;
