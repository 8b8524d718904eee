//! Compares an action or a machine with the JSON that it was parsed from.

use offboard_plugin::{
    action::{status_name, type_name},
    json::Members,
    types::{Machine, MachineAction},
};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use super::json;

/// An object's members in order, including repeated names.
pub(super) struct Pairs(pub(super) Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(String, Value)>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }

        deserializer.deserialize_map(Object).map(Self)
    }
}

/// The member with the exact name, otherwise with the name in any case; null counts as
/// missing.
pub(super) fn member<'a>(pairs: &'a [(String, Value)], name: &str) -> Option<&'a Value> {
    let exact = pairs.iter().find(|(key, _)| key == name);
    let any_case = || pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    exact
        .or_else(any_case)
        .map(|(_, value)| value)
        .filter(|value| !value.is_null())
}

pub(super) fn has_twins(pairs: &[(String, Value)]) -> bool {
    let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.windows(2).any(|two| two[0] == two[1])
}

/// Whether an entry is an action; `None` if this oracle cannot decide (large numbers,
/// deep nesting, surrogates).
pub(super) fn is_action(entry: &str) -> Option<bool> {
    let Ok(Pairs(pairs)) = serde_json::from_str(entry) else {
        // A value that is not an object is certainly not an action.
        return (!entry.trim().starts_with('{')).then_some(false);
    };
    let has = |name| match member(&pairs, name) {
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Number(_) | Value::Bool(_)) => true,
        _ => false,
    };
    Some(!has_twins(&pairs) && has("id") && has("type") && has("status"))
}

pub(super) type Text<T> = (&'static str, fn(&T) -> &Option<String>);

pub(super) const ACTION_TEXTS: [Text<MachineAction>; 12] = [
    ("title", |action| &action.title),
    ("requestor", |action| &action.requestor),
    ("requestorComment", |action| &action.requestor_comment),
    ("computerDnsName", |action| &action.computer_dns_name),
    ("creationDateTimeUtc", |action| {
        &action.creation_date_time_utc
    }),
    ("cancellationRequestor", |action| {
        &action.cancellation_requestor
    }),
    ("cancellationComment", |action| &action.cancellation_comment),
    ("cancellationDateTimeUtc", |action| {
        &action.cancellation_date_time_utc
    }),
    ("error", |action| &action.error),
    ("scope", |action| &action.scope),
    ("externalId", |action| &action.external_id),
    ("requestSource", |action| &action.request_source),
];

pub(super) const MACHINE_TEXTS: [Text<Machine>; 17] = [
    ("computerDnsName", |machine| &machine.computer_dns_name),
    ("firstSeen", |machine| &machine.first_seen),
    ("lastSeen", |machine| &machine.last_seen),
    ("osPlatform", |machine| &machine.os_platform),
    ("version", |machine| &machine.version),
    ("onboardingStatus", |machine| &machine.onboarding_status),
    ("healthStatus", |machine| &machine.health_status),
    ("lastIpAddress", |machine| &machine.last_ip_address),
    ("lastExternalIpAddress", |machine| {
        &machine.last_external_ip_address
    }),
    ("rbacGroupId", |machine| &machine.rbac_group_id),
    ("rbacGroupName", |machine| &machine.rbac_group_name),
    ("riskScore", |machine| &machine.risk_score),
    ("exposureLevel", |machine| &machine.exposure_level),
    ("deviceValue", |machine| &machine.device_value),
    ("aadDeviceId", |machine| &machine.aad_device_id),
    ("agentVersion", |machine| &machine.agent_version),
    ("mergedIntoMachineId", |machine| {
        &machine.merged_into_machine_id
    }),
];

pub(super) fn check_action(action: &MachineAction, text: &str) {
    check_json(&action.json, text);
    let parts = action.commands.iter().chain(&action.troubleshoot_info);
    for part in parts {
        check_json(part, &action.json);
    }
    assert!(!action.id.is_empty());
    assert!(!type_name(&action.action_type).is_empty());
    assert!(!status_name(&action.status).is_empty());

    let Ok(Pairs(pairs)) = serde_json::from_str(&action.json) else {
        return;
    };
    assert!(!has_twins(&pairs));
    for (name, given) in ACTION_TEXTS {
        check_text(&pairs, name, given(action).as_deref());
    }
    check_text(&pairs, "id", Some(&action.id));
    if let Some(Value::String(id)) = member(&pairs, "machineId") {
        assert_eq!(action.machine_id, Some(id.to_ascii_lowercase()));
    }
    if let Some(Value::String(kind)) = member(&pairs, "type") {
        let known = match kind.as_str() {
            "OffboardMachine" => "Offboard",
            "Live Response" => "LiveResponse",
            other => other,
        };
        assert_eq!(type_name(&action.action_type), known);
    }
    if let Some(Value::String(status)) = member(&pairs, "status") {
        let known = match status.as_str() {
            "Canceled" => "Cancelled",
            other => other,
        };
        assert_eq!(status_name(&action.status), known);
    }
    if let Some(number) = member(&pairs, "errorHResult").and_then(Value::as_i64) {
        assert_eq!(action.error_hresult, Some(number));
    }
}

pub(super) fn check_machine(machine: &Machine, text: &str) {
    check_json(&machine.json, text);
    assert!(!machine.id.is_empty());
    let Ok(Pairs(pairs)) = serde_json::from_str(&machine.json) else {
        return;
    };
    assert!(!has_twins(&pairs));
    for (name, given) in MACHINE_TEXTS {
        check_text(&pairs, name, given(machine).as_deref());
    }
    if let Some(Value::String(id)) = member(&pairs, "id") {
        assert_eq!(machine.id, id.to_ascii_lowercase());
    }
    if let Some(Value::Array(tags)) = member(&pairs, "machineTags") {
        let tags = tags.iter().filter_map(Value::as_str);
        assert!(tags.eq(machine.machine_tags.iter().map(String::as_str)));
    }
}

/// A success about one machine has the id of this machine, if this oracle can decide.
pub(super) fn names(text: &str, id: &str) {
    assert!(json::is_json(text));
    let Ok(Pairs(pairs)) = serde_json::from_str(text) else {
        return;
    };
    assert!(!has_twins(&pairs));
    let named = member(&pairs, "id").and_then(Value::as_str);
    assert!(named.is_none_or(|named| named.eq_ignore_ascii_case(id)));
}

pub(super) fn check_json(part: &str, document: &str) {
    assert!(document.contains(part));
    assert!(json::is_json(part), "not JSON: {part}");
}

/// Strings are returned unchanged, numbers and booleans as they are written, and nothing else
/// is a text.
pub(super) fn check_text(pairs: &[(String, Value)], name: &str, given: Option<&str>) {
    match member(pairs, name) {
        Some(Value::String(text)) => assert_eq!(given, Some(text.as_str()), "{name}"),
        Some(Value::Bool(true)) => assert_eq!(given, Some("true"), "{name}"),
        Some(Value::Bool(false)) => assert_eq!(given, Some("false"), "{name}"),
        Some(Value::Number(_)) => assert!(given.is_some(), "{name}"),
        _ => assert_eq!(given, None, "{name}"),
    }
}

/// A value that is parsed as an object is one, and has the parsed members.
pub(super) fn members(text: &str) {
    let Ok(members) = Members::parse(text) else {
        return;
    };
    assert!(json::is_json(text));
    assert!(text.trim().starts_with('{'));
    for name in ["id", "value", "error", "commands", "@odata.nextLink"] {
        let parts = members.array(name);
        for part in parts.into_iter().chain(members.raw(name)) {
            check_json(part.get(), text);
        }
    }
}
