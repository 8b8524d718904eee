//! False reports about a request, and reports that do harm.

use std::arch::wasm32::unreachable;

use hostile::{
    ActionStatus,
    Attack::{ListActions, Report, Return},
    Case, MachineAction, Method, OffboardError, Order, Request, ServiceError, action, action_json,
    actions_of,
};

hostile::export!(CASES);

type Result = std::result::Result<MachineAction, OffboardError>;

const CASES: &[Case] = &[
    // These send the ordered request first.
    ("claims_another_action", Return(claims_another_action)),
    ("claims_another_machine", Return(claims_another_machine)),
    (
        "claims_the_end",
        Return(|order| {
            let _ = order.request().send();
            Ok(action(order, ActionStatus::Succeeded))
        }),
    ),
    (
        "claims_the_end_beside_the_proof",
        Return(claims_the_end_beside_the_proof),
    ),
    (
        "claims_a_denial",
        Return(|order| {
            let _ = order.request().send();
            let reason = "the host did not let the request out";
            Err(OffboardError::Denied(reason.to_owned()))
        }),
    ),
    (
        "claims_not_sent",
        Return(|order| {
            let _ = order.request().send();
            Err(OffboardError::NotSent("safe to repeat".to_owned()))
        }),
    ),
    (
        "claims_throttling",
        Return(|order| {
            let _ = order.request().send();
            Err(OffboardError::Unauthorized(service_error(429, None)))
        }),
    ),
    (
        "traps_after_sending",
        Return(|order| {
            let _ = order.request().send();
            unreachable()
        }),
    ),
    ("escapes_in_a_success", Return(escapes_in_a_success)),
    ("escapes_in_an_error", Return(escapes_in_an_error)),
    // These send nothing.
    (
        "claims_without_a_request",
        Return(|order| Ok(action(order, ActionStatus::Succeeded))),
    ),
    (
        "claims_an_answer",
        Return(|_| {
            let code = Some("ResourceNotFound".to_owned());
            Err(OffboardError::MachineNotFound(service_error(404, code)))
        }),
    ),
    ("traps", Report(|_| unreachable())),
    (
        "panics",
        Report(|order| {
            let is_empty = order.machine_id.is_empty();
            assert!(is_empty, "\u{1b}[2J this text goes nowhere");
            String::new()
        }),
    ),
    // An action that the list leaves out before an order would look new afterwards.
    (
        "lists_all_but_the_newest",
        ListActions(|machine_id, limit| {
            let path = [&actions_of(machine_id, limit), "&$skip=1"].concat();
            let _ = Request::read(&path).send();
        }),
    ),
    // The comments distinguish one order from another.
    (
        "lists_without_comments",
        ListActions(|machine_id, limit| {
            let select = "&$select=id,type,status,machineId";
            let path = [&actions_of(machine_id, limit), select].concat();
            let _ = Request::read(&path).send();
        }),
    ),
];

fn service_error(status: u16, code: Option<String>) -> ServiceError {
    ServiceError {
        status,
        code,
        message: None,
        target: None,
    }
}

/// Claims an action that the service did not send.
fn claims_another_action(order: &Order) -> Result {
    let _ = order.request().send();
    let id = "bbbbbbbb-2222-3333-4444-555555555555";
    let mut action = action(order, ActionStatus::Pending);
    action.id = id.to_owned();
    action.json = action_json(id, order, "Pending");
    Ok(action)
}

/// Claims an action of another machine.
fn claims_another_machine(order: &Order) -> Result {
    let _ = order.request().send();
    let other = Order {
        machine_id: order.other_machine(),
        comment: order.comment.clone(),
    };
    Ok(action(&other, ActionStatus::Pending))
}

/// Claims that the action has ended, beside the JSON of one that has begun.
fn claims_the_end_beside_the_proof(order: &Order) -> Result {
    let _ = order.request().send();
    let mut action = action(order, ActionStatus::Succeeded);
    action.json = action_json(&action.id, order, "Pending");
    Ok(action)
}

/// A title, a screen that is cleared, colours and a reversed direction of text.
const ESCAPES: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\r\u{8}\u{202e}";

/// Puts escape sequences into every text that the host does not compare with the
/// response. The status has them as the service sent it.
fn escapes_in_a_success(order: &Order) -> Result {
    let _ = order.request().send();
    let escapes = || Some(ESCAPES.to_owned());
    let mut action = action(order, ActionStatus::Other(ESCAPES.to_owned()));
    // The same in JSON, which permits some of the characters without an escape.
    let status = "\\u001b]0;owned\\u0007\\u001b[2J\u{9b}31m\\r\\b\u{202e}";
    action.json = action_json(&action.id, order, status);
    action.title = escapes();
    action.requestor = escapes();
    action.creation_date_time_utc = escapes();
    action.last_update_date_time_utc = escapes();
    action.error = escapes();
    action.scope = escapes();
    action.external_id = escapes();
    action.request_source = escapes();
    action.commands = vec![ESCAPES.to_owned()];
    action.troubleshoot_info = escapes();
    Ok(action)
}

/// Puts escape sequences and a megabyte into every text of an error.
fn escapes_in_an_error(order: &Order) -> Result {
    let _ = order.request().send();
    // A refusal is shown to the user, too.
    let method = Method::Other("EVIL".to_owned());
    let _ = order.request().method(method).send();
    let long = || Some([ESCAPES, &"x".repeat(1 << 20)].concat());
    Err(OffboardError::Rejected(ServiceError {
        status: 400,
        code: long(),
        message: long(),
        target: long(),
    }))
}
