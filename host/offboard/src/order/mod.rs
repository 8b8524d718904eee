//! An order: one machine that is to be offboarded, and what became of it.
//! States and transitions alone; no input or output.
//!
//! `planned → sending → accepted → succeeded | failed | timed-out | cancelled`,
//! or `rejected`, `not-sent`, `skipped`, or `unknown`: sent, and no answer. An
//! accepted order whose end was not seen before the deadline is `pending`.
//!
//! What never left goes back to `planned`; so does what is `unknown`, by the
//! user's own word alone.

pub(crate) mod state;

use std::fmt;

use crate::{
    contract::{
        Comment, Machine, MachineAction, MachineId, Problem, ProblemKind, Retry, canonical_name,
    },
    cut::cut,
    problem::{self, OutcomeClass},
};

pub use crate::problem::{is_for_all, state_of_problem};
pub use state::{State, state_of};

/// The kind of problem of an order whose action the service does not list.
pub const NOT_LISTED: &str = "not-listed";

/// The kind of problem of an order whose machine was offboarded before, and has reported
/// since.
pub const SEEN_SINCE: &str = "seen-since";

/// The longest value of a machine's properties that is kept, in bytes.
const MAX_WORD: usize = 256;

/// The longest name of a machine that is kept, in bytes: a DNS name has fewer than 256.
const MAX_NAME: usize = 1024;

/// What an answer, or its absence, means for an order.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The service took it.
    Accepted(Box<MachineAction>),
    /// It was refused.
    Rejected(Problem),
    /// Nothing left.
    NotSent(Problem),
    /// Nobody knows.
    Unknown(Problem),
}

impl Verdict {
    /// What went wrong, if something did.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Accepted(_) => None,
            Self::Rejected(problem) | Self::NotSent(problem) | Self::Unknown(problem) => {
                Some(problem)
            }
        }
    }
}

/// Who a user means: an id, or a name that has to be looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A machine id.
    Id(MachineId),
    /// A DNS name.
    Name(String),
}

/// What a look at the machine brought, before anything was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// It is there.
    Seen(Seen),
    /// The token may not read.
    Unavailable,
}

/// What the service knew of a machine, in its own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its operating system.
    pub platform: Option<String>,
    /// That one's version.
    pub version: Option<String>,
    /// Whether its sensor reports.
    pub health: Option<String>,
    /// Whether it is onboarded.
    pub onboarding: Option<String>,
    /// When it last reported.
    pub last_seen: Option<String>,
    /// The machine that took its place.
    pub merged_into: Option<String>,
}

impl From<&Machine> for Seen {
    fn from(machine: &Machine) -> Self {
        Self {
            platform: machine.os_platform.clone(),
            version: machine.version.clone(),
            health: machine.health_status.clone(),
            onboarding: machine.onboarding_status.clone(),
            last_seen: machine.last_seen.clone(),
            merged_into: machine.merged_into_machine_id.clone(),
        }
        .bounded()
    }
}

impl Seen {
    /// What is kept of it does not grow with what the service says.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        let Self {
            platform,
            version,
            health,
            onboarding,
            last_seen,
            merged_into,
        } = &mut self;
        let words = [
            platform,
            version,
            health,
            onboarding,
            last_seen,
            merged_into,
        ];
        words
            .into_iter()
            .flatten()
            .for_each(|word| cut(word, MAX_WORD));
        self
    }
}

