//! What a call's record means for its order. The record decides what may be
//! repeated; the guest's word only explains.

use super::evidence::identity;
use crate::{
    contract::{ActionId, CancelError, MachineAction, MachineId, OffboardError, Problem, Retry},
    egress::{CallRecord, Delivery},
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
        (Delivery::Answered(status), Ok(Err(error))) => judged(status, Problem::from(error)),
        (Delivery::Answered(status), Ok(Ok(_))) => judged(
            status,
            with_status("rejected", status, "the plugin reports a success"),
        ),
        (Delivery::Answered(status), Err(error)) => judged(
            status,
            with_status("outcome-unknown", status, &error.to_string()),
        ),
    }
}

/// What an answer without a success means. The status alone decides whether
/// the request may have been carried out.
fn judged(status: u16, problem: Problem) -> Verdict {
    match status {
        // By RFC 9110, 303 says that the answer to what was done is elsewhere.
        300..=302 | 304..=407 | 409..=498 => Verdict::Rejected(match problem.retry {
            // A claim that does not fit the status.
            Retry::AskFirst => Problem {
                kind: match status {
                    401 => "unauthorized",
                    403 => "forbidden",
                    429 => "throttled",
                    _ => "rejected",
                },
                retry: Retry::Never,
                ..problem
            },
            _ => problem,
        }),
        500..=599 => Verdict::Unknown(Problem {
            kind: "service-failure",
            retry: Retry::AskFirst,
            ..problem
        }),
        _ => Verdict::Unknown(Problem {
            kind: "outcome-unknown",
            retry: Retry::AskFirst,
            ..problem
        }),
    }
}

fn not_sent(
    record: &CallRecord,
    result: Result<Result<MachineAction, OffboardError>, CallError>,
) -> Verdict {
    // Refused by this host: it would be refused again.
    if let Some(refusal) = record.refusals.first() {
        return Verdict::Rejected(Problem::new("denied", Retry::Never, refusal.to_string()));
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
        (Delivery::Answered(status), result) => {
            let said = match result {
                Ok(Err(error)) => error.into(),
                Ok(Ok(_)) => with_status("rejected", status, "the plugin reports a success"),
                Err(error) => with_status("outcome-unknown", status, &error.to_string()),
            };
            Err(match judged(status, said) {
                Verdict::Rejected(problem)
                | Verdict::NotSent(problem)
                | Verdict::Unknown(problem) => problem,
                Verdict::Accepted(_) => with_status("rejected", status, "not a success"),
            })
        }
        (Delivery::Unanswered, result) => {
            let reason = match result {
                Err(error) => error.to_string(),
                Ok(_) => failure(&record)
                    .unwrap_or("the connection ended without an answer")
                    .to_owned(),
            };
            Err(Problem::new("outcome-unknown", Retry::AskFirst, reason))
        }
        (Delivery::NotSent, result) => Err(match (record.refusals.first(), result) {
            (Some(refusal), _) => Problem::new("denied", Retry::Never, refusal.to_string()),
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
