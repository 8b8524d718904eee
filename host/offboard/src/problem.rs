//! The meaning of each kind of problem, in one table. Nothing else decides which state an
//! order has because of a problem, whether it may be repeated, and which result that is.

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
        // Another token, or another permission, changes the answer.
        Kind::NoCredential | Kind::WrongTenant | Kind::Unauthorized | Kind::Forbidden => {
            (State::NotSent, Class::Credential)
        }
        Kind::NoAuthority
        | Kind::NoAnswer
        | Kind::NotSent
        | Kind::Throttled
        | Kind::Interrupted
        | Kind::Plugin
        | Kind::Ledger
        | Kind::Audit => (State::NotSent, Class::NotSent),
        // Final: the same request would be refused again.
        _ => (State::Rejected, Class::Refused),
    };
    let retry = match state {
        State::Unknown => Retry::AskFirst,
        State::NotSent => Retry::Safe,
        _ => Retry::Never,
    };
    let class_if_skipped = match kind {
        // Another process knows or will know the outcome for the machine.
        Kind::UnderWay | Kind::StillPending => Class::Unknown,
        // The machine may be in use again: the user has to decide.
        // A user discarded the order: the machine was not offboarded.
        Kind::SeenSince | Kind::Discarded => Class::Refused,
        _ => Class::Done,
    };
    Meaning {
        state,
        retry,
        class,
        class_if_skipped,
    }
}

/// The state if the problem is all that is known. A read leaves nothing unknown: it may be
/// repeated.
#[must_use]
pub fn state_of_problem(problem: &Problem) -> State {
    match meaning(&problem.kind).state {
        State::Unknown if problem.reading => State::NotSent,
        // The service does not allow it for this machine, with any permission.
        State::NotSent if problem.kind == ProblemKind::Forbidden && !is_for_all(problem) => {
            State::Rejected
        }
        state => state,
    }
}

/// The state of an order for which nothing was done because of this problem: rejected if the
/// reason is final, otherwise not sent.
pub(crate) fn state_if_undone(problem: &Problem) -> State {
    match state_of_problem(problem) {
        State::Rejected => State::Rejected,
        _ => State::NotSent,
    }
}

/// The state of one request with this problem. A request that was answered was sent.
pub(crate) fn state_of_request(problem: &Problem) -> State {
    match state_of_problem(problem) {
        State::NotSent if problem.status.is_some() => State::Rejected,
        state => state,
    }
}

/// The result of a problem without an order. A read leaves nothing unknown: it may be
/// repeated.
#[must_use]
pub fn class_of_problem(problem: &Problem) -> OutcomeClass {
    match meaning(&problem.kind).class {
        OutcomeClass::Unknown if problem.reading => OutcomeClass::NotSent,
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

/// Whether reading any other machine would have this problem, too.
pub(crate) fn is_for_all_reads(problem: &Problem) -> bool {
    use ProblemKind as Kind;
    matches!(
        problem.kind,
        Kind::Unauthorized
            | Kind::NoCredential
            | Kind::WrongTenant
            | Kind::NoAuthority
            | Kind::Ledger
            | Kind::Audit
    )
}

/// Whether a read may succeed a moment later: the service or the network fails, or the
/// service limits the rate.
pub(crate) fn is_outage(problem: &Problem) -> bool {
    use ProblemKind as Kind;
    matches!(
        problem.kind,
        Kind::NoAnswer | Kind::Throttled | Kind::ServiceFailure
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new kind has to be decided: a resume never sends an order that was rejected.
    #[test]
    fn only_these_kinds_are_final() {
        let is_final = |kind: &&ProblemKind| meaning(kind).state == State::Rejected;
        let found: Vec<&str> = ProblemKind::ALL
            .iter()
            .filter(is_final)
            .map(ProblemKind::as_str)
            .collect();
        let expected = [
            "invalid-machine-id",
            "invalid-comment",
            "invalid-action-id",
            "invalid-tag",
            "invalid-argument",
            "not-found",
            "machine-not-found",
            "action-not-found",
            "ambiguous-name",
            "wrong-machine",
            "unsupported-machine",
            "already-in-progress",
            "rejected",
            "denied",
            "policy",
            "duplicate",
            "already-offboarded",
            "seen-since",
            "still-pending",
            "under-way",
            "discarded",
            "not-listed",
            "already-ended",
            "no-offboarding",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_call_and_an_order_agree_on_what_may_be_repeated() {
        for kind in ProblemKind::ALL {
            // The same call would be forbidden again. An order waits for the permission.
            if *kind != ProblemKind::Forbidden {
                assert_eq!(meaning(kind).retry, kind.retry(), "{kind}");
            }
        }
    }

    #[test]
    fn a_request_that_was_answered_was_sent() {
        let of = |kind: &'static str, status| {
            let problem = Problem {
                status,
                ..Problem::new(kind, Retry::Safe, "x")
            };
            (state_of_request(&problem), state_if_undone(&problem))
        };
        let refused = (State::Rejected, State::NotSent);
        assert_eq!(of("throttled", Some(429)), refused);
        assert_eq!(of("unauthorized", Some(401)), refused);
        assert_eq!(of("no-credential", None), (State::NotSent, State::NotSent));
        assert_eq!(of("rejected", Some(400)).1, State::Rejected);
    }

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
            let (state, class) = (state_of_problem(&problem), class_of_problem(&problem));
            assert_ne!(state, State::Unknown, "{kind}");
            assert_ne!(class, OutcomeClass::Unknown, "{kind}");
            let is_final = state == State::Rejected;
            assert_eq!(is_final, class == OutcomeClass::Refused, "{kind}");
        }
    }
}