/// What is on record of an order besides what was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) machine: Option<MachineId>,
    pub(crate) name: Option<String>,
    pub(crate) state: State,
    pub(crate) action: Option<MachineAction>,
    pub(crate) problem: Option<Problem>,
    pub(crate) joined: bool,
    pub(crate) look: Option<Look>,
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
    joined: bool,
    look: Option<Look>,
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
            joined: false,
            look: None,
        }
    }

    /// An order as it is on record.
    pub(crate) fn recorded(target: Target, comment: Comment, recorded: Recorded) -> Self {
        let Recorded {
            machine,
            name,
            state,
            action,
            problem,
            joined,
            look,
        } = recorded;
        Self {
            target,
            machine,
            name,
            comment,
            state,
            action,
            problem,
            joined,
            look,
        }
    }

    /// What the user named.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The machine, once it is known.
    #[must_use]
    pub fn machine(&self) -> Option<&MachineId> {
        self.machine.as_ref()
    }

    /// The machine's name, where it is known.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Why.
    #[must_use]
    pub fn comment(&self) -> &Comment {
        &self.comment
    }

    /// How far it has come.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// The machine action, once there is one.
    #[must_use]
    pub fn action(&self) -> Option<&MachineAction> {
        self.action.as_ref()
    }

    /// What went wrong, if something did.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    /// Whether its action was under way before: it has another's comment.
    #[must_use]
    pub fn is_joined(&self) -> bool {
        self.joined
    }

    /// What was known of the machine before.
    #[must_use]
    pub fn look(&self) -> Option<&Look> {
        self.look.as_ref()
    }

    /// What the service knew of the machine before.
    #[must_use]
    pub fn seen(&self) -> Option<&Seen> {
        match &self.look {
            Some(Look::Seen(seen)) => Some(seen),
            _ => None,
        }
    }

    /// The machine was looked at.
    pub fn looked(&mut self, look: Look) {
        self.look = Some(look);
    }

    /// A name that was looked up too early is looked up again; nobody was shown
    /// yet what it led to.
    pub fn forget_machine(&mut self) {
        if let (Target::Name(name), State::Planned | State::Rejected) = (&self.target, self.state) {
            self.name = Some(name.clone());
            self.machine = None;
            self.look = None;
            self.problem = None;
            self.state = State::Planned;
        }
    }

    /// It is to be looked at again.
    pub fn forget_look(&mut self) {
        if self.state == State::Planned {
            self.look = None;
        }
    }

    /// The service answered with an action that was under way before.
    pub fn joined(&mut self) {
        self.joined = true;
    }

    /// The name was looked up. The id is settled with this, and never looked
    /// up again.
    pub fn resolved(&mut self, machine: MachineId, name: Option<String>) {
        if self.state == State::Planned {
            self.machine = Some(machine);
            self.name = name.map(bounded_name).or_else(|| self.name.take());
        }
    }

    /// The request is about to leave.
    pub fn sending(&mut self) {
        if self.state == State::Planned {
            self.state = State::Sending;
        }
    }

    /// It never left, or was only put off: its turn comes again.
    pub fn put_back(&mut self) {
        if self.state == State::Sending || self.may_be_put_back() {
            self.state = State::Planned;
            self.problem = None;
        }
    }

    /// It is sent again by the user's own word, though it may have been carried
    /// out.
    pub fn send_again(&mut self) {
        if self.state == State::Unknown {
            self.state = State::Planned;
            self.problem = None;
        }
    }

    /// Whether a later run may try it again: nothing was done, and what stood in
    /// its way may be gone.
    #[must_use]
    pub fn may_be_put_back(&self) -> bool {
        let is_put_off = |problem: &Problem| {
            problem.retry == Retry::Safe
                || (problem.kind == ProblemKind::Forbidden && is_for_all(problem))
        };
        match self.state {
            State::NotSent => true,
            State::Rejected => self.problem.as_ref().is_some_and(is_put_off),
            _ => false,
        }
    }

    /// The answer is in, or will never be.
    pub fn settle(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Accepted(action) => {
                self.state = State::Accepted;
                self.problem = None;
                self.name = self
                    .name
                    .take()
                    .or_else(|| action.computer_dns_name.clone().map(bounded_name));
                self.follow(*action);
            }
            Verdict::Rejected(problem) => self.end(State::Rejected, problem),
            Verdict::NotSent(problem) => self.end(State::NotSent, problem),
            Verdict::Unknown(problem) => self.end(State::Unknown, problem),
        }
    }

    /// It is left out.
    pub fn skip(&mut self, problem: Problem) {
        if self.state == State::Planned {
            self.end(State::Skipped, problem);
        }
    }

    /// The action that stands in its way, for people to look at.
    pub fn blocked_by(&mut self, action: MachineAction) {
        if matches!(self.state, State::Planned | State::Rejected) {
            self.action = Some(action);
        }
    }

    /// The action's status was read again.
    pub fn follow(&mut self, action: MachineAction) {
        if matches!(self.state, State::Accepted | State::Pending) {
            self.state = state_of(&action.status);
            self.action = Some(action);
            self.problem = None;
        }
    }

    /// The action's status was read again, and is what it was.
    pub fn followed(&mut self) {
        if matches!(self.state, State::Accepted | State::Pending) {
            self.problem = None;
        }
    }

    /// A name turned out to be several machines': none of them is meant.
    pub fn is_several(&mut self, problem: Problem) {
        if matches!(self.state, State::Planned | State::Rejected) {
            self.machine = None;
            self.look = None;
            self.end(State::Rejected, problem);
        }
    }

    /// The deadline has passed before the end.
    pub fn deadline(&mut self) {
        if self.state == State::Accepted {
            self.state = State::Pending;
        }
    }

    /// The service does not list its action any more: no waiting will tell how it
    /// ended.
    pub fn not_listed(&mut self, problem: Problem) {
        if matches!(self.state, State::Accepted | State::Pending) {
            self.end(State::Pending, problem);
        }
    }

    /// Whether the service did not list its action when it was asked last.
    #[must_use]
    pub fn is_not_listed(&self) -> bool {
        let problem = self.problem.as_ref();
        self.state == State::Pending
            && problem.is_some_and(|problem| problem.kind == ProblemKind::NotListed)
    }

    /// It succeeded, and its machine has reported since: the success stays on record, with
    /// this.
    pub fn reported_since(&mut self, problem: Problem) {
        if self.state == State::Succeeded && problem.kind == ProblemKind::SeenSince {
            self.problem = Some(problem);
        }
    }

    /// Whether its machine has reported since it was offboarded, by this order or by an
    /// earlier one.
    #[must_use]
    pub fn is_seen_since(&self) -> bool {
        let problem = self.problem.as_ref();
        matches!(self.state, State::Skipped | State::Succeeded)
            && problem.is_some_and(|problem| problem.kind == ProblemKind::SeenSince)
    }

    /// What the order means for the result of a command or a call.
    #[must_use]
    pub fn outcome_class(&self) -> OutcomeClass {
        let problem = self.problem.as_ref();
        match self.state {
            State::Skipped => problem.map_or(OutcomeClass::Done, problem::class_if_skipped),
            // The machine may be in use again: the user decides.
            State::Succeeded if self.is_seen_since() => OutcomeClass::Refused,
            State::Planned | State::Succeeded => OutcomeClass::Done,
            State::Accepted if problem.is_none() => OutcomeClass::Done,
            // It was to be tracked, and could not be.
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

    /// Following is not possible.
    pub fn cannot_follow(&mut self, problem: Problem) {
        if self.state == State::Accepted {
            self.problem = Some(problem);
        }
    }

    /// Nobody works on it any more. A request that may be on its way makes it
    /// unknown.
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
                    "the run ended before its turn",
                ),
            ),
            _ => {}
        }
    }

    fn end(&mut self, state: State, problem: Problem) {
        self.state = state;
        self.problem = Some(problem);
    }
}

fn bounded_name(mut name: String) -> String {
    cut(&mut name, MAX_NAME);
    name
}

impl Target {
    /// What a name is compared by; none of an id.
    #[must_use]
    pub fn sought(&self) -> Option<String> {
        match self {
            Self::Id(_) => None,
            Self::Name(name) => Some(canonical_name(name)),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(formatter),
            Self::Name(name) => formatter.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests;
