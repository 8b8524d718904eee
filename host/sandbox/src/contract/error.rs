//! One type for the contract's five errors: the kind, the service's answer, and whether
//! the call may be retried.

use std::{error::Error, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    bindings::{
        external_id::exports::defender::offboard::external_id::ExternalIdError,
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

/// The longest message of a problem, in bytes. Longer ones are truncated.
const MAX_MESSAGE: usize = 4 * 1024;

/// The longest code or tracking id of a problem, in bytes. Longer ones are truncated.
const MAX_WORD: usize = 256;

/// What went wrong, in one shape for every function of the contract.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// What went wrong.
    pub kind: ProblemKind,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The service's code.
    pub code: Option<String>,
    /// The service's message. Without an answer, the plugin's or the host's message.
    pub message: Option<String>,
    /// The service's tracking id.
    pub target: Option<String>,
    /// The service's retry-after, in seconds.
    pub retry_after: Option<u64>,
    /// Whether the call may be repeated.
    pub retry: Retry,
    /// Whether a read failed. Reads need a permission of their own.
    pub reading: bool,
    /// What else it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related: Option<Box<Related>>,
    /// The underlying error. It is not recorded: a problem from a record has none.
    #[serde(skip)]
    pub source: Option<Arc<ErrorSource>>,
}

/// The error that caused a problem.
#[derive(Debug)]
pub struct ErrorSource(Box<dyn Error + Send + Sync>);

impl ErrorSource {
    /// The source of a problem.
    #[must_use]
    pub fn new(error: impl Error + Send + Sync + 'static) -> Self {
        Self(Box::new(error))
    }
}

/// What a problem is about, beside its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Related {
    /// The ids of the machines that an ambiguous name may mean.
    Candidates(Vec<String>),
    /// The action of an earlier order.
    Action(OtherAction),
}

/// An action of another order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OtherAction {
    /// Its id.
    pub id: String,
    /// The action as the service last sent it: one JSON object, if it is known.
    pub json: Option<String>,
}

/// Compares everything but the source, which is not recorded.
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
            related,
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
            && *related == other.related
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
        Some(&*source.0)
    }
}

impl Problem {
    /// A problem that the host found.
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
            related: None,
            source: None,
        }
        .bounded()
    }

    /// A problem that an error of the host caused. The message is the error's text with those
    /// of its sources, and the error is the source.
    #[must_use]
    pub fn from_error(
        kind: impl Into<ProblemKind>,
        retry: Retry,
        error: impl Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            message: Some(with_sources(&error)),
            source: Some(Arc::new(ErrorSource::new(error))),
            ..Self::new(kind, retry, "")
        }
        .bounded()
    }

    /// The same problem with the ids of the machines that an ambiguous name may mean.
    #[must_use]
    pub fn with_candidates(self, machines: Vec<String>) -> Self {
        Self {
            related: Some(Box::new(Related::Candidates(machines))),
            ..self
        }
    }

    /// The same problem with the action of an earlier order.
    #[must_use]
    pub fn with_action(self, action: Option<OtherAction>) -> Self {
        Self {
            related: action.map(|action| Box::new(Related::Action(action))),
            ..self
        }
    }

    /// The ids of the machines that an ambiguous name may mean.
    #[must_use]
    pub fn candidates(&self) -> &[String] {
        match self.related.as_deref() {
            Some(Related::Candidates(machines)) => machines,
            _ => &[],
        }
    }

    /// The action of an earlier order.
    #[must_use]
    pub fn other_action(&self) -> Option<&OtherAction> {
        match self.related.as_deref() {
            Some(Related::Action(action)) => Some(action),
            _ => None,
        }
    }

    /// Truncates the texts of the service and of the plugin.
    fn bounded(mut self) -> Self {
        let bound = |text: &mut Option<String>, bytes| {
            text.iter_mut().for_each(|text| cut(text, bytes));
        };
        bound(&mut self.code, MAX_WORD);
        bound(&mut self.message, MAX_MESSAGE);
        bound(&mut self.target, MAX_WORD);
        self
    }

    /// What the plugin or the host reports without an answer of the service.
    fn from_reason(kind: ProblemKind, reason: String) -> Self {
        let retry = kind.retry();
        Self::new(kind, retry, reason)
    }

    /// The problem in an answer of the service.
    fn from_answer(kind: ProblemKind, error: ServiceError) -> Self {
        Self {
            retry: kind.retry(),
            kind,
            status: Some(error.status),
            code: error.code,
            message: error.message,
            target: error.target,
            retry_after: None,
            reading: false,
            related: None,
            source: None,
        }
        .bounded()
    }

    fn unreadable(answer: UnreadableAnswer) -> Self {
        Self {
            status: Some(answer.status),
            ..Self::from_reason(ProblemKind::UnreadableAnswer, answer.reason)
        }
    }

    fn throttled(error: Throttled) -> Self {
        Self {
            retry_after: error.retry_after,
            ..Self::from_answer(ProblemKind::Throttled, error.answer)
        }
    }

    fn unknown(outcome: UnknownOutcome) -> Self {
        match outcome.answer {
            Some(answer) => Self::from_answer(ProblemKind::OutcomeUnknown, answer),
            None => Self::from_reason(ProblemKind::OutcomeUnknown, outcome.reason),
        }
    }
}

