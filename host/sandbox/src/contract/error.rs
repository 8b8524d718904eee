//! One face for the contract's four errors: the case's name, what the service
//! said, and whether the call may be repeated.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{CancelError, OffboardError, ReadError, ServiceError, TagError};
use crate::cut::cut;

/// The longest message that is kept of a problem, in bytes.
const MAX_MESSAGE: usize = 4 * 1024;

/// The longest code or tracking id that is kept of a problem, in bytes.
const MAX_WORD: usize = 256;

/// Whether a call may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    /// It would fail again.
    Never,
    /// Nothing was done, or doing it again changes nothing; it may be repeated.
    Safe,
    /// It may have been done: find out first.
    AskFirst,
}

impl Retry {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Safe => "safe",
            Self::AskFirst => "ask-first",
        }
    }
}

/// What went wrong, in one shape for every function of the contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The case's name in the contract, for example `machine-not-found`.
    pub kind: Cow<'static, str>,
    /// The HTTP status, where an answer came.
    pub status: Option<u16>,
    /// The service's code.
    pub code: Option<String>,
    /// The service's words, or the plugin's or the host's where the service
    /// said nothing.
    pub message: Option<String>,
    /// The service's tracking id.
    pub target: Option<String>,
    /// How long to wait, in seconds, where the service said so.
    pub retry_after: Option<u64>,
    /// Whether it may be repeated.
    pub retry: Retry,
    /// Whether it was a read that went wrong: reading needs a permission of
    /// its own.
    pub reading: bool,
}

impl Problem {
    /// A problem that the host itself found.
    #[must_use]
    pub fn new(
        kind: impl Into<Cow<'static, str>>,
        retry: Retry,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind: kind.into(),
            status: None,
            code: None,
            message: Some(message.into()),
            target: None,
            retry_after: None,
            retry,
            reading: false,
        }
        .bounded()
    }

    /// What is kept of a problem does not grow with what the service or the plugin says.
    fn bounded(mut self) -> Self {
        let bound = |text: &mut Option<String>, bytes| {
            text.iter_mut().for_each(|text| cut(text, bytes));
        };
        bound(&mut self.code, MAX_WORD);
        bound(&mut self.message, MAX_MESSAGE);
        bound(&mut self.target, MAX_WORD);
        self
    }

    fn said(kind: &'static str, retry: Retry, error: ServiceError) -> Self {
        Self {
            kind: kind.into(),
            status: Some(error.status),
            code: error.code,
            message: error.message,
            target: error.target,
            retry_after: None,
            retry,
            reading: false,
        }
        .bounded()
    }

    fn unreadable(retry: Retry, answer: super::UnreadableAnswer) -> Self {
        Self {
            status: Some(answer.status),
            ..Self::new("unreadable-answer", retry, answer.reason)
        }
    }

    fn throttled(error: super::Throttled) -> Self {
        Self {
            retry_after: error.retry_after,
            ..Self::said("throttled", Retry::Safe, error.answer)
        }
    }

    fn unknown(retry: Retry, outcome: super::UnknownOutcome) -> Self {
        match outcome.answer {
            Some(answer) => Self::said("outcome-unknown", retry, answer),
            None => Self::new("outcome-unknown", retry, outcome.reason),
        }
    }
}

impl From<OffboardError> for Problem {
    fn from(error: OffboardError) -> Self {
        use OffboardError as E;
        use Retry::{AskFirst, Never, Safe};
        match error {
            E::InvalidMachineId(reason) => Self::new("invalid-machine-id", Never, reason),
            E::InvalidComment(reason) => Self::new("invalid-comment", Never, reason),
            E::NoCredential(reason) => Self::new("no-credential", Safe, reason),
            E::Unauthorized(error) => Self::said("unauthorized", Safe, error),
            E::Forbidden(error) => Self::said("forbidden", Never, error),
            E::MachineNotFound(error) => Self::said("machine-not-found", Never, error),
            E::UnsupportedMachine(error) => Self::said("unsupported-machine", Never, error),
            E::AlreadyInProgress(error) => Self::said("already-in-progress", Never, error),
            E::Rejected(error) => Self::said("rejected", Never, error),
            E::Throttled(error) => Self::throttled(error),
            E::ServiceFailure(error) => Self::said("service-failure", AskFirst, error),
            E::Denied(reason) => Self::new("denied", Never, reason),
            E::NotSent(reason) => Self::new("not-sent", Safe, reason),
            E::OutcomeUnknown(outcome) => Self::unknown(AskFirst, outcome),
            E::UnreadableAnswer(answer) => Self::unreadable(AskFirst, answer),
        }
    }
}

