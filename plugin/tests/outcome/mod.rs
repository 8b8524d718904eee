//! The results of all calls of the contract as one type, so that one table can check a
//! promise for all of them.

use offboard_plugin::{
    answer::{self, Answer, Failure},
    offboarding::OffboardError,
    request,
    tagging::TagError,
    tracking::CancelError,
    types::{ReadError, ServiceError},
};

pub(crate) const MACHINE: &str = "0123456789abcdef0123456789abcdef01234567";
pub(crate) const ACTION: &str = "11111111-2222-3333-4444-555555555555";
/// A tracking id as users have reported it, which is not a GUID.
pub(crate) const TARGET: &str = "|7c1f0a52-4e2b0d6a5c3b2a10.1.";

/// A case of the contract by its name, and its payload.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) case: &'static str,
    pub(crate) service_error: Option<ServiceError>,
    pub(crate) retry_after: Option<u64>,
    pub(crate) reason: Option<String>,
    pub(crate) status: Option<u16>,
}

impl Outcome {
    pub(crate) const OK: Self = Self {
        case: "ok",
        service_error: None,
        retry_after: None,
        reason: None,
        status: None,
    };
}

pub(crate) fn from_service(case: &'static str, error: ServiceError) -> Outcome {
    Outcome {
        case,
        service_error: Some(error),
        ..Outcome::default()
    }
}

pub(crate) fn reason(case: &'static str, reason: String) -> Outcome {
    Outcome {
        case,
        reason: Some(reason),
        ..Outcome::default()
    }
}

/// Converts an error type: the common cases, and its own ones.
macro_rules! outcome {
    ($error:ty, $($own:tt)*) => {
        impl From<$error> for Outcome {
            fn from(error: $error) -> Self {
                outcome!(@match error, $error, $($own)*)
            }
        }
    };
    (@match $value:ident, $error:ty, $($case:ident($inner:ident) => $outcome:expr,)*) => {{
        type E = $error;
        match $value {
            E::NoCredential(text) => reason("no-credential", text),
            E::Unauthorized(error) => from_service("unauthorized", error),
            E::Forbidden(error) => from_service("forbidden", error),
            E::Rejected(error) => from_service("rejected", error),
            E::Throttled(throttled) => Outcome {
                retry_after: throttled.retry_after,
                ..from_service("throttled", throttled.answer)
            },
            E::ServiceFailure(error) => from_service("service-failure", error),
            E::Denied(text) => reason("denied", text),
            E::UnreadableAnswer(answer) => Outcome {
                status: Some(answer.status),
                ..reason("unreadable-answer", answer.reason)
            },
            $(E::$case($inner) => $outcome,)*
        }
    }};
}

outcome!(OffboardError,
    InvalidMachineId(text) => reason("invalid-machine-id", text),
    InvalidComment(text) => reason("invalid-comment", text),
    MachineNotFound(error) => from_service("not-found", error),
    UnsupportedMachine(error) => from_service("unsupported-machine", error),
    AlreadyInProgress(error) => from_service("already-in-progress", error),
    NotSent(text) => reason("not-sent", text),
    OutcomeUnknown(unknown) => Outcome {
        service_error: unknown.answer,
        ..reason("outcome-unknown", unknown.reason)
    },
);
outcome!(CancelError,
    InvalidActionId(text) => reason("invalid-action-id", text),
    InvalidComment(text) => reason("invalid-comment", text),
    ActionNotFound(error) => from_service("not-found", error),
    NotSent(text) => reason("not-sent", text),
    OutcomeUnknown(unknown) => Outcome {
        service_error: unknown.answer,
        ..reason("outcome-unknown", unknown.reason)
    },
);
outcome!(TagError,
    InvalidMachineId(text) => reason("invalid-machine-id", text),
    InvalidTag(text) => reason("invalid-tag", text),
    MachineNotFound(error) => from_service("not-found", error),
    NotSent(text) => reason("not-sent", text),
    OutcomeUnknown(unknown) => Outcome {
        service_error: unknown.answer,
        ..reason("outcome-unknown", unknown.reason)
    },
);
outcome!(ReadError,
    InvalidArgument(text) => reason("invalid-argument", text),
    NotFound(error) => from_service("not-found", error),
    NoAnswer(text) => reason("no-answer", text),
);

pub(crate) type Sent = Result<Answer, Failure>;

pub(crate) fn outcome<T, E: Into<Outcome>>(result: Result<T, E>) -> Outcome {
    match result {
        Ok(_) => Outcome::OK,
        Err(error) => error.into(),
    }
}

pub(crate) fn offboard(sent: Sent) -> Outcome {
    outcome(answer::offboard(MACHINE, sent))
}

pub(crate) fn cancel(sent: Sent) -> Outcome {
    outcome(answer::cancel_action(ACTION, sent))
}

pub(crate) fn tag(sent: Sent) -> Outcome {
    outcome(answer::tag(MACHINE, sent))
}

pub(crate) fn get_action(sent: Sent) -> Outcome {
    outcome(answer::get_action(ACTION, sent))
}

pub(crate) fn get_machine(sent: Sent) -> Outcome {
    outcome(answer::get_machine(MACHINE, sent))
}

pub(crate) fn list_actions(sent: Sent) -> Outcome {
    outcome(answer::list_actions(sent))
}

pub(crate) fn list_machines(sent: Sent) -> Outcome {
    outcome(answer::list_machines(sent))
}

pub(crate) fn find_machines(sent: Sent) -> Outcome {
    let step = request::find_machines("host1.example.test", None, 10).unwrap();
    outcome(answer::find_machines(&step, sent))
}

/// A call of the contract: its name, and the function from an answer to its result.
pub(crate) type Call = (&'static str, fn(Sent) -> Outcome);

pub(crate) const POSTS: [Call; 3] = [
    ("offboard", offboard),
    ("cancel-action", cancel),
    ("tag", tag),
];

/// The reads that report a 404 as such.
pub(crate) const READS: [Call; 3] = [
    ("get-action", get_action),
    ("get-machine", get_machine),
    ("list-actions", list_actions),
];

/// The reads for which a 404 is an empty list.
pub(crate) const MACHINE_LISTS: [Call; 2] = [
    ("list-machines", list_machines),
    ("find-machines", find_machines),
];

pub(crate) fn everything() -> impl Iterator<Item = Call> {
    POSTS.into_iter().chain(READS).chain(MACHINE_LISTS)
}
