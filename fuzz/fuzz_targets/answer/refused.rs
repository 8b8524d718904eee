//! One type for the contract's four types of errors: the case, and its content.

use offboard_plugin::{
    offboarding::OffboardError,
    tagging::TagError,
    tracking::CancelError,
    types::{ReadError, ServiceError, Throttled, UnknownOutcome, UnreadableAnswer},
};

/// The kind of a call, which determines its errors.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Offboard,
    Tag,
    Cancel,
    Read,
    /// A list of machines, which is empty if the service answers 404.
    List,
}

/// An error of any of the contract's types.
pub(super) struct Refused {
    pub(super) case: &'static str,
    pub(super) said: Option<ServiceError>,
    /// A message of the plugin or of the host.
    pub(super) reason: Option<String>,
    /// The status of an unreadable answer.
    pub(super) unreadable: Option<u16>,
    pub(super) throttled: Option<Option<u64>>,
}

impl Refused {
    pub(super) fn reason(case: &'static str, reason: String) -> Self {
        Self {
            case,
            said: None,
            reason: Some(reason),
            unreadable: None,
            throttled: None,
        }
    }

    pub(super) fn from_answer(case: &'static str, error: ServiceError) -> Self {
        Self {
            said: Some(error),
            reason: None,
            ..Self::reason(case, String::new())
        }
    }

    pub(super) fn throttled(error: Throttled) -> Self {
        Self {
            throttled: Some(error.retry_after),
            ..Self::from_answer("throttled", error.answer)
        }
    }

    pub(super) fn unreadable(answer: UnreadableAnswer) -> Self {
        Self {
            unreadable: Some(answer.status),
            ..Self::reason("unreadable", answer.reason)
        }
    }

    pub(super) fn unknown(outcome: UnknownOutcome) -> Self {
        Self {
            said: outcome.answer,
            ..Self::reason("unknown", outcome.reason)
        }
    }
}

impl From<OffboardError> for Refused {
    fn from(error: OffboardError) -> Self {
        use OffboardError as E;
        match error {
            E::InvalidMachineId(reason) | E::InvalidComment(reason) => {
                Self::reason("invalid", reason)
            }
            E::NoCredential(reason) => Self::reason("no credential", reason),
            E::Unauthorized(error) => Self::from_answer("unauthorized", error),
            E::Forbidden(error) => Self::from_answer("forbidden", error),
            E::MachineNotFound(error) => Self::from_answer("not found", error),
            E::UnsupportedMachine(error) => Self::from_answer("unsupported", error),
            E::AlreadyInProgress(error) => Self::from_answer("in progress", error),
            E::Rejected(error) => Self::from_answer("rejected", error),
            E::Throttled(error) => Self::throttled(error),
            E::ServiceFailure(error) => Self::from_answer("service failure", error),
            E::Denied(reason) => Self::reason("denied", reason),
            E::NotSent(reason) => Self::reason("not sent", reason),
            E::OutcomeUnknown(outcome) => Self::unknown(outcome),
            E::UnreadableAnswer(answer) => Self::unreadable(answer),
        }
    }
}

impl From<CancelError> for Refused {
    fn from(error: CancelError) -> Self {
        use CancelError as E;
        match error {
            E::InvalidActionId(reason) | E::InvalidComment(reason) => {
                Self::reason("invalid", reason)
            }
            E::NoCredential(reason) => Self::reason("no credential", reason),
            E::Unauthorized(error) => Self::from_answer("unauthorized", error),
            E::Forbidden(error) => Self::from_answer("forbidden", error),
            E::ActionNotFound(error) => Self::from_answer("not found", error),
            E::Rejected(error) => Self::from_answer("rejected", error),
            E::Throttled(error) => Self::throttled(error),
            E::ServiceFailure(error) => Self::from_answer("service failure", error),
            E::Denied(reason) => Self::reason("denied", reason),
            E::NotSent(reason) => Self::reason("not sent", reason),
            E::OutcomeUnknown(outcome) => Self::unknown(outcome),
            E::UnreadableAnswer(answer) => Self::unreadable(answer),
        }
    }
}

impl From<TagError> for Refused {
    fn from(error: TagError) -> Self {
        use TagError as E;
        match error {
            E::InvalidMachineId(reason) | E::InvalidTag(reason) => Self::reason("invalid", reason),
            E::NoCredential(reason) => Self::reason("no credential", reason),
            E::Unauthorized(error) => Self::from_answer("unauthorized", error),
            E::Forbidden(error) => Self::from_answer("forbidden", error),
            E::MachineNotFound(error) => Self::from_answer("not found", error),
            E::Rejected(error) => Self::from_answer("rejected", error),
            E::Throttled(error) => Self::throttled(error),
            E::ServiceFailure(error) => Self::from_answer("service failure", error),
            E::Denied(reason) => Self::reason("denied", reason),
            E::NotSent(reason) => Self::reason("not sent", reason),
            E::OutcomeUnknown(outcome) => Self::unknown(outcome),
            E::UnreadableAnswer(answer) => Self::unreadable(answer),
        }
    }
}

impl From<ReadError> for Refused {
    fn from(error: ReadError) -> Self {
        use ReadError as E;
        match error {
            E::InvalidArgument(reason) => Self::reason("invalid", reason),
            E::NoCredential(reason) => Self::reason("no credential", reason),
            E::Unauthorized(error) => Self::from_answer("unauthorized", error),
            E::Forbidden(error) => Self::from_answer("forbidden", error),
            E::NotFound(error) => Self::from_answer("not found", error),
            E::Rejected(error) => Self::from_answer("rejected", error),
            E::Throttled(error) => Self::throttled(error),
            E::ServiceFailure(error) => Self::from_answer("service failure", error),
            E::Denied(reason) => Self::reason("denied", reason),
            E::NoAnswer(reason) => Self::reason("no answer", reason),
            E::UnreadableAnswer(answer) => Self::unreadable(answer),
        }
    }
}
