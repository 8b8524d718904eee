//! The verdict on an order by the record of a call. The record decides what may be repeated;
//! what the plugin reports only explains it.

use super::announced::retry_after;
use crate::verify::{Delivered, external_id};
use crate::{
    contract::{
        ActionId, ActionType, CancelError, MachineAction, MachineId, OffboardError, Problem, Retry,
    },
    egress::{CallRecord, Delivery},
    grant::Refusal,
    order::{State, Verdict},
    problem::state_if_undone,
    sandbox::{CallError, CallOutcome},
};

/// The reason if the plugin sent nothing, regardless of what it reports.
const NOTHING_SENT: &str = "the plugin did not send the request";

/// The outcome of an offboarding.
pub(super) fn verdict(
    machine: &MachineId,
    called: CallOutcome<Result<MachineAction, OffboardError>>,
) -> Verdict {
    let CallOutcome { result, record, .. } = called;
    let delivery = record.delivery();
    match (delivery, result) {
        (Delivery::NotSent, result) => not_sent(&record, result),
        (Delivery::Unanswered, result) => {
            let reason = match (failure(&record), result) {
                (Some(reason), _) => reason.to_owned(),
                (None, Err(error)) => {
                    unanswered(&record, &error).unwrap_or_else(|| error.to_string())
                }
                (None, Ok(_)) => "the connection ended without an answer".to_owned(),
            };
            Verdict::Unknown(Problem::new("outcome-unknown", Retry::AskFirst, reason))
        }
        (Delivery::Answered(200..=299), Ok(Ok(action))) => {
            let delivered = Delivered::read(&record);
            let is_too_deep = delivered
                .as_ref()
                .is_some_and(|delivered| delivered.is_too_deep(&action.id));
            let proved = delivered.is_some_and(|delivered| delivered.has_action(&action))
                && action.action_type == ActionType::Offboard
                // The service is known to have sent an action without a machine.
                && action
                    .machine_id
                    .as_ref()
                    .is_none_or(|id| id.eq_ignore_ascii_case(machine.as_str()));
            if proved {
                Verdict::Accepted(Box::new(MachineAction {
                    external_id: external_id(&action.json),
                    ..action
                }))
            } else {
                let why = if is_too_deep {
                    "the action in the answer is nested too deeply to be used"
                } else {
                    "the plugin reports an action that the service did not send"
                };
                Verdict::Unknown(Problem::new("unreadable-answer", Retry::AskFirst, why))
            }
        }
        (Delivery::Answered(status @ 200..=299), Ok(Err(error))) => {
            let said = Problem::from(error);
            let reason = failure(&record)
                .map(ToOwned::to_owned)
                .or(said.message)
                .unwrap_or_else(|| "the answer is invalid".to_owned());
            Verdict::Unknown(with_status("unreadable-answer", status, &reason))
        }
        (Delivery::Answered(status), result) => {
            let problem = judged(status, &record, result);
            match problem.retry {
                Retry::AskFirst => Verdict::Unknown(problem),
                Retry::Never | Retry::Safe => Verdict::Rejected(problem),
            }
        }
    }
}

/// The problem of an answer without a success. The status alone decides its kind and
/// whether the request may have been carried out; what the plugin reports only explains it.
pub(super) fn judged<T, E: Into<Problem>>(
    status: u16,
    record: &CallRecord,
    result: Result<Result<T, E>, CallError>,
) -> Problem {
    let said = match result {
        Ok(Err(error)) => error.into(),
        Ok(Ok(_)) => with_status("rejected", status, "the plugin reports a success"),
        Err(error) => with_status("rejected", status, &error.to_string()),
    };
    let (kind, retry) = match status {
        500..=599 => ("service-failure", Retry::AskFirst),
        // By RFC 9110, 303 means that the request was carried out and its answer is at another
        // URL.
        303 | 408 | 499 | ..300 | 600.. => ("outcome-unknown", Retry::AskFirst),
        401 => ("unauthorized", Retry::Safe),
        403 => ("forbidden", Retry::Never),
        429 => ("throttled", Retry::Safe),
        // A proxy requires credentials, or the request came too early or to the wrong server: by
        // RFC 9110 and RFC 8470, it was not processed.
        407 | 421 | 425 => ("not-sent", Retry::Safe),
        _ => (refusal_kind(status, &said.kind), Retry::Never),
    };
    Problem {
        kind: kind.into(),
        retry,
        status: Some(status),
        retry_after: retry_after(record).filter(|_| status == 429),
        ..said
    }
}

/// The kind of a rejection: the more precise kind that the plugin reports, if the status
/// allows it.
fn refusal_kind(status: u16, said: &str) -> &'static str {
    match (status, said) {
        (404, "machine-not-found") => "machine-not-found",
        (404, "action-not-found") => "action-not-found",
        (404, "not-found") => "not-found",
        (400..=499, "unsupported-machine") => "unsupported-machine",
        (400..=499, "already-in-progress") => "already-in-progress",
        _ => "rejected",
    }
}

