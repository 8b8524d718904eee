//! What egress delivered, read by the host itself. An action or a machine counts
//! for what its JSON says, as the service sent it, and not for what the plugin
//! makes of it. These members, and no others, are known outside the plugin.

use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;

use crate::{
    contract::{Comment, MachineAction, MachineId},
    egress::{CallRecord, Delivery},
};

/// The members of an object, unread: whatever else the service sends beside those
/// that are looked at, it does not matter here.
type Members<'a> = HashMap<String, &'a RawValue>;

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
    let members: Members<'_> = serde_json::from_str(&action.json).ok()?;
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
pub(super) fn is_machine(record: &CallRecord, id: &str, name: Option<&str>) -> bool {
    let Some(answer) = delivered(record) else {
        return false;
    };
    let is = |entry: &Members<'_>| {
        let sent = text(entry, "id").unwrap_or_default();
        let sent_name = text(entry, "computerDnsName");
        sent.eq_ignore_ascii_case(id) && (name.is_none() || sent_name.as_deref() == name)
    };
    match entries(&answer) {
        Some(entries) => entries.iter().any(is),
        None => is(&answer),
    }
}

/// The object that egress delivered with a success.
fn delivered(record: &CallRecord) -> Option<Members<'_>> {
    if !matches!(record.delivery(), Delivery::Answered(200..=299)) {
        return None;
    }
    let answer = record.exchange.as_ref()?.answer.as_deref()?;
    serde_json::from_slice(answer).ok()
}

/// The ids of all actions in a delivered list, readable or not, in lower case;
/// none where the answer is no list.
pub(super) fn listed(record: &CallRecord) -> Option<HashSet<String>> {
    let entries = entries(&delivered(record)?)?;
    let ids = entries.iter().filter_map(|entry| text(entry, "id"));
    Some(ids.map(|id| id.to_ascii_lowercase()).collect())
}

/// The objects of a list; none where this is no list.
fn entries<'a>(list: &Members<'a>) -> Option<Vec<Members<'a>>> {
    let entries: Vec<&RawValue> = serde_json::from_str(member(list, "value")?.get()).ok()?;
    let objects = entries
        .into_iter()
        .filter_map(|entry| serde_json::from_str(entry.get()).ok());
    Some(objects.collect())
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

fn member<'a>(members: &Members<'a>, name: &str) -> Option<&'a RawValue> {
    let value = members.get(name).or_else(|| {
        members
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    });
    value.copied()
}

/// A text, or the letters of a number.
fn text(members: &Members<'_>, name: &str) -> Option<String> {
    let value = member(members, name)?.get();
    match value.as_bytes().first() {
        Some(b'"') => serde_json::from_str(value).ok(),
        Some(b'{' | b'[' | b'n') | None => None,
        Some(_) => Some(value.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::Recorder;

    fn answered(status: u16, answer: &str) -> CallRecord {
        Recorder::answered(status, answer).finish()
    }

    #[test]
    fn a_machine_counts_if_its_id_and_name_were_sent_together() {
        let list = r#"{"value": [1, {"id": "AB", "computerDnsName": "x", "n": 1e999999},
            {"id": "cd", "computerDnsName": "y"}]}"#;
        let record = answered(200, list);
        assert!(is_machine(&record, "ab", Some("x")));
        assert!(is_machine(&record, "cd", None));
        for (id, name) in [("ab", "y"), ("cd", "x"), ("ef", "x"), ("", "")] {
            assert!(!is_machine(&record, id, Some(name)), "{id} {name}");
        }
        let one = r#"{"id": "ab", "computerDnsName": "x"}"#;
        assert!(is_machine(&answered(200, one), "ab", Some("x")));
        assert!(!is_machine(&answered(200, one), "ab", Some("y")));
        assert!(!is_machine(&answered(404, one), "ab", Some("x")));
        assert!(!is_machine(&CallRecord::default(), "ab", None));
    }

    #[test]
    fn what_else_a_list_holds_does_not_hide_its_ids() {
        let list = r#"{"value": [{"id": "A", "x": 1e999999}, [], {"id": "b", "y": "\ud800"}, {}]}"#;
        let ids = listed(&answered(200, list));
        assert_eq!(ids, Some(HashSet::from(["a".to_owned(), "b".to_owned()])));
        assert_eq!(listed(&answered(200, "{}")), None);
    }
}
