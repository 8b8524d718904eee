//! Answers as plain data, and what each means for the caller.

use crate::{
    action,
    external_id::ExternalIdError,
    json::Members,
    machine,
    offboarding::OffboardError,
    page,
    request::FindStep,
    tagging::TagError,
    tracking::CancelError,
    types::{
        ActionPage, ActionType, Machine, MachineAction, MachinePage, ReadError, ServiceError,
        Throttled, UnknownOutcome, UnreadableAnswer,
    },
};

const MAX_MESSAGE: usize = 4096;

/// A complete answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The value of the `Retry-After` header.
    pub retry_after: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no complete answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The host has no credential; nothing was sent.
    #[error("{0}")]
    NoCredential(String),
    /// The host refused the request.
    #[error("{0}")]
    Denied(String),
    /// The request never left.
    #[error("{0}")]
    NotSent(String),
    /// The request may have been sent, and no answer was received.
    #[error("{0}")]
    NoAnswer(String),
    /// A status was received, but no complete body.
    #[error("{reason}")]
    Broken {
        /// The HTTP status.
        status: u16,
        /// The value of the `Retry-After` header.
        retry_after: Option<String>,
        /// What happened to the body.
        reason: String,
    },
}

/// Every outcome except a valid answer. Each contract error has a subset of these
/// cases.
enum Problem {
    NoCredential(String),
    Denied(String),
    NotSent(String),
    NoAnswer(String),
    Unreadable(UnreadableAnswer),
    Unauthorized(ServiceError),
    Forbidden(ServiceError),
    NotFound(ServiceError),
    Unsupported(ServiceError),
    AlreadyInProgress(ServiceError),
    Rejected(ServiceError),
    Throttled(Throttled),
    ServiceFailure(ServiceError),
    /// The answer itself leaves open whether the request was carried out.
    Open(ServiceError),
}

/// The answer to an offboarding of this machine.
///
/// # Errors
/// Anything but a 2xx with a machine action of this type for this machine.
pub fn offboard(
    machine_id: &str,
    sent: Result<Answer, Failure>,
) -> Result<MachineAction, OffboardError> {
    offboarding(machine_id, sent)
}

/// The answer to an offboarding of this machine with an external id. Whether the action has the
/// external id is for the caller to compare: what the service does with it is unsourced.
///
/// # Errors
/// As [`offboard`].
pub fn offboard_with_external_id(
    machine_id: &str,
    sent: Result<Answer, Failure>,
) -> Result<MachineAction, ExternalIdError> {
    offboarding(machine_id, sent)
}

fn offboarding<E: From<Problem>>(
    machine_id: &str,
    sent: Result<Answer, Failure>,
) -> Result<MachineAction, E> {
    read(sent, |text| {
        let action = action::parse(text)?;
        let machine = action.machine_id.as_deref();
        if machine.is_some_and(|id| !id.eq_ignore_ascii_case(machine_id)) {
            Err("the action is for another machine".to_owned())
        } else if action.action_type != ActionType::Offboard {
            Err("the action is not an offboarding".to_owned())
        } else {
            Ok(action)
        }
    })
}

/// The answer to a cancellation of this action.
///
/// # Errors
/// Anything but a 2xx with this machine action.
pub fn cancel_action(
    action_id: &str,
    sent: Result<Answer, Failure>,
) -> Result<MachineAction, CancelError> {
    read(sent, |text| same_action(action_id, action::parse(text)?))
}

/// The answer to a tag on this machine: the updated machine. Whether its tags include
/// the new one at once is unsourced, so only the machine id is checked.
///
/// # Errors
/// Anything but a 2xx with this machine.
pub fn tag(machine_id: &str, sent: Result<Answer, Failure>) -> Result<(), TagError> {
    read(sent, |text| same_machine(machine_id, machine::parse(text)?)).map(|_| ())
}