/// The problem of a read without a result. Only what egress received counts: for example, only
/// the service can report a missing permission.
pub(super) fn read_problem(record: &CallRecord, said: Problem) -> Problem {
    if let Some(problem) = refused(record) {
        return problem;
    }
    let Delivery::Answered(status) = record.delivery() else {
        let unsaid = matches!(&*said.kind, "invalid-argument" | "no-credential");
        return match failure(record) {
            Some(reason) => Problem {
                message: Some(reason.to_owned()),
                ..no_answer(said)
            },
            None if unsaid => said,
            None => no_answer(said),
        };
    };
    let (kind, retry) = match status {
        // Not an answer of the service, but of a proxy or a portal.
        ..=399 | 600.. => ("unreadable-answer", Retry::Safe),
        401 => ("unauthorized", Retry::Safe),
        403 => ("forbidden", Retry::Never),
        404 => ("not-found", Retry::Never),
        429 => ("throttled", Retry::Safe),
        408 | 425 | 499 | 500..=599 => ("service-failure", Retry::Safe),
        _ => ("rejected", Retry::Never),
    };
    Problem {
        kind: kind.into(),
        retry,
        status: Some(status),
        retry_after: retry_after(record).filter(|_| status == 429),
        ..said
    }
}

fn no_answer(said: Problem) -> Problem {
    Problem {
        kind: "no-answer".into(),
        retry: Retry::Safe,
        status: None,
        ..said
    }
}

fn not_sent(
    record: &CallRecord,
    result: Result<Result<MachineAction, OffboardError>, CallError>,
) -> Verdict {
    if let Some(problem) = refused(record) {
        return match state_if_undone(&problem) {
            State::Rejected => Verdict::Rejected(problem),
            _ => Verdict::NotSent(problem),
        };
    }
    if let Some(reason) = failure(record) {
        return Verdict::NotSent(Problem::new("not-sent", Retry::Safe, reason));
    }
    match result {
        Ok(Err(
            error @ (OffboardError::InvalidMachineId(_)
            | OffboardError::InvalidComment(_)
            | OffboardError::Denied(_)),
        )) => Verdict::Rejected(error.into()),
        Ok(Err(error @ OffboardError::NoCredential(_))) => Verdict::NotSent(error.into()),
        Ok(_) => Verdict::NotSent(Problem::new("plugin", Retry::Safe, NOTHING_SENT)),
        Err(error) => Verdict::NotSent(unsent_problem(record, error)),
    }
}

/// The problem of a request that this host refused.
pub(super) fn refused(record: &CallRecord) -> Option<Problem> {
    let refusal = record.refusals.first()?;
    let (kind, retry) = match refusal {
        Refusal::Audit => ("audit", Retry::Safe),
        Refusal::NoCredential | Refusal::SignIn(_) => ("no-credential", Retry::Safe),
        Refusal::NoAuthority(_) => ("no-authority", Retry::Safe),
        // A sign-in or a connection took too long.
        Refusal::Unfinished | Refusal::Deadline => ("not-sent", Retry::Safe),
        // It would be refused again.
        _ => ("denied", Retry::Never),
    };
    Some(Problem::new(kind, retry, refusal.to_string()))
}

/// What the service did not do in time, if the call ended while it waited for the service.
pub(super) fn unanswered(record: &CallRecord, error: &CallError) -> Option<String> {
    let exchange = record.exchange.as_ref()?;
    let CallError::Deadline(limit) = error else {
        return None;
    };
    if exchange.answer.is_some() || exchange.failure.is_some() {
        return None;
    }
    let limit = humantime::format_duration(*limit);
    Some(match (exchange.status, exchange.bytes_sent) {
        (Some(_), _) => {
            format!("the service did not finish its answer: the call took longer than {limit}")
        }
        (None, 0) => {
            format!("there was no connection to the service: the call took longer than {limit}")
        }
        (None, _) => format!("the service did not answer: the call took longer than {limit}"),
    })
}

/// The problem of a call without a result for which nothing was sent: the service is not there, or
/// the plugin failed.
pub(super) fn unsent_problem(record: &CallRecord, error: CallError) -> Problem {
    match unanswered(record, &error) {
        Some(reason) => Problem::new("not-sent", Retry::Safe, reason),
        None => Problem::from_error("plugin", Retry::Safe, error),
    }
}

pub(super) fn failure(record: &CallRecord) -> Option<&str> {
    record
        .exchange
        .as_ref()
        .and_then(|exchange| exchange.failure.as_deref())
}

fn with_status(kind: &'static str, status: u16, reason: &str) -> Problem {
    Problem {
        status: Some(status),
        ..Problem::new(kind, Retry::AskFirst, reason)
    }
}

