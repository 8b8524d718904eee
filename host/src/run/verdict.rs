//! What a call's record means for its order. The record decides what may be
//! repeated; the guest's word only explains.

use serde::Deserialize;

use crate::{
    contract::{MachineAction, MachineId, OffboardError, Problem, Retry},
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
        (Delivery::Unanswered, _) => {
            let reason = failure(&record).unwrap_or("the connection ended without an answer");
            Verdict::Unknown(Problem::new("outcome-unknown", Retry::AskFirst, reason))
        }
        (Delivery::Answered(200..=299), Ok(Ok(action))) => {
            if proves(&record, &action, machine, Proof::Answer) {
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
            let reason = said
                .message
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
        300..=407 | 409..=499 => Verdict::Rejected(match problem.retry {
            // A claim that does not fit the status.
            Retry::AskFirst => Problem {
                kind: "rejected",
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

/// What an action's JSON was the answer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// The very request for this machine: the action need not name it.
    Answer,
    /// A question about actions: it must.
    Look,
}

/// Whether egress delivered this action, and its JSON says what the plugin
/// says: an offboarding, of this machine, in this state.
pub(super) fn proves(
    record: &CallRecord,
    action: &MachineAction,
    machine: &MachineId,
    proof: Proof,
) -> bool {
    /// The members that identify an action, in the spellings that the service
    /// has used.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Identity {
        #[serde(alias = "ID")]
        id: String,
        r#type: String,
        status: String,
        machine_id: Option<String>,
    }
    let Ok(identity) = serde_json::from_str::<Identity>(&action.json) else {
        return false;
    };
    let names_machine = match &identity.machine_id {
        Some(id) => id.eq_ignore_ascii_case(machine.as_str()),
        None => proof == Proof::Answer,
    };
    record.delivered(&action.json)
        && names_machine
        && identity.id == action.id
        && matches!(identity.r#type.as_str(), "Offboard" | "OffboardMachine")
        && action.status.name() == canonical(&identity.status)
}

fn canonical(status: &str) -> &str {
    if status == "Canceled" {
        "Cancelled"
    } else {
        status
    }
}
