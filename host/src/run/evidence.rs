//! What egress delivered, read by the host itself. An action or a machine counts
//! for what its JSON says, as the service sent it, and not for what the plugin
//! makes of it. These members, and no others, are known outside the plugin.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::{
    contract::{Comment, Machine, MachineAction, MachineId},
    egress::{CallRecord, Delivery},
};

/// The members that identify an action.
pub(super) struct Identity {
    id: String,
    kind: String,
    machine: Option<String>,
    comment: Option<String>,
}

/// The identity of an action that egress delivered with a success, and that
/// the plugin reports as it is.
pub(super) fn identity(record: &CallRecord, action: &MachineAction) -> Option<Identity> {
    let members: Map<String, Value> = serde_json::from_str(&action.json).ok()?;
    let id = text(&members, "id")?;
    let status = text(&members, "status")?;
    // Once spelled with one l (Microsoft's documentation of 2020).
    let status = if status == "Canceled" {
        "Cancelled"
    } else {
        &status
    };
    let honest = id == action.id
        && status == action.status.name()
        && matches!(record.delivery(), Delivery::Answered(200..=299))
        && record.delivered(&action.json);
    honest.then(|| Identity {
        id: id.to_ascii_lowercase(),
        kind: text(&members, "type").unwrap_or_default(),
        machine: text(&members, "machineId"),
        comment: text(&members, "requestorComment"),
    })
}

/// Whether egress delivered a machine of this id, by itself or in a list, and of
/// this name if it has one.
pub(super) fn is_machine(record: &CallRecord, machine: &Machine) -> bool {
    let Some(answer) = delivered(record) else {
        return false;
    };
    let reported = machine.computer_dns_name.as_deref();
    let is = |entry: &Map<String, Value>| {
        let id = text(entry, "id").unwrap_or_default();
        let name = text(entry, "computerDnsName");
        id.eq_ignore_ascii_case(&machine.id)
            && (reported.is_none() || name.as_deref() == reported)
    };
    match member(&answer, "value").and_then(Value::as_array) {
        Some(entries) => entries.iter().filter_map(Value::as_object).any(is),
        None => is(&answer),
    }
}

/// The object that egress delivered with a success.
fn delivered(record: &CallRecord) -> Option<Map<String, Value>> {
    if !matches!(record.delivery(), Delivery::Answered(200..=299)) {
        return None;
    }
    let answer = record.exchange.as_ref()?.answer.as_deref()?;
    serde_json::from_slice(answer).ok()
}

/// The ids of all actions in a delivered list, readable or not, in lower case;
/// none where the answer is no list.
pub(super) fn listed(record: &CallRecord) -> Option<HashSet<String>> {
    let list = delivered(record)?;
    let entries = member(&list, "value")?.as_array()?;
    let ids = entries
        .iter()
        .filter_map(Value::as_object)
        .filter_map(|entry| text(entry, "id"));
    Some(ids.map(|id| id.to_ascii_lowercase()).collect())
}

impl Identity {
    /// The action's id, in lower case.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Whether it is an offboarding.
    pub(super) fn is_offboarding(&self) -> bool {
        // The second is what the documents' samples of 2017 to 2019 show.
        matches!(self.kind.as_str(), "Offboard" | "OffboardMachine")
    }

    /// Whether it names this machine.
    pub(super) fn names(&self, machine: &MachineId) -> bool {
        self.machine
            .as_ref()
            .is_some_and(|id| id.eq_ignore_ascii_case(machine.as_str()))
    }

    /// Whether it names no machine at all, as was seen once.
    pub(super) fn names_none(&self) -> bool {
        self.machine.is_none()
    }

    /// Whether it may be the answer to an order with this comment.
    pub(super) fn may_have(&self, comment: &Comment) -> bool {
        self.comment
            .as_deref()
            .is_none_or(|text| text == comment.as_str())
    }
}

fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).or_else(|| {
        members
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    })
}

fn text(members: &Map<String, Value>, name: &str) -> Option<String> {
    match member(members, name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bit) => Some(bit.to_string()),
        _ => None,
    }
}
