//! Evaluates the properties of a machine for its order, in the preflight.

use jiff::Timestamp;

use super::runner::Runner;
use crate::{
    contract::{Machine, MachineId, Problem, ProblemKind, Retry, refers_to},
    ledger::OrderRecord,
    order::{DeviceSnapshot, Order, Preflight, State, Verdict},
    verify::{device_snapshot, facts},
};

/// The most machines that are listed for an ambiguous name.
pub(super) const MAX_CANDIDATES: usize = 10;

impl Runner {
    /// Settles the order by its machine: whether it is the machine that the list names, and
    /// whether the policy allows it.
    pub(super) fn evaluate(&self, entry: &mut OrderRecord, machine: &Machine) {
        let order = &mut entry.order;
        let id = match machine.id.parse::<MachineId>() {
            Ok(id) => id,
            Err(error) => {
                let asked = order.target();
                let message = format!("the id of {asked} from the service is not valid: {error}");
                let problem = Problem {
                    reading: true,
                    ..Problem::new("unreadable-answer", Retry::Safe, message)
                };
                return settle_unsendable(order, problem);
            }
        };
        order.resolve(id, machine.computer_dns_name.clone());
        order.record_preflight(Preflight::Found(device_snapshot(machine)));
        self.apply_policy(order, Some(machine));
        if order.state() == State::Planned
            && let Some(problem) = wrong_machine(entry.display_name.as_deref(), machine)
        {
            entry.order.settle(Verdict::Rejected(problem));
        }
    }

    /// Rejects the order if the policy objects to its machine. `machine` is `None` if it
    /// could not be read.
    pub(super) fn apply_policy(&self, order: &mut Order, machine: Option<&Machine>) {
        if self.policy.is_empty() {
            return;
        }
        let known = machine.and_then(|machine| facts(&machine.json));
        let objection = order.machine().and_then(|machine| {
            self.policy
                .objection(machine, known.as_ref(), Timestamp::now())
        });
        if let Some(objection) = objection {
            let problem = Problem::new("policy", Retry::Never, objection.to_string());
            order.settle(Verdict::Rejected(problem));
        }
    }
}

/// The only machine with this name, among those that were found.
pub(super) fn only_machine(name: &str, mut machines: Vec<Machine>) -> Result<Machine, Problem> {
    let Some(last) = machines.pop() else {
        let message = format!("no machine has the name {name}");
        return Err(Problem::new("not-found", Retry::Never, message));
    };
    if machines.is_empty() {
        return Ok(last);
    }
    machines.push(last);
    let candidates: Vec<String> = machines
        .iter()
        .take(MAX_CANDIDATES)
        .map(|machine| candidate(&machine.id, &DeviceSnapshot::from(machine)))
        .collect();
    let message = format!(
        "{} machines have the name {name}: {}",
        machines.len(),
        candidates.join(", ")
    );
    let ids = machines.iter().take(MAX_CANDIDATES);
    let ids = ids.map(|machine| machine.id.clone()).collect();
    Err(Problem::new("ambiguous-name", Retry::Never, message).with_candidates(ids))
}

/// A machine in the list of those with an ambiguous name.
pub(super) fn candidate(id: &str, device: &DeviceSnapshot) -> String {
    let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
    format!(
        "{id} ({}, {}, last seen {})",
        word(&device.platform),
        word(&device.health),
        word(&device.last_seen)
    )
}

/// The problem of an order whose list names another machine: in a table that was sorted
/// in part, an id is beside the name of another machine.
fn wrong_machine(called: Option<&str>, machine: &Machine) -> Option<Problem> {
    let called = called?;
    let name = machine.computer_dns_name.as_deref();
    // For some machines the service has only the first label of the name.
    if name.is_some_and(|name| refers_to(called, name) || refers_to(name, called)) {
        return None;
    }
    let name = name.map_or_else(|| "nothing".to_owned(), |name| format!("{name:?}"));
    let message = format!("the list has the name {called:?}, but the service has {name}");
    Some(Problem::new("wrong-machine", Retry::Never, message))
}

/// Settles an order whose preflight failed. Nothing was sent.
pub(super) fn settle_unsendable(order: &mut Order, problem: Problem) {
    let kind = match problem.kind {
        ProblemKind::NotFound => ProblemKind::MachineNotFound,
        // The offboarding was not sent, regardless of the query.
        ProblemKind::NoAnswer => ProblemKind::NotSent,
        ref kind => kind.clone(),
    };
    order.settle(Verdict::Rejected(Problem { kind, ..problem }));
}
