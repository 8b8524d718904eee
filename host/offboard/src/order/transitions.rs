//! The state changes of an order. A change that does not fit the order's state does
//! nothing.

use super::{
    Order,
    device::Preflight,
    state::{State, state_of},
    target::Target,
    verdict::Verdict,
};
use crate::{
    contract::{MachineAction, MachineId, Problem, ProblemKind, Retry},
    cut::cut,
    problem::state_if_undone,
};

/// The longest name of a machine that is kept, in bytes. A DNS name is shorter than 256.
pub(super) const MAX_RECORDED_NAME: usize = 1024;

impl Order {
    /// Records the result of the preflight.
    pub fn record_preflight(&mut self, preflight: Preflight) {
        self.preflight = Some(preflight);
    }

    /// Requires another preflight before the order is sent.
    pub fn clear_preflight(&mut self) {
        if self.state == State::Planned {
            self.preflight = None;
        }
    }

    /// Records the machine that has the user's name. From then on the id is used, and the name
    /// is not looked up again.
    pub fn resolve(&mut self, machine: MachineId, name: Option<String>) {
        if self.state == State::Planned {
            self.machine = Some(machine);
            self.name = name.map(bounded_name).or_else(|| self.name.take());
        }
    }

    /// Requires another lookup of the name that the user gave. Only for an order whose
    /// machine was not shown yet.
    pub fn clear_machine(&mut self) {
        if let (Target::Name(name), State::Planned | State::Rejected) = (&self.target, self.state) {
            self.name = Some(name.clone());
            self.machine = None;
            self.preflight = None;
            self.problem = None;
            self.state = State::Planned;
        }
    }

    /// Rejects the order because several machines have its name.
    pub fn reject_ambiguous(&mut self, problem: Problem) {
        if matches!(self.state, State::Planned | State::Rejected) {
            self.machine = None;
            self.preflight = None;
            self.end(State::Rejected, problem);
        }
    }

    /// Skips the order, with the reason.
    pub fn skip(&mut self, problem: Problem) {
        if self.state == State::Planned {
            self.end(State::Skipped, problem);
        }
    }

    /// Records the action that blocks the order, for the user to see.
    pub fn record_blocking_action(&mut self, action: MachineAction) {
        if matches!(self.state, State::Planned | State::Rejected) {
            self.action = Some(action);
        }
    }

    /// Whether the order was not sent, and a later run may send it.
    #[must_use]
    pub fn is_unsent(&self) -> bool {
        matches!(self.state, State::Planned | State::NotSent)
    }

    /// Discards an order that was not sent, with the reason. This is final.
    pub fn discard(&mut self, problem: Problem) {
        if self.is_unsent() {
            self.end(State::Skipped, problem);
        }
    }

    /// Marks the order as being sent. From now on its request may have left.
    pub fn mark_sending(&mut self) {
        if self.state == State::Planned {
            self.state = State::Sending;
        }
    }

    /// Plans the order again, if nothing was done and the reason may be temporary.
    pub fn replan(&mut self) {
        if matches!(self.state, State::Sending | State::NotSent) {
            self.state = State::Planned;
            self.problem = None;
        }
    }

    /// Plans an order again that the service refused with an external id, to send it without
    /// one. The refused request was not carried out.
    pub(crate) fn replan_refused(&mut self) {
        if self.state == State::Rejected {
            self.state = State::Planned;
            self.problem = None;
        }
    }

    /// Plans an unknown order again, by the user's explicit choice: it may have been
    /// carried out.
    pub fn plan_resend(&mut self) {
        if self.state == State::Unknown {
            self.state = State::Planned;
            self.problem = None;
        }
    }

    /// Applies the verdict on its request.
    pub fn settle(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Accepted(action) => {
                self.state = State::Accepted;
                self.problem = None;
                self.name = self
                    .name
                    .take()
                    .or_else(|| action.computer_dns_name.clone().map(bounded_name));
                self.track(*action);
            }
            Verdict::Rejected(problem) => self.end(state_if_undone(&problem), problem),
            Verdict::NotSent(problem) => self.end(State::NotSent, problem),
            Verdict::Unknown(problem) => self.end(State::Unknown, problem),
        }
    }

    /// Records whether every request that may have been carried out had the external id.
    pub(crate) fn record_external_id_sent(&mut self, is_sent: bool) {
        self.is_external_id_sent = is_sent && self.external_id.is_some();
    }

    /// Marks its action as adopted: the action existed before the request.
    pub fn mark_adopted(&mut self) {
        self.is_adopted = true;
    }

    /// Applies the new status of its action.
    pub fn track(&mut self, action: MachineAction) {
        if matches!(self.state, State::Accepted | State::Pending) {
            self.state = state_of(&action.status);
            self.action = Some(action);
            self.problem = None;
        }
    }

    /// Records that its action was read, and has the same status.
    pub fn confirm_status(&mut self) {
        if matches!(self.state, State::Accepted | State::Pending) {
            self.problem = None;
        }
    }

    /// Records why its action cannot be tracked.
    pub fn record_tracking_problem(&mut self, problem: Problem) {
        if self.state == State::Accepted {
            self.problem = Some(problem);
        }
    }

    /// Marks the order as pending: the deadline passed before its action ended.
    pub fn mark_pending(&mut self) {
        if self.state == State::Accepted {
            self.state = State::Pending;
        }
    }

    /// Marks the order as pending because the service does not list its action any more.
    /// How the action ended cannot be read.
    pub fn mark_not_listed(&mut self, problem: Problem) {
        if matches!(self.state, State::Accepted | State::Pending) {
            self.end(State::Pending, problem);
        }
    }

    /// Records that the machine of a succeeded order has been seen since. The order stays a
    /// success.
    pub fn record_report_since(&mut self, problem: Problem) {
        if self.state == State::Succeeded && problem.kind == ProblemKind::SeenSince {
            self.problem = Some(problem);
        }
    }

    /// Ends an order of a session that has ended. If its request may have left, the order
    /// is unknown.
    pub fn abandon(&mut self) {
        match self.state {
            State::Sending => self.end(
                State::Unknown,
                Problem::new(
                    ProblemKind::OutcomeUnknown,
                    Retry::AskFirst,
                    "interrupted while it was sent",
                ),
            ),
            State::Planned => self.end(
                State::NotSent,
                Problem::new(
                    ProblemKind::Interrupted,
                    Retry::Safe,
                    "the run ended before the service accepted a request",
                ),
            ),
            _ => {}
        }
    }

    /// The state decides whether the order may be repeated.
    fn end(&mut self, state: State, problem: Problem) {
        let retry = match state {
            State::NotSent => Retry::Safe,
            State::Rejected => Retry::Never,
            _ => problem.retry,
        };
        self.state = state;
        self.problem = Some(Problem { retry, ..problem });
    }
}

fn bounded_name(mut name: String) -> String {
    cut(&mut name, MAX_RECORDED_NAME);
    name
}
