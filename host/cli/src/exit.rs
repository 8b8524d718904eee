//! Exit codes.

use std::process::ExitCode;

use offboard::{
    contract::Problem,
    order::Order,
    problem::{OutcomeClass, class_of_problem},
};

/// Why the command ends.
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
    /// The one that counts where several apply.
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

    /// What an order means for the exit code.
    pub(super) fn of_order(order: &Order) -> Self {
        order.outcome_class().into()
    }

    /// What a problem means where there is no order.
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
            // A class that a newer library adds: its meaning is not known here.
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
    fn where_several_apply_the_gravest_counts() {
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
