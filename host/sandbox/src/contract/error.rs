//! One face for the contract's four errors: the case's name, what the service
//! said, and whether the call may be repeated.

use std::{error::Error, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    bindings::{
        optional::exports::defender::offboard::tagging::TagError,
        required::{
            defender::offboard::types::{
                ReadError, ServiceError, Throttled, UnknownOutcome, UnreadableAnswer,
            },
            exports::defender::offboard::{offboarding::OffboardError, tracking::CancelError},
        },
    },
    kind::ProblemKind,
    retry::Retry,
};
use crate::cut::cut;

/// The longest message that is kept of a problem, in bytes.
const MAX_MESSAGE: usize = 4 * 1024;

/// The longest code or tracking id that is kept of a problem, in bytes.
const MAX_WORD: usize = 256;

/// What went wrong, in one shape for every function of the contract.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// What went wrong.
    pub kind: ProblemKind,
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
    /// The error behind it. It is not recorded: a problem that was read from a
    /// record has none.
    #[serde(skip)]
    pub source: Option<Arc<dyn Error + Send + Sync>>,
}

/// Problems are the same if their records are.
impl PartialEq for Problem {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            kind,
            status,
            code,
            message,
            target,
            retry_after,
            retry,
            reading,
            source: _,
        } = self;
        *kind == other.kind
            && *status == other.status
            && *code == other.code
            && *message == other.message
            && *target == other.target
            && *retry_after == other.retry_after
            && *retry == other.retry
            && *reading == other.reading
    }
}

impl Eq for Problem {}

/// The kind, and the message if there is one.
impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind.as_str())?;
        match &self.message {
            Some(message) => write!(formatter, ": {message}"),
            None => Ok(()),
        }
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.source.as_deref()?;
        Some(source)
    }
}

impl Problem {
    /// A problem that the host itself found.
    #[must_use]
    pub fn new(kind: impl Into<ProblemKind>, retry: Retry, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            status: None,
            code: None,
            message: Some(message.into()),
            target: None,
            retry_after: None,
            retry,
            reading: false,
            source: None,
        }
        .bounded()
    }

    /// A problem that an error of the host's is behind. The message is the error's text
    /// with those of its sources, and the error is the source.
    #[must_use]
    pub fn from_error(
        kind: impl Into<ProblemKind>,
        retry: Retry,
        error: impl Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            message: Some(chain(&error)),
            source: Some(Arc::new(error)),
            ..Self::new(kind, retry, "")
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

    /// What the plugin or the host reports without an answer of the service's.
    fn found(kind: ProblemKind, reason: String) -> Self {
        let retry = kind.retry();
        Self::new(kind, retry, reason)
    }

    /// What the service answered.
    fn said(kind: ProblemKind, error: ServiceError) -> Self {
        Self {
            retry: kind.retry(),
            kind,
            status: Some(error.status),
            code: error.code,
            message: error.message,
            target: error.target,
            retry_after: None,
            reading: false,
            source: None,
        }
        .bounded()
    }

    fn unreadable(answer: UnreadableAnswer) -> Self {
        Self {
            status: Some(answer.status),
            ..Self::found(ProblemKind::UnreadableAnswer, answer.reason)
        }
    }

    fn throttled(error: Throttled) -> Self {
        Self {
            retry_after: error.retry_after,
            ..Self::said(ProblemKind::Throttled, error.answer)
        }
    }

    fn unknown(outcome: UnknownOutcome) -> Self {
        match outcome.answer {
            Some(answer) => Self::said(ProblemKind::OutcomeUnknown, answer),
            None => Self::found(ProblemKind::OutcomeUnknown, outcome.reason),
        }
    }
}

/// The text of an error and of its sources.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let more = source.to_string();
        // A transparent error repeats its source's text.
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = source.source();
    }
    text
}

impl From<OffboardError> for Problem {
    fn from(error: OffboardError) -> Self {
        use OffboardError as E;
        use ProblemKind as Kind;
        match error {
            E::InvalidMachineId(reason) => Self::found(Kind::InvalidMachineId, reason),
            E::InvalidComment(reason) => Self::found(Kind::InvalidComment, reason),
            E::NoCredential(reason) => Self::found(Kind::NoCredential, reason),
            E::Unauthorized(error) => Self::said(Kind::Unauthorized, error),
            E::Forbidden(error) => Self::said(Kind::Forbidden, error),
            E::MachineNotFound(error) => Self::said(Kind::MachineNotFound, error),
            E::UnsupportedMachine(error) => Self::said(Kind::UnsupportedMachine, error),
            E::AlreadyInProgress(error) => Self::said(Kind::AlreadyInProgress, error),
            E::Rejected(error) => Self::said(Kind::Rejected, error),
            E::Throttled(error) => Self::throttled(error),
            E::ServiceFailure(error) => Self::said(Kind::ServiceFailure, error),
            E::Denied(reason) => Self::found(Kind::Denied, reason),
            E::NotSent(reason) => Self::found(Kind::NotSent, reason),
            E::OutcomeUnknown(outcome) => Self::unknown(outcome),
            E::UnreadableAnswer(answer) => Self::unreadable(answer),
        }
    }
}

