//! What the answer to a request changes in its order.

use super::later_activity::{LaterActivity, ended_before};
use crate::{
    contract::{ActionStatus, MachineAction, Problem, Retry},
    egress::CallRecord,
    ledger::OrderRecord,
    order::{State, Verdict},
    verify::Delivered,
};

/// Applies the verdict to the order, and keeps what identifies its action.
pub(super) fn apply_verdict(entry: &mut OrderRecord, verdict: Verdict, record: &CallRecord) {
    entry.order.settle(reject_foreign_action(entry, verdict));
    if let Some(action) = entry.order.action()
        && is_earlier(entry, action)
    {
        entry.order.mark_adopted();
    }
    if entry.order.state() == State::Unknown
        && let Some(machine) = entry.order.machine()
    {
        entry.named = Delivered::read(record).and_then(|sent| sent.offboarding(machine));
    }
}

/// An answer is not a success if its action names no machine and has the external id of another
/// order: that order may be about another machine.
fn reject_foreign_action(entry: &OrderRecord, verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Accepted(action)
            if action.machine_id.is_none() && entry.order.is_of_another_order(&action) =>
        {
            let id = &action.id;
            Verdict::Unknown(Problem::new(
                "unreadable-answer",
                Retry::AskFirst,
                format!("the service answered with action {id}, which belongs to another order"),
            ))
        }
        verdict => verdict,
    }
}

/// Whether an answer's action existed before the request: it was listed before, it has the
/// external id of another order, or it has another comment. An action with the order's external
/// id is its own, and one without a comment proves nothing.
fn is_earlier(entry: &OrderRecord, action: &MachineAction) -> bool {
    let id = action.id.to_ascii_lowercase();
    let is_known = entry
        .known
        .as_ref()
        .is_some_and(|known| known.contains(&id));
    if is_known || entry.order.is_of_another_order(action) {
        return true;
    }
    if entry.order.has_external_id_of(action) {
        return false;
    }
    let comment = action.requestor_comment.as_deref().map(str::trim);
    comment.is_some_and(|comment| comment != entry.order.comment().as_str().trim())
}

/// An answer is not a success if it names an offboarding that succeeded before the request,
/// and the machine has reported since: nothing new was done, or that is unknown.
pub(super) fn reject_earlier_success(entry: &OrderRecord, verdict: Verdict) -> Verdict {
    let Verdict::Accepted(action) = &verdict else {
        return verdict;
    };
    let since = LaterActivity::of(entry.order.device(), &action.json);
    if action.status != ActionStatus::Succeeded || !matches!(since, LaterActivity::Reported(..)) {
        return verdict;
    }
    let id = action.id.to_ascii_lowercase();
    let what = format!("the service answered with action {id}, which is an earlier one");
    let problem = since.problem(&what);
    if entry
        .known
        .as_ref()
        .is_some_and(|known| known.contains(&id))
    {
        return Verdict::Rejected(problem);
    }
    // The machine was read before the request left. Times alone are weaker evidence than a
    // list.
    if ended_before(entry.order.device(), &action.json) {
        return Verdict::Unknown(Problem {
            kind: "outcome-unknown".into(),
            retry: Retry::AskFirst,
            ..problem
        });
    }
    verdict
}

/// The problem of an order whose resent request did nothing: whether the first request
/// was carried out is still unknown.
pub(super) fn still_unknown(state: State, problem: Problem) -> Problem {
    // The pending action may belong to this order.
    let kind = if problem.kind == "already-in-progress" {
        problem.kind.clone()
    } else {
        "outcome-unknown".into()
    };
    let resent = match state {
        State::NotSent => "the request was not resent",
        _ => "the resent request was refused",
    };
    let reason = problem.message.as_deref().unwrap_or(&problem.kind);
    let message = format!("{resent}: {reason}; the first request may have been carried out");
    Problem {
        kind,
        retry: Retry::AskFirst,
        message: Some(message),
        ..problem
    }
}