/// The answer to a read of this action.
///
/// # Errors
/// Anything but a 2xx with this machine action.
pub fn get_action(
    action_id: &str,
    sent: Result<Answer, Failure>,
) -> Result<MachineAction, ReadError> {
    read(sent, |text| same_action(action_id, action::parse(text)?))
}

/// The answer to a read of this machine.
///
/// # Errors
/// Anything but a 2xx with this machine.
pub fn get_machine(machine_id: &str, sent: Result<Answer, Failure>) -> Result<Machine, ReadError> {
    read(sent, |text| same_machine(machine_id, machine::parse(text)?))
}

/// The answer to a list of actions.
///
/// # Errors
/// Anything but a 2xx with a list of machine actions.
pub fn list_actions(sent: Result<Answer, Failure>) -> Result<ActionPage, ReadError> {
    read(sent, |text| {
        let page = page::parse(text)?;
        // One malformed entry must not hide the others.
        let actions = page
            .entries
            .iter()
            .filter_map(|raw| action::parse(raw.get()).ok())
            .collect();
        Ok(ActionPage {
            actions,
            next: page.next,
        })
    })
}

/// The answer to a list of machines.
///
/// # Errors
/// Anything but a 2xx with a list of machines. A 404 is an empty list: the service
/// answers so if there is none (Microsoft's API documentation).
pub fn list_machines(sent: Result<Answer, Failure>) -> Result<MachinePage, ReadError> {
    let list = read(sent, |text| {
        let page = page::parse(text)?;
        // One malformed entry must not hide the others. The host names it.
        let machines = page
            .entries
            .iter()
            .filter_map(|raw| machine::parse(raw.get()).ok())
            .collect();
        Ok(MachinePage {
            machines,
            next: page.next,
        })
    });
    match list {
        // Only with a code of the service: the 404 of a proxy is not an empty fleet.
        Err(ReadError::NotFound(error)) if error.code.is_some() => Ok(MachinePage {
            machines: Vec::new(),
            next: None,
        }),
        other => other,
    }
}

/// The answer to one step of finding a name.
///
/// # Errors
/// As [`list_machines`].
pub fn find_machines(
    step: &FindStep,
    sent: Result<Answer, Failure>,
) -> Result<MachinePage, ReadError> {
    let mut page = list_machines(sent)?;
    page.next = match page.next {
        Some(query) => Some(format!("{}:{query}", step.number)),
        None => (step.number + 1 < step.count).then(|| format!("{}:", step.number + 1)),
    };
    Ok(page)
}

fn same_action(action_id: &str, action: MachineAction) -> Result<MachineAction, String> {
    if action.id.eq_ignore_ascii_case(action_id) {
        Ok(action)
    } else {
        Err("this is another action".to_owned())
    }
}

fn same_machine(machine_id: &str, machine: Machine) -> Result<Machine, String> {
    if machine.id.eq_ignore_ascii_case(machine_id) {
        Ok(machine)
    } else {
        Err("this is another machine".to_owned())
    }
}

