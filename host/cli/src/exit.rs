//! Exit codes.

use std::process::ExitCode;

use offboard::{
    contract::Problem,
    order::{Order, State, state_of_problem},
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
        let kind = order.problem().map(|problem| &*problem.kind);
        match order.state() {
            // What became of it is for another process to tell.
            State::Skipped if matches!(kind, Some("under-way" | "still-pending")) => Self::Unknown,
            // The machine may be in use again: the user has to decide.
            _ if order.is_seen_since() => Self::Refused,
            State::Planned | State::Succeeded | State::Skipped => Self::Done,
            State::Accepted if kind.is_none() => Self::Done,
            // It was to be followed, and could not be.
            State::Accepted | State::Pending | State::Unknown | State::Sending => Self::Unknown,
            State::Failed | State::TimedOut | State::Cancelled => Self::Refused,
            State::Rejected | State::NotSent if kind.is_some_and(is_credential) => Self::Credential,
            State::Rejected => Self::Refused,
            State::NotSent => Self::NotSent,
            // A state that a newer library adds: its meaning is not known here.
            _ => Self::Unknown,
        }
    }

    /// What a problem means where there is no order.
    pub(super) fn of_problem(problem: &Problem) -> Self {
        match state_of_problem(problem) {
            _ if is_credential(&problem.kind) => Self::Credential,
            State::Unknown => Self::Unknown,
            State::NotSent => Self::NotSent,
            _ => Self::Refused,
        }
    }
}

fn is_credential(kind: &str) -> bool {
    matches!(
        kind,
        "no-credential" | "wrong-tenant" | "unauthorized" | "forbidden"
    )
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