impl From<CancelError> for Problem {
    fn from(error: CancelError) -> Self {
        use CancelError as E;
        use Retry::{AskFirst, Never, Safe};
        match error {
            E::InvalidActionId(reason) => Self::new("invalid-action-id", Never, reason),
            E::InvalidComment(reason) => Self::new("invalid-comment", Never, reason),
            E::NoCredential(reason) => Self::new("no-credential", Safe, reason),
            E::Unauthorized(error) => Self::said("unauthorized", Safe, error),
            E::Forbidden(error) => Self::said("forbidden", Never, error),
            E::ActionNotFound(error) => Self::said("action-not-found", Never, error),
            E::Rejected(error) => Self::said("rejected", Never, error),
            E::Throttled(error) => Self::throttled(error),
            E::ServiceFailure(error) => Self::said("service-failure", AskFirst, error),
            E::Denied(reason) => Self::new("denied", Never, reason),
            E::NotSent(reason) => Self::new("not-sent", Safe, reason),
            E::OutcomeUnknown(outcome) => Self::unknown(AskFirst, outcome),
            E::UnreadableAnswer(answer) => Self::unreadable(AskFirst, answer),
        }
    }
}

impl From<TagError> for Problem {
    fn from(error: TagError) -> Self {
        use Retry::{Never, Safe};
        use TagError as E;
        match error {
            E::InvalidMachineId(reason) => Self::new("invalid-machine-id", Never, reason),
            E::InvalidTag(reason) => Self::new("invalid-tag", Never, reason),
            E::NoCredential(reason) => Self::new("no-credential", Safe, reason),
            E::Unauthorized(error) => Self::said("unauthorized", Safe, error),
            E::Forbidden(error) => Self::said("forbidden", Never, error),
            E::MachineNotFound(error) => Self::said("machine-not-found", Never, error),
            E::Rejected(error) => Self::said("rejected", Never, error),
            E::Throttled(error) => Self::throttled(error),
            // Adding a tag again changes nothing.
            E::ServiceFailure(error) => Self::said("service-failure", Safe, error),
            E::Denied(reason) => Self::new("denied", Never, reason),
            E::NotSent(reason) => Self::new("not-sent", Safe, reason),
            E::OutcomeUnknown(outcome) => Self::unknown(Safe, outcome),
            E::UnreadableAnswer(answer) => Self::unreadable(Safe, answer),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        use ReadError as E;
        use Retry::{Never, Safe};
        let problem = match error {
            E::InvalidArgument(reason) => Self::new("invalid-argument", Never, reason),
            E::NoCredential(reason) => Self::new("no-credential", Safe, reason),
            E::Unauthorized(error) => Self::said("unauthorized", Safe, error),
            E::Forbidden(error) => Self::said("forbidden", Never, error),
            E::NotFound(error) => Self::said("not-found", Never, error),
            E::Rejected(error) => Self::said("rejected", Never, error),
            E::Throttled(error) => Self::throttled(error),
            E::ServiceFailure(error) => Self::said("service-failure", Safe, error),
            E::Denied(reason) => Self::new("denied", Never, reason),
            E::NoAnswer(reason) => Self::new("no-answer", Safe, reason),
            E::UnreadableAnswer(answer) => Self::unreadable(Safe, answer),
        };
        Self {
            reading: true,
            ..problem
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{UnknownOutcome, UnreadableAnswer};
    use super::*;

    fn said() -> ServiceError {
        ServiceError {
            status: 500,
            code: None,
            message: None,
            target: None,
        }
    }

    #[test]
    fn the_words_of_a_problem_are_cut_whoever_says_them() {
        let long = || "x".repeat(32 * 1024);
        let answer = || ServiceError {
            code: Some(long()),
            message: Some(long()),
            target: Some(long()),
            ..said()
        };
        let outcome = UnknownOutcome {
            reason: long(),
            answer: None,
        };
        for problem in [
            Problem::from(OffboardError::Rejected(answer())),
            Problem::from(OffboardError::Denied(long())),
            Problem::from(OffboardError::OutcomeUnknown(outcome)),
            Problem::from(ReadError::Throttled(crate::contract::Throttled {
                answer: answer(),
                retry_after: None,
            })),
            Problem::new("plugin", Retry::Safe, long()),
        ] {
            let length = |text: Option<String>| text.map_or(0, |text| text.len());
            let mark = '…'.len_utf8();
            assert_eq!(length(problem.message), MAX_MESSAGE + mark);
            assert!(length(problem.code) <= MAX_WORD + mark);
            assert!(length(problem.target) <= MAX_WORD + mark);
        }
    }

    /// What a second offboarding would do is not known; a second tag does
    /// nothing.
    #[test]
    fn what_may_have_been_done_is_repeated_only_where_that_changes_nothing() {
        let unknown = || UnknownOutcome {
            reason: "lost".to_owned(),
            answer: None,
        };
        let unreadable = || UnreadableAnswer {
            status: 200,
            reason: "nonsense".to_owned(),
        };
        let offboard = [
            OffboardError::ServiceFailure(said()).into(),
            OffboardError::OutcomeUnknown(unknown()).into(),
            OffboardError::UnreadableAnswer(unreadable()).into(),
        ];
        let tag = [
            TagError::ServiceFailure(said()).into(),
            TagError::OutcomeUnknown(unknown()).into(),
            TagError::UnreadableAnswer(unreadable()).into(),
        ];
        for (offboard, tag) in offboard.into_iter().zip(tag) {
            let (offboard, tag): (Problem, Problem) = (offboard, tag);
            assert_eq!(offboard.retry, Retry::AskFirst, "{offboard:?}");
            let safe = Problem {
                retry: Retry::Safe,
                ..offboard
            };
            assert_eq!(tag, safe);
        }
    }
}
