//! Texts about an order: notes, warnings, and problems. The remedies belong to the front end,
//! which knows its own commands.

use super::hresult;
use crate::{
    contract::{ActionStatus, ActionType, MachineAction, Problem},
    cut::cut,
    order::{DeviceSnapshot, Order, Preflight, State},
    platform,
    run::LaterActivity,
    text::clean,
    verify,
};

/// A note on what the state of an order does not mean, or why its action failed and what to do
/// next; `None` if there is none.
#[must_use]
pub fn note(order: &Order) -> Option<String> {
    if order.is_adopted() {
        let ending = order.action().and_then(ending);
        let ending = ending.map_or_else(String::new, |ending| format!(" It ended with {ending}."));
        return Some(format!("{ADOPTED}{ending}"));
    }
    // The error is more specific.
    if order.is_not_listed() {
        return None;
    }
    let platform = order.device().and_then(|device| device.platform.as_deref());
    note_of(order.state(), order.action(), platform)
}

/// A note on a state, with this action, on a machine with this operating system.
pub(super) fn note_of(
    state: State,
    action: Option<&MachineAction>,
    platform: Option<&str>,
) -> Option<String> {
    let next = match state {
        State::Succeeded => return Some(aftermath(platform).to_owned()),
        State::Pending => PENDING,
        State::Failed => FAILED,
        State::TimedOut => TIMED_OUT,
        State::Cancelled => CANCELLED,
        _ => return None,
    };
    let Some(ending) = action.and_then(ending) else {
        return Some(next.to_owned());
    };
    Some(format!("Reason: {ending}. {next}"))
}

/// A note on an action that is not an offboarding.
pub(super) fn note_of_other(action: &MachineAction) -> String {
    let kind = clean(action.action_type.name());
    let ending = ending(action).map_or_else(String::new, |ending| format!(" Reason: {ending}."));
    format!("The action is not an offboarding; its type is {kind}.{ending}")
}

/// Why an action ended without success, as the service reports it: the error code in words, and
/// who cancelled it and why. `None` if it has not ended so, or the service gives no reason.
#[must_use]
pub fn ending(action: &MachineAction) -> Option<String> {
    if !action.status.is_final() || action.status == ActionStatus::Succeeded {
        return None;
    }
    let ended = verify::ending(&action.json);
    let code = ended.code.map(hresult::in_words);
    let cancelled = match (ended.canceller, ended.cancellation) {
        (Some(who), Some(why)) => Some(format!("cancelled by {who}: {why}")),
        (Some(who), None) => Some(format!("cancelled by {who}")),
        (None, Some(why)) => Some(format!("cancelled: {why}")),
        (None, None) => None,
    };
    let parts = [code, ended.text, cancelled];
    let mut words = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    cut(&mut words, MAX_ENDING);
    Some(clean(&words)).filter(|words| !words.is_empty())
}

/// The longest reason of an ending, in bytes.
const MAX_ENDING: usize = 1024;

/// The note of a failed order.
const FAILED: &str = "The device is still onboarded. Check that it is online and healthy, and \
    order it again, or run an offboarding package on it.";

/// The note of an order whose action timed out.
const TIMED_OUT: &str = "The device did not fetch the action in time, and is still onboarded. \
    Bring it online, and order it again.";

/// The note of an order whose action was cancelled.
const CANCELLED: &str = "The device is still onboarded. To offboard it after all, order it again.";

/// The note of an order that adopted an offboarding that was already in progress.
pub const ADOPTED: &str = "An offboarding of this machine was already in progress. This order \
    adopted its action, which keeps its own comment.";

/// The note of an accepted order whose action is not final.
pub const PENDING: &str = "The service accepted it, and the device has not carried it out yet. \
    An offline device does so when it comes online.";

/// What an offboarding does not do on this operating system, or on any if it is not known
/// (Microsoft's documentation).
#[must_use]
pub fn aftermath(platform: Option<&str>) -> &'static str {
    match platform {
        Some(platform) if !platform.starts_with("Windows") => {
            "Its agent stays installed. The device becomes inactive after 7 days and stays \
             listed for up to 180 days."
        }
        None => {
            "Windows keeps its onboarding data, and other systems keep their agent. The device \
             becomes inactive after 7 days and stays listed for up to 180 days."
        }
        Some(_) => {
            "Windows keeps its onboarding data. The device becomes inactive after 7 days and \
             stays listed for up to 180 days."
        }
    }
}