/// The text of an error and of its sources, separated by colons.
#[must_use]
pub fn with_sources(error: &(dyn Error + 'static)) -> String {
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
            E::InvalidMachineId(reason) => Self::from_reason(Kind::InvalidMachineId, reason),
            E::InvalidComment(reason) => Self::from_reason(Kind::InvalidComment, reason),
            E::NoCredential(reason) => Self::from_reason(Kind::NoCredential, reason),
            E::Unauthorized(error) => Self::from_answer(Kind::Unauthorized, error),
            E::Forbidden(error) => Self::from_answer(Kind::Forbidden, error),
            E::MachineNotFound(error) => Self::from_answer(Kind::MachineNotFound, error),
            E::UnsupportedMachine(error) => Self::from_answer(Kind::UnsupportedMachine, error),
            E::AlreadyInProgress(error) => Self::from_answer(Kind::AlreadyInProgress, error),
            E::Rejected(error) => Self::from_answer(Kind::Rejected, error),
            E::Throttled(error) => Self::throttled(error),
            E::ServiceFailure(error) => Self::from_answer(Kind::ServiceFailure, error),
            E::Denied(reason) => Self::from_reason(Kind::Denied, reason),
            E::NotSent(reason) => Self::from_reason(Kind::NotSent, reason),
            E::OutcomeUnknown(outcome) => Self::unknown(outcome),
            E::UnreadableAnswer(answer) => Self::unreadable(answer),
        }
    }
}

impl From<ExternalIdError> for OffboardError {
    /// The two functions send the same request, except for the external id.
    fn from(error: ExternalIdError) -> Self {
        use ExternalIdError as E;
        match error {
            E::InvalidMachineId(reason) => Self::InvalidMachineId(reason),
            E::InvalidComment(reason) => Self::InvalidComment(reason),
            E::NoCredential(reason) => Self::NoCredential(reason),
            E::Unauthorized(error) => Self::Unauthorized(error),
            E::Forbidden(error) => Self::Forbidden(error),
            E::MachineNotFound(error) => Self::MachineNotFound(error),
            E::UnsupportedMachine(error) => Self::UnsupportedMachine(error),
            E::AlreadyInProgress(error) => Self::AlreadyInProgress(error),
            E::Rejected(error) => Self::Rejected(error),
            E::Throttled(error) => Self::Throttled(error),
            E::ServiceFailure(error) => Self::ServiceFailure(error),
            E::Denied(reason) => Self::Denied(reason),
            // The host chooses the id, so the order itself is not invalid.
            E::InvalidExternalId(reason) | E::NotSent(reason) => Self::NotSent(reason),
            E::OutcomeUnknown(outcome) => Self::OutcomeUnknown(outcome),
            E::UnreadableAnswer(answer) => Self::UnreadableAnswer(answer),
        }
    }
}