/// The outcome of a cancellation.
pub(super) fn cancel_verdict(
    action: &ActionId,
    called: CallOutcome<Result<MachineAction, CancelError>>,
) -> Result<MachineAction, Problem> {
    let CallOutcome { result, record, .. } = called;
    match (record.delivery(), result) {
        (Delivery::Answered(200..=299), Ok(Ok(cancelled)))
            if cancelled.id.eq_ignore_ascii_case(action.as_str())
                && Delivered::read(&record).is_some_and(|sent| sent.has_action(&cancelled)) =>
        {
            Ok(cancelled)
        }
        (Delivery::Answered(status @ 200..=299), _) => {
            let reason = failure(&record).unwrap_or("the answer is invalid");
            Err(with_status("unreadable-answer", status, reason))
        }
        (Delivery::Answered(status), result) => Err(judged(status, &record, result)),
        (Delivery::Unanswered, result) => {
            let reason = match result {
                Err(error) => unanswered(&record, &error).unwrap_or_else(|| error.to_string()),
                Ok(_) => failure(&record)
                    .unwrap_or("the connection ended without an answer")
                    .to_owned(),
            };
            Err(Problem::new("outcome-unknown", Retry::AskFirst, reason))
        }
        (Delivery::NotSent, result) => Err(match (refused(&record), result) {
            (Some(problem), _) => problem,
            (
                None,
                Ok(Err(error @ (CancelError::NoCredential(_) | CancelError::InvalidComment(_)))),
            ) => error.into(),
            (None, result) => match (failure(&record), result) {
                (Some(reason), _) => Problem::new("not-sent", Retry::Safe, reason),
                (None, Err(error)) => unsent_problem(&record, error),
                (None, Ok(_)) => Problem::new("plugin", Retry::Safe, NOTHING_SENT),
            },
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::{ReadError, ServiceError, Throttled},
        egress::CallRecord,
    };

    fn said(status: u16) -> ServiceError {
        ServiceError {
            status,
            code: None,
            message: None,
            target: None,
        }
    }

    /// Every false result that a plugin can report for an answered request.
    fn lies() -> Vec<OffboardError> {
        let text = || "a lie".to_owned();
        vec![
            OffboardError::NotSent(text()),
            OffboardError::Denied(text()),
            OffboardError::NoCredential(text()),
            OffboardError::InvalidMachineId(text()),
            OffboardError::MachineNotFound(said(404)),
            OffboardError::Unauthorized(said(401)),
            OffboardError::Throttled(Throttled {
                answer: said(429),
                retry_after: Some(1),
            }),
            OffboardError::ServiceFailure(said(500)),
        ]
    }

    #[test]
    fn what_was_answered_is_called_what_its_status_says() {
        for (status, kind, retry) in [
            (400, "rejected", Retry::Never),
            (401, "unauthorized", Retry::Safe),
            (403, "forbidden", Retry::Never),
            (408, "outcome-unknown", Retry::AskFirst),
            (429, "throttled", Retry::Safe),
            (500, "service-failure", Retry::AskFirst),
            (303, "outcome-unknown", Retry::AskFirst),
            (302, "rejected", Retry::Never),
            (407, "not-sent", Retry::Safe),
            (425, "not-sent", Retry::Safe),
        ] {
            let record = CallRecord::of_answer(status, "{}");
            for lie in lies() {
                let case = format!("{status} {lie:?}");
                let problem = judged::<(), _>(status, &record, Ok(Err(lie)));
                let found = (&*problem.kind, problem.retry, problem.status);
                assert_eq!(found, (kind, retry, Some(status)), "{case}");
                assert_eq!(problem.retry_after, None, "{case}");
            }
        }
    }

    #[test]
    fn a_request_that_took_too_long_to_leave_may_be_repeated() {
        for refusal in [Refusal::Unfinished, Refusal::Deadline] {
            let mut record = CallRecord::default();
            record.refusals = vec![refusal.clone()];
            let found = refused(&record).map(|problem| (problem.kind, problem.retry));
            assert_eq!(found, Some(("not-sent".into(), Retry::Safe)), "{refusal:?}");
        }
    }

    #[test]
    fn a_refusal_keeps_the_finer_name_that_fits_its_status() {
        let record = CallRecord::of_answer(404, "{}");
        let found =
            |status, error| judged::<(), OffboardError>(status, &record, Ok(Err(error))).kind;
        assert_eq!(
            found(404, OffboardError::MachineNotFound(said(404))),
            "machine-not-found"
        );
        assert_eq!(
            found(400, OffboardError::AlreadyInProgress(said(400))),
            "already-in-progress"
        );
        assert_eq!(
            found(400, OffboardError::UnsupportedMachine(said(400))),
            "unsupported-machine"
        );
        assert_eq!(
            found(400, OffboardError::MachineNotFound(said(404))),
            "rejected"
        );
    }

    #[test]
    fn a_read_is_refused_by_the_service_and_not_by_the_plugin() {
        let missing = || Problem::from(ReadError::Forbidden(said(403)));
        let kind = |record: &CallRecord| read_problem(record, missing()).kind;
        assert_eq!(kind(&CallRecord::of_answer(403, "{}")), "forbidden");
        assert_eq!(kind(&CallRecord::of_answer(404, "{}")), "not-found");
        assert_eq!(kind(&CallRecord::of_answer(200, "{}")), "unreadable-answer");
        assert_eq!(kind(&CallRecord::default()), "no-answer");
    }
}