impl From<CancelError> for Problem {
    fn from(error: CancelError) -> Self {
        use CancelError as E;
        use ProblemKind as Kind;
        match error {
            E::InvalidActionId(reason) => Self::found(Kind::InvalidActionId, reason),
            E::InvalidComment(reason) => Self::found(Kind::InvalidComment, reason),
            E::NoCredential(reason) => Self::found(Kind::NoCredential, reason),
            E::Unauthorized(error) => Self::said(Kind::Unauthorized, error),
            E::Forbidden(error) => Self::said(Kind::Forbidden, error),
            E::ActionNotFound(error) => Self::said(Kind::ActionNotFound, error),
            E::Rejected(error) => Self::said(Kind::Rejected, error),
            E::Throttled(error) => Self::throttled(error),
            E::ServiceFailure(error) => Self::said(Kind::ServiceFailure, error),
            E::Denied(reason) => Self::found(Kind::Denied, reason),
            E::NotSent(reason) => Self::found(Kind::NotSent, reason),
            E::OutcomeUnknown(outcome) => Self::unknown(outcome),
            E::UnreadableAnswer(answer) => Self::unreadable(answer),
        }
    }
}

impl From<TagError> for Problem {
    fn from(error: TagError) -> Self {
        use ProblemKind as Kind;
        use TagError as E;
        let problem = match error {
            E::InvalidMachineId(reason) => Self::found(Kind::InvalidMachineId, reason),
            E::InvalidTag(reason) => Self::found(Kind::InvalidTag, reason),
            E::NoCredential(reason) => Self::found(Kind::NoCredential, reason),
            E::Unauthorized(error) => Self::said(Kind::Unauthorized, error),
            E::Forbidden(error) => Self::said(Kind::Forbidden, error),
            E::MachineNotFound(error) => Self::said(Kind::MachineNotFound, error),
            E::Rejected(error) => Self::said(Kind::Rejected, error),
            E::Throttled(error) => Self::throttled(error),
            E::ServiceFailure(error) => Self::said(Kind::ServiceFailure, error),
            E::Denied(reason) => Self::found(Kind::Denied, reason),
            E::NotSent(reason) => Self::found(Kind::NotSent, reason),
            E::OutcomeUnknown(outcome) => Self::unknown(outcome),
            E::UnreadableAnswer(answer) => Self::unreadable(answer),
        };
        // Adding a tag again changes nothing.
        Self {
            retry: problem.retry.of_harmless(),
            ..problem
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        use ProblemKind as Kind;
        use ReadError as E;
        let problem = match error {
            E::InvalidArgument(reason) => Self::found(Kind::InvalidArgument, reason),
            E::NoCredential(reason) => Self::found(Kind::NoCredential, reason),
            E::Unauthorized(error) => Self::said(Kind::Unauthorized, error),
            E::Forbidden(error) => Self::said(Kind::Forbidden, error),
            E::NotFound(error) => Self::said(Kind::NotFound, error),
            E::Rejected(error) => Self::said(Kind::Rejected, error),
            E::Throttled(error) => Self::throttled(error),
            E::ServiceFailure(error) => Self::said(Kind::ServiceFailure, error),
            E::Denied(reason) => Self::found(Kind::Denied, reason),
            E::NoAnswer(reason) => Self::found(Kind::NoAnswer, reason),
            E::UnreadableAnswer(answer) => Self::unreadable(answer),
        };
        Self {
            retry: problem.retry.of_harmless(),
            reading: true,
            ..problem
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
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

    #[test]
    fn the_source_is_kept_and_not_recorded() {
        let error = std::io::Error::other("the disk is full");
        let problem = Problem::from_error(ProblemKind::Ledger, Retry::Safe, error);
        let source = problem.source().map(ToString::to_string);
        assert_eq!(source.as_deref(), Some("the disk is full"));
        assert_eq!(problem.to_string(), "ledger: the disk is full");
        let json = serde_json::to_string(&problem).unwrap();
        let read: Problem = serde_json::from_str(&json).unwrap();
        assert!(read.source.is_none() && read == problem, "{json}");
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
