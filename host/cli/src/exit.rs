//! Exit codes.

use std::process::ExitCode;

use super::advice;
use offboard::{
    contract::Problem,
    ledger::{LedgerError, LedgerErrorKind},
    order::Order,
    problem::{OutcomeClass, class_of_problem},
};

/// How the command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Done,
    Refused,
    Usage,
    Credential,
    Unknown,
    NotSent,
    Interrupted,
}

impl Exit {
    /// The exit code of several results.
    pub(super) fn of(exits: impl IntoIterator<Item = Self>) -> Self {
        let rank = |exit: &Self| match exit {
            Self::Usage | Self::Interrupted => 5,
            Self::Unknown => 4,
            Self::Credential => 3,
            Self::Refused => 2,
            Self::NotSent => 1,
            Self::Done => 0,
        };
        exits.into_iter().max_by_key(rank).unwrap_or(Self::Done)
    }

    /// The exit code of an error that ends the command: nothing was sent.
    pub(super) fn of_error(error: &anyhow::Error) -> Self {
        use LedgerErrorKind::{InUse, ManyRuns, Missing, NoHome, NoRun};
        match advice::ledger_error(error).map(LedgerError::kind) {
            // The arguments have to be corrected. Any other ledger can be used later.
            None | Some(InUse(_) | ManyRuns(_) | Missing | NoHome | NoRun(_)) => Self::Usage,
            Some(_) => Self::NotSent,
        }
    }

    /// The exit code of an order.
    pub(super) fn of_order(order: &Order) -> Self {
        order.outcome_class().into()
    }

    /// The exit code of a problem without an order.
    pub(super) fn of_problem(problem: &Problem) -> Self {
        class_of_problem(problem).into()
    }
}

impl From<OutcomeClass> for Exit {
    fn from(class: OutcomeClass) -> Self {
        match class {
            OutcomeClass::Done => Self::Done,
            OutcomeClass::Refused => Self::Refused,
            OutcomeClass::Credential => Self::Credential,
            OutcomeClass::NotSent => Self::NotSent,
            // A class that a newer version of the library adds.
            _ => Self::Unknown,
        }
    }
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => 0,
            Exit::Refused => 1,
            Exit::Usage => 2,
            Exit::Credential => 3,
            Exit::Unknown => 4,
            Exit::NotSent => 5,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(u8::from(exit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_severe_result_determines_the_code() {
        use Exit::{Credential, Done, NotSent, Refused, Unknown};
        assert_eq!(
            Exit::of([Done, NotSent, Refused, Credential, Unknown]),
            Unknown
        );
        assert_eq!(Exit::of([NotSent, Refused, Credential]), Credential);
        assert_eq!(Exit::of([NotSent, Refused]), Refused);
        assert_eq!(Exit::of([Done, NotSent]), NotSent);
        assert_eq!(Exit::of([]), Done);
    }
}