impl From<CancelError> for Problem {
    fn from(error: CancelError) -> Self {
        use CancelError as E;
        use ProblemKind as Kind;
        match error {
            E::InvalidActionId(reason) => Self::from_reason(Kind::InvalidActionId, reason),
            E::InvalidComment(reason) => Self::from_reason(Kind::InvalidComment, reason),
            E::NoCredential(reason) => Self::from_reason(Kind::NoCredential, reason),
            E::Unauthorized(error) => Self::from_answer(Kind::Unauthorized, error),
            E::Forbidden(error) => Self::from_answer(Kind::Forbidden, error),
            E::ActionNotFound(error) => Self::from_answer(Kind::ActionNotFound, error),
            E::Rejected(error) => Self::from_answer(Kind::Rejected, error),
            E::Throttled(error) => Self::throttled(error),
            E::ServiceFailure(error) => Self::from_answer(Kind::ServiceFailure, error),
            E::Denied(reason) => Self::from_reason(Kind::Denied, reason),
            E::NotSent(reason) => Self::from_reason(Kind::NotSent, reason),
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
            E::InvalidMachineId(reason) => Self::from_reason(Kind::InvalidMachineId, reason),
            E::InvalidTag(reason) => Self::from_reason(Kind::InvalidTag, reason),
            E::NoCredential(reason) => Self::from_reason(Kind::NoCredential, reason),
            E::Unauthorized(error) => Self::from_answer(Kind::Unauthorized, error),
            E::Forbidden(error) => Self::from_answer(Kind::Forbidden, error),
            E::MachineNotFound(error) => Self::from_answer(Kind::MachineNotFound, error),
            E::Rejected(error) => Self::from_answer(Kind::Rejected, error),
            E::Throttled(error) => Self::throttled(error),
            E::ServiceFailure(error) => Self::from_answer(Kind::ServiceFailure, error),
            E::Denied(reason) => Self::from_reason(Kind::Denied, reason),
            E::NotSent(reason) => Self::from_reason(Kind::NotSent, reason),
            E::OutcomeUnknown(outcome) => Self::unknown(outcome),
            E::UnreadableAnswer(answer) => Self::unreadable(answer),
        };
        // Adding a tag again changes nothing.
        Self {
            retry: problem.retry.for_idempotent(),
            ..problem
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        use ProblemKind as Kind;
        use ReadError as E;
        let problem = match error {
            E::InvalidArgument(reason) => Self::from_reason(Kind::InvalidArgument, reason),
            E::NoCredential(reason) => Self::from_reason(Kind::NoCredential, reason),
            E::Unauthorized(error) => Self::from_answer(Kind::Unauthorized, error),
            E::Forbidden(error) => Self::from_answer(Kind::Forbidden, error),
            E::NotFound(error) => Self::from_answer(Kind::NotFound, error),
            E::Rejected(error) => Self::from_answer(Kind::Rejected, error),
            E::Throttled(error) => Self::throttled(error),
            E::ServiceFailure(error) => Self::from_answer(Kind::ServiceFailure, error),
            E::Denied(reason) => Self::from_reason(Kind::Denied, reason),
            E::NoAnswer(reason) => Self::from_reason(Kind::NoAnswer, reason),
            E::UnreadableAnswer(answer) => Self::unreadable(answer),
        };
        Self {
            retry: problem.retry.for_idempotent(),
            reading: true,
            ..problem
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn service_error() -> ServiceError {
        ServiceError {
            status: 500,
            code: None,
            message: None,
            target: None,
        }
    }

    #[test]
    fn texts_of_a_problem_are_truncated() {
        let long = || "x".repeat(32 * 1024);
        let answer = || ServiceError {
            code: Some(long()),
            message: Some(long()),
            target: Some(long()),
            ..service_error()
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

    /// The effect of a second offboarding is unknown. A second tag changes nothing.
    #[test]
    fn only_idempotent_calls_are_retried_after_an_unknown_outcome() {
        let unknown = || UnknownOutcome {
            reason: "lost".to_owned(),
            answer: None,
        };
        let unreadable = || UnreadableAnswer {
            status: 200,
            reason: "nonsense".to_owned(),
        };
        let offboard = [
            OffboardError::ServiceFailure(service_error()).into(),
            OffboardError::OutcomeUnknown(unknown()).into(),
            OffboardError::UnreadableAnswer(unreadable()).into(),
        ];
        let tag = [
            TagError::ServiceFailure(service_error()).into(),
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
