//! The meaning of each kind of problem, in one table.

use crate::{
    contract::{Problem, ProblemKind, Retry},
    order::state::State,
};

/// The result of a command or a call with a problem. A front end maps it to its own codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OutcomeClass {
    /// Nothing is left to do.
    Done,
    /// The service, the plugin, the policy or the host refused it, or the device
    /// could not carry it out.
    Refused,
    /// The credential is missing, belongs to another tenant, or lacks a permission.
    Credential,
    /// It is unknown whether it was carried out, or how it ended.
    Unknown,
    /// Nothing was sent, and it may be repeated.
    NotSent,
}

/// The meaning of a kind of problem, for a request that would change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Meaning {
    /// The state of an order, or of another request, with this problem.
    pub state: State,
    /// Whether the request may be repeated.
    pub retry: Retry,
    /// The result.
    pub class: OutcomeClass,
    /// The result if an order was skipped because of it.
    pub class_if_skipped: OutcomeClass,
}

/// The meaning of this kind of problem.
///
/// ```
/// use offboard::{contract::ProblemKind, order::State, problem::{OutcomeClass, meaning}};
///
/// let unknown = meaning(&ProblemKind::OutcomeUnknown);
/// assert_eq!(unknown.state, State::Unknown);
/// assert_eq!(unknown.class, OutcomeClass::Unknown);
/// ```
#[must_use]
pub fn meaning(kind: &ProblemKind) -> Meaning {
    use OutcomeClass as Class;
    use ProblemKind as Kind;
    let (state, class) = match kind {
        Kind::OutcomeUnknown | Kind::ServiceFailure | Kind::UnreadableAnswer => {
            (State::Unknown, Class::Unknown)
        }
        Kind::NoCredential | Kind::WrongTenant => (State::NotSent, Class::Credential),
        Kind::NoAuthority
        | Kind::NoAnswer
        | Kind::NotSent
        | Kind::Interrupted
        | Kind::Plugin
        | Kind::Ledger
        | Kind::Audit => (State::NotSent, Class::NotSent),
        Kind::Unauthorized | Kind::Forbidden => (State::Rejected, Class::Credential),
        _ => (State::Rejected, Class::Refused),
    };
    let class_if_skipped = match kind {
        // Another process knows or will know the outcome for the machine.
        Kind::UnderWay | Kind::StillPending => Class::Unknown,
        // The machine may be in use again: the user has to decide.
        // A user gave the order up: the machine was not offboarded.
        Kind::SeenSince | Kind::Discarded => Class::Refused,
        _ => Class::Done,
    };
    Meaning {
        state,
        retry: kind.retry(),
        class,
        class_if_skipped,
    }
}

/// The state if the problem is all that is known. A read leaves nothing unknown.
#[must_use]
pub fn state_of_problem(problem: &Problem) -> State {
    match meaning(&problem.kind).state {
        State::Unknown if problem.reading => State::Rejected,
        state => state,
    }
}

/// The result of a problem without an order. A read leaves nothing unknown.
#[must_use]
pub fn class_of_problem(problem: &Problem) -> OutcomeClass {
    match meaning(&problem.kind).class {
        OutcomeClass::Unknown if problem.reading => OutcomeClass::Refused,
        class => class,
    }
}

/// The result of a problem if an order was skipped because of it.
pub(crate) fn class_if_skipped(problem: &Problem) -> OutcomeClass {
    meaning(&problem.kind).class_if_skipped
}

/// Whether the problem is about the credential.
pub(crate) fn is_credential(problem: &Problem) -> bool {
    meaning(&problem.kind).class == OutcomeClass::Credential
}

/// Whether a 403 is about the credential, so that every machine would have it.
#[must_use]
pub fn is_for_all(problem: &Problem) -> bool {
    problem.code.as_deref() != Some("DisallowedOperation")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_been_done_is_unknown_and_is_not_repeated() {
        for kind in ProblemKind::ALL {
            let meaning = meaning(kind);
            let is_unknown = meaning.state == State::Unknown;
            assert_eq!(is_unknown, meaning.retry == Retry::AskFirst, "{kind}");
            assert_eq!(is_unknown, meaning.class == OutcomeClass::Unknown, "{kind}");
        }
    }

    #[test]
    fn what_was_not_sent_may_be_repeated() {
        for kind in ProblemKind::ALL {
            let meaning = meaning(kind);
            if meaning.state == State::NotSent {
                assert_eq!(meaning.retry, Retry::Safe, "{kind}");
            }
        }
    }

    #[test]
    fn a_read_leaves_nothing_unknown() {
        for kind in ProblemKind::ALL {
            let problem = Problem {
                reading: true,
                ..Problem::new(kind.clone(), Retry::Safe, "x")
            };
            assert_ne!(state_of_problem(&problem), State::Unknown, "{kind}");
            assert_ne!(class_of_problem(&problem), OutcomeClass::Unknown, "{kind}");
        }
    }
}