fn read<T, E: From<Problem>>(
    sent: Result<Answer, Failure>,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, E> {
    let answer = sent.map_err(no_answer)?;
    if !(200..=299).contains(&answer.status) {
        return Err(refusal(&answer).into());
    }
    let parsed = match std::str::from_utf8(&answer.body) {
        Ok(text) if text.trim().is_empty() => Err("the answer is empty".to_owned()),
        Ok(text) => parse(text),
        Err(_) => Err("the answer is not UTF-8".to_owned()),
    };
    parsed.map_err(|reason| unreadable(answer.status, reason).into())
}

/// A parser's reason may quote what it did not understand, at any length.
fn unreadable(status: u16, reason: String) -> Problem {
    Problem::Unreadable(UnreadableAnswer {
        status,
        reason: bounded(reason),
    })
}

fn no_answer(failure: Failure) -> Problem {
    match failure {
        Failure::NoCredential(reason) => Problem::NoCredential(reason),
        Failure::Denied(reason) => Problem::Denied(reason),
        Failure::NotSent(reason) => Problem::NotSent(reason),
        Failure::NoAnswer(reason) => Problem::NoAnswer(reason),
        Failure::Broken {
            status: status @ 200..=299,
            reason,
            ..
        } => unreadable(status, reason),
        // A status that is an error is enough, regardless of the body.
        Failure::Broken {
            status,
            retry_after,
            reason,
        } => refusal(&Answer {
            status,
            retry_after,
            body: reason.into_bytes(),
        }),
    }
}

fn refusal(answer: &Answer) -> Problem {
    let error = service_error(answer);
    let code = error.code.as_deref().unwrap_or_default();
    match answer.status {
        401 => Problem::Unauthorized(error),
        403 => Problem::Forbidden(error),
        404 => Problem::NotFound(error),
        408 => Problem::Open(error),
        429 => Problem::Throttled(Throttled {
            retry_after: answer
                .retry_after
                .as_deref()
                .and_then(|value| value.trim().parse().ok()),
            answer: error,
        }),
        500..=599 => Problem::ServiceFailure(error),
        300..=499 => match code {
            "OsPlatformNotSupported" | "ClientVersionNotSupported" => Problem::Unsupported(error),
            "ActiveRequestAlreadyExists" => Problem::AlreadyInProgress(error),
            // The message is documented; the code is not.
            _ if reports_in_progress(&error) => Problem::AlreadyInProgress(error),
            _ => Problem::Rejected(error),
        },
        // No status of HTTP's; nothing can be concluded from it.
        _ => Problem::Open(error),
    }
}

fn reports_in_progress(error: &ServiceError) -> bool {
    error
        .message
        .as_ref()
        .is_some_and(|message| message.to_ascii_lowercase().contains("already in progress"))
}

/// `{"error": {"code", "message", "target"}}`, or the whole text: proxies and gateways
/// have formats of their own.
fn service_error(answer: &Answer) -> ServiceError {
    let text = String::from_utf8_lossy(&answer.body);
    let structured = Members::parse(&text).ok().and_then(|members| {
        let error = members.object("error")?;
        Some((
            error.text("code"),
            error.text("message"),
            error.text("target"),
        ))
    });
    let (code, message, target) =
        structured.unwrap_or_else(|| (None, Some(text.trim().to_owned()), None));
    let kept = |text: Option<String>| text.map(bounded).filter(|text| !text.is_empty());
    ServiceError {
        status: answer.status,
        code: kept(code),
        message: kept(message),
        target: kept(target),
    }
}

fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_MESSAGE));
    text
}

fn open(error: ServiceError) -> UnknownOutcome {
    UnknownOutcome {
        reason: format!(
            "the answer {} leaves open whether the request was carried out",
            error.status
        ),
        answer: Some(error),
    }
}

fn unknown(reason: String) -> UnknownOutcome {
    UnknownOutcome {
        reason,
        answer: None,
    }
}

impl From<Problem> for OffboardError {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::NoCredential(reason) => Self::NoCredential(reason),
            Problem::Denied(reason) => Self::Denied(reason),
            Problem::NotSent(reason) => Self::NotSent(reason),
            Problem::NoAnswer(reason) => Self::OutcomeUnknown(unknown(reason)),
            Problem::Unreadable(answer) => Self::UnreadableAnswer(answer),
            Problem::Unauthorized(error) => Self::Unauthorized(error),
            Problem::Forbidden(error) => Self::Forbidden(error),
            Problem::NotFound(error) => Self::MachineNotFound(error),
            Problem::Unsupported(error) => Self::UnsupportedMachine(error),
            Problem::AlreadyInProgress(error) => Self::AlreadyInProgress(error),
            Problem::Rejected(error) => Self::Rejected(error),
            Problem::Throttled(error) => Self::Throttled(error),
            Problem::ServiceFailure(error) => Self::ServiceFailure(error),
            Problem::Open(error) => Self::OutcomeUnknown(open(error)),
        }
    }
}

