//! Texts about an order: notes, warnings, and problems. The remedies belong to the front end,
//! which knows its own commands.

use crate::{
    contract::{MachineAction, Problem},
    order::{DeviceSnapshot, Order, Preflight, State},
    platform,
    run::LaterActivity,
    text::clean,
};

/// A note on what the state of an order does not mean; `None` if there is none.
#[must_use]
pub fn note(order: &Order) -> Option<&'static str> {
    if order.is_adopted() {
        return Some(ADOPTED);
    }
    // The error is more specific.
    if order.is_not_listed() {
        return None;
    }
    let platform = order.device().and_then(|device| device.platform.as_deref());
    note_of(order.state(), platform)
}

/// A note on what a state does not mean, on a machine with this operating system.
pub(super) fn note_of(state: State, platform: Option<&str>) -> Option<&'static str> {
    match state {
        State::Succeeded => Some(aftermath(platform)),
        State::Pending => Some(PENDING),
        _ => None,
    }
}

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
        (None, Some(action)) => action.status.name().to_owned(),
        (None, None) => String::new(),
    }
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
