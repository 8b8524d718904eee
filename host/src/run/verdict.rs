//! What a call's record means for its order. The record decides what may be
//! repeated; the guest's word only explains.

use super::evidence::identity;
use crate::{
    contract::{ActionId, CancelError, MachineAction, MachineId, OffboardError, Problem, Retry},
    egress::{CallRecord, Delivery},
    grant::Refusal,
    order::Verdict,
    sandbox::{CallError, Called},
};

/// What became of an offboarding.
pub(super) fn verdict(
    machine: &MachineId,
    called: Called<Result<MachineAction, OffboardError>>,
) -> Verdict {
    let Called { result, record, .. } = called;
    let delivery = record.delivery();
    match (delivery, result) {
        (Delivery::NotSent, result) => not_sent(&record, result),
        (Delivery::Unanswered, result) => {
            let reason = match (failure(&record), result) {
                (Some(reason), _) => reason.to_owned(),
                (None, Err(error)) => error.to_string(),
                (None, Ok(_)) => "the connection ended without an answer".to_owned(),
            };
            Verdict::Unknown(Problem::new("outcome-unknown", Retry::AskFirst, reason))
        }
        (Delivery::Answered(200..=299), Ok(Ok(action))) => {
            let proved = identity(&record, &action).is_some_and(|identity| {
                identity.is_offboarding() && (identity.names(machine) || identity.names_none())
            });
            if proved {
                Verdict::Accepted(Box::new(action))
            } else {
                Verdict::Unknown(Problem::new(
                    "unreadable-answer",
                    Retry::AskFirst,
                    "the plugin reports an action that the service did not send",
                ))
            }
        }
        (Delivery::Answered(status @ 200..=299), Ok(Err(error))) => {
            let said = Problem::from(error);
            let reason = failure(&record)
                .map(ToOwned::to_owned)
                .or(said.message)
                .unwrap_or_else(|| "the answer made no sense".to_owned());
            Verdict::Unknown(with_status("unreadable-answer", status, &reason))
        }
        (Delivery::Answered(status), result) => {
            let problem = judged(status, result);
            match problem.retry {
                Retry::AskFirst => Verdict::Unknown(problem),
                Retry::Never | Retry::Safe => Verdict::Rejected(problem),
            }
        }
    }
}

/// What an answer without a success means. The status alone decides whether
/// the request may have been carried out; the plugin only explains.
fn judged<T, E: Into<Problem>>(status: u16, result: Result<Result<T, E>, CallError>) -> Problem {
    let said = match result {
        Ok(Err(error)) => error.into(),
        Ok(Ok(_)) => with_status("rejected", status, "the plugin reports a success"),
        Err(error) => with_status("outcome-unknown", status, &error.to_string()),
    };
    let (kind, retry) = match (status, said.retry) {
        (500..=599, _) => ("service-failure", Retry::AskFirst),
        // By RFC 9110, 303 says that the answer to what was done is elsewhere.
        (303 | 408 | 499, _) | (..300, _) | (600.., _) => ("outcome-unknown", Retry::AskFirst),
        // A claim that does not fit the status.
        (401, Retry::AskFirst) => ("unauthorized", Retry::Never),
        (403, Retry::AskFirst) => ("forbidden", Retry::Never),
        (429, Retry::AskFirst) => ("throttled", Retry::Never),
        (_, Retry::AskFirst) => ("rejected", Retry::Never),
        (_, retry) => (said.kind, retry),
    };
    Problem {
        kind,
        retry,
        ..said
    }
}

fn not_sent(
    record: &CallRecord,
    result: Result<Result<MachineAction, OffboardError>, CallError>,
) -> Verdict {
    if let Some(problem) = refused(record) {
        return match problem.retry {
            Retry::Safe => Verdict::NotSent(problem),
            Retry::Never | Retry::AskFirst => Verdict::Rejected(problem),
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
        Ok(_) => Verdict::NotSent(Problem::new(
            "not-sent",
            Retry::Safe,
            "the plugin did not send the request",
        )),
        Err(error) => Verdict::NotSent(Problem::new("not-sent", Retry::Safe, error.to_string())),
    }
}

/// What it means that this host let a request not out.
pub(super) fn refused(record: &CallRecord) -> Option<Problem> {
    let refusal = record.refusals.first()?;
    let (kind, retry) = match refusal {
        Refusal::Audit => ("audit", Retry::Safe),
        Refusal::NoCredential | Refusal::SignIn(_) => ("no-credential", Retry::Safe),
        Refusal::NoAuthority(_) => ("no-authority", Retry::Safe),
        // It would be refused again.
        _ => ("denied", Retry::Never),
    };
    Some(Problem::new(kind, retry, refusal.to_string()))
}

fn failure(record: &CallRecord) -> Option<&str> {
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

/// What became of a cancellation.
pub(super) fn cancel_verdict(
    action: &ActionId,
    called: Called<Result<MachineAction, CancelError>>,
) -> Result<MachineAction, Problem> {
    let Called { result, record, .. } = called;
    match (record.delivery(), result) {
        (Delivery::Answered(200..=299), Ok(Ok(cancelled)))
            if identity(&record, &cancelled)
                .is_some_and(|identity| identity.id() == action.as_str()) =>
        {
            Ok(cancelled)
        }
        (Delivery::Answered(status @ 200..=299), _) => {
            let reason = failure(&record).unwrap_or("the answer made no sense");
            Err(with_status("unreadable-answer", status, reason))
        }
        (Delivery::Answered(status), result) => Err(judged(status, result)),
        (Delivery::Unanswered, result) => {
            let reason = match result {
                Err(error) => error.to_string(),
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
            (None, result) => {
                let reason = failure(&record)
                    .map(ToOwned::to_owned)
                    .or_else(|| result.err().map(|error| error.to_string()));
                let reason =
                    reason.unwrap_or_else(|| "the plugin did not send the request".to_owned());
                Problem::new("not-sent", Retry::Safe, reason)
            }
        }),
    }
}