impl From<Problem> for ExternalIdError {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::NoCredential(reason) => Self::NoCredential(reason),
            Problem::Denied(reason) => Self::Denied(reason),
            Problem::NotSent(reason) => Self::NotSent(reason),
            Problem::NoAnswer(reason) => Self::OutcomeUnknown(unknown(reason)),
            Problem::Unreadable(answer) => Self::UnreadableAnswer(answer),
            Problem::Unauthorized(error) => Self::Unauthorized(error),
            Problem::Forbidden(error) => Self::Forbidden(error),
            Problem::NotFound(error) => Self::MachineNotFound(error),
            Problem::Unsupported(error) => Self::UnsupportedMachine(error),
            Problem::AlreadyInProgress(error) => Self::AlreadyInProgress(error),
            Problem::Rejected(error) => Self::Rejected(error),
            Problem::Throttled(error) => Self::Throttled(error),
            Problem::ServiceFailure(error) => Self::ServiceFailure(error),
            Problem::Open(error) => Self::OutcomeUnknown(open(error)),
        }
    }
}

impl From<Problem> for CancelError {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::NoCredential(reason) => Self::NoCredential(reason),
            Problem::Denied(reason) => Self::Denied(reason),
            Problem::NotSent(reason) => Self::NotSent(reason),
            Problem::NoAnswer(reason) => Self::OutcomeUnknown(unknown(reason)),
            Problem::Unreadable(answer) => Self::UnreadableAnswer(answer),
            Problem::Unauthorized(error) => Self::Unauthorized(error),
            Problem::Forbidden(error) => Self::Forbidden(error),
            Problem::NotFound(error) => Self::ActionNotFound(error),
            Problem::Unsupported(error)
            | Problem::AlreadyInProgress(error)
            | Problem::Rejected(error) => Self::Rejected(error),
            Problem::Throttled(error) => Self::Throttled(error),
            Problem::ServiceFailure(error) => Self::ServiceFailure(error),
            Problem::Open(error) => Self::OutcomeUnknown(open(error)),
        }
    }
}

impl From<Problem> for TagError {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::NoCredential(reason) => Self::NoCredential(reason),
            Problem::Denied(reason) => Self::Denied(reason),
            Problem::NotSent(reason) => Self::NotSent(reason),
            Problem::NoAnswer(reason) => Self::OutcomeUnknown(unknown(reason)),
            Problem::Unreadable(answer) => Self::UnreadableAnswer(answer),
            Problem::Unauthorized(error) => Self::Unauthorized(error),
            Problem::Forbidden(error) => Self::Forbidden(error),
            Problem::NotFound(error) => Self::MachineNotFound(error),
            Problem::Unsupported(error)
            | Problem::AlreadyInProgress(error)
            | Problem::Rejected(error) => Self::Rejected(error),
            Problem::Throttled(error) => Self::Throttled(error),
            Problem::ServiceFailure(error) => Self::ServiceFailure(error),
            Problem::Open(error) => Self::OutcomeUnknown(open(error)),
        }
    }
}

impl From<Problem> for ReadError {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::NoCredential(reason) => Self::NoCredential(reason),
            Problem::Denied(reason) => Self::Denied(reason),
            // A read changes nothing, so an unknown outcome is a read without an
            // answer.
            Problem::NotSent(reason) | Problem::NoAnswer(reason) => Self::NoAnswer(reason),
            Problem::ServiceFailure(error) | Problem::Open(error) => Self::ServiceFailure(error),
            Problem::Unreadable(answer) => Self::UnreadableAnswer(answer),
            Problem::Unauthorized(error) => Self::Unauthorized(error),
            Problem::Forbidden(error) => Self::Forbidden(error),
            Problem::NotFound(error) => Self::NotFound(error),
            Problem::Unsupported(error)
            | Problem::AlreadyInProgress(error)
            | Problem::Rejected(error) => Self::Rejected(error),
            Problem::Throttled(error) => Self::Throttled(error),
        }
    }
}