/// The warnings about a planned order; empty for other states.
#[must_use]
pub fn warnings(order: &Order) -> Vec<String> {
    if order.state() != State::Planned {
        return Vec::new();
    }
    let mut warnings = match order.preflight() {
        Some(Preflight::Found(device)) => device_warnings(device),
        Some(Preflight::Unavailable) => vec!["the token has no permission to read it".to_owned()],
        None => Vec::new(),
    };
    if let Some(action) = order.action() {
        let (id, status) = (&action.id, action.status.name());
        warnings.push(if action.status.is_final() {
            let what = format!("it was offboarded with the same comment: action {id} ({status})");
            let since = LaterActivity::of(order.device(), &action.json).problem(&what);
            let what = since.message.unwrap_or(what);
            format!("{what}: it would be skipped")
        } else {
            format!("an offboarding of it is already in progress: action {id} ({status})")
        });
    }
    warnings
}

/// Reasons against offboarding a machine, before anything is sent. These are warnings: the
/// service decides.
#[must_use]
pub fn device_warnings(machine: &DeviceSnapshot) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(status) = machine.onboarding.as_deref()
        && !status.eq_ignore_ascii_case("Onboarded")
    {
        warnings.push(format!("it is not onboarded ({status})"));
    }
    if let Some(health) = machine.health.as_deref()
        && health != "Active"
    {
        warnings.push(format!(
            "its health is {health}: the action stays pending until it comes online"
        ));
    }
    if let Some(platform) = machine.platform.as_deref() {
        warnings.extend(platform::doubt(platform, machine.version.as_deref()));
    }
    if let Some(other) = machine.merged_into.as_deref() {
        warnings.push(format!("it was merged into {other}"));
    }
    warnings
}

/// The problem, or else the service's status of the action; empty if there is neither.
#[must_use]
pub fn detail(action: Option<&MachineAction>, problem: Option<&Problem>) -> String {
    match (problem, action) {
        (Some(problem), _) => words(problem),
        (None, Some(action)) => status_in_words(action),
        (None, None) => String::new(),
    }
}

/// The status of an action, with the type of one that is not an offboarding, and with the reason
/// if it ended without success.
fn status_in_words(action: &MachineAction) -> String {
    let mut words = action.status.name().to_owned();
    if action.action_type != ActionType::Offboard {
        words = format!("{}: {words}", action.action_type.name());
    }
    if let Some(ending) = ending(action) {
        words = format!("{words}: {ending}");
    }
    clean(&words)
}

/// A problem on one line: its kind and HTTP status, a colon, and the service's code, message and
/// tracking id, without characters that a terminal interprets.
#[must_use]
pub fn words(problem: &Problem) -> String {
    let mut kind = problem.kind.to_string();
    if let Some(status) = problem.status {
        kind.push_str(&format!(" ({status})"));
    }
    let parts = [Some(kind), problem.code.clone(), problem.message.clone()];
    let mut words = parts.into_iter().flatten().collect::<Vec<_>>().join(": ");
    if let Some(target) = &problem.target {
        words.push_str(&format!(" [tracking id {target}]"));
    }
    clean(&words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Retry;

    #[test]
    fn the_reason_of_a_failure_is_in_the_detail() {
        let action = |kind: &str, status: &str, json: &str| MachineAction {
            action_type: ActionType::of(kind),
            status: ActionStatus::of(status),
            json: json.to_owned(),
            ..MachineAction::bare("a")
        };
        let detail = |kind, status, json| detail(Some(&action(kind, status, json)), None);
        let denied = r#"{"errorHResult": -2147024891}"#;
        assert_eq!(
            detail("Offboard", "Failed", denied),
            "Failed: error 0x80070005 (access denied)"
        );
        assert_eq!(detail("Offboard", "Succeeded", denied), "Succeeded");
        let cancelled = r#"{"cancellationRequestor": "Eve", "cancellationComment": "wrong\u001b"}"#;
        let found = detail("Isolate", "Cancelled", cancelled);
        assert!(
            found.starts_with("Isolate: Cancelled: cancelled by Eve: wrong"),
            "{found}"
        );
        assert!(!found.contains('\u{1b}'), "{found}");
        assert_eq!(detail("Offboard", "TimeOut", "{}"), "TimeOut");
    }

    #[test]
    fn the_kind_of_a_problem_is_separated_from_its_message() {
        let problem = Problem::new("already-offboarded", Retry::Never, "run 47c0f427 did it");
        assert_eq!(words(&problem), "already-offboarded: run 47c0f427 did it");
        let problem = Problem {
            status: Some(403),
            code: Some("Forbidden".to_owned()),
            ..Problem::new("forbidden", Retry::Never, "no")
        };
        assert_eq!(words(&problem), "forbidden (403): Forbidden: no");
        let problem = Problem {
            message: None,
            ..problem
        };
        assert_eq!(words(&problem), "forbidden (403): Forbidden");
    }
}
