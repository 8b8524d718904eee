//! Skips an order whose machine is taken by another order in the ledger, with the reason.

use super::later_activity::LaterActivity;
use crate::{
    contract::{OtherAction, Problem, Retry},
    ledger::ClaimConflict,
    order::{Order, State},
};

/// Skips an order whose machine is taken by another order.
pub(super) fn skip_conflicting(order: &mut Order, conflict: &ClaimConflict) {
    let problem = skip_reason(order, conflict);
    order.skip(problem);
}

/// The reason for skipping the order.
fn skip_reason(order: &Order, conflict: &ClaimConflict) -> Problem {
    let ClaimConflict::Machine {
        run,
        state,
        action,
        answer,
        failed_later,
    } = conflict
    else {
        return Problem::new("under-way", Retry::Never, "another process is sending it");
    };
    let other = action.as_ref().map(|id| OtherAction {
        id: id.clone(),
        json: answer.clone(),
    });
    let run = run.split('-').next().unwrap_or_default();
    let action = action
        .as_ref()
        .map_or_else(String::new, |id| format!(", by action {id}"));
    let (kind, message) = match state {
        State::Sending => ("under-way", format!("run {run} is sending it now")),
        State::Unknown => (
            "under-way",
            format!("the outcome of its order in run {run} is unknown: resume that run"),
        ),
        // An earlier success does not show the machine's present state.
        State::Succeeded => {
            let since = LaterActivity::of(order.device(), answer.as_deref().unwrap_or_default());
            let problem = since
                .but_failed(*failed_later)
                .problem(&format!("run {run} offboarded it{action}"));
            return problem.with_action(other);
        }
        _ => (
            "still-pending",
            format!("run {run} ordered it, and the service accepted the order{action}"),
        ),
    };
    Problem::new(kind, Retry::Never, message).with_action(other)
}
