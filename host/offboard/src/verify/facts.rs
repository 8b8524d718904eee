//! The facts about a machine that a policy checks, and whether the machine reports. The host
//! reads both from what egress delivered, so that a malicious plugin cannot make a machine
//! look as if it may be offboarded, or as if it were silent. Ambiguous data counts as unknown.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::{
    contract::{Machine, MachineAction},
    members::{Members, members},
    order::DeviceSnapshot,
    policy::Facts,
    selection::{EntraDeviceId, MachineFacts},
};

const NAME_MEMBER: &str = "computerDnsName";
const TAGS_MEMBER: &str = "machineTags";
const GROUP: &str = "rbacGroupName";
const VALUE: &str = "deviceValue";
const SEEN: &str = "lastSeen";
const HEALTH: &str = "healthStatus";
const MACHINE: &str = "machineId";
const MERGED: &str = "mergedIntoMachineId";
const EXTERNAL_ID: &str = "externalId";
/// Longer than any external id of an order, in bytes.
const MAX_EXTERNAL_ID: usize = 256;
const ONBOARDING: &str = "onboardingStatus";
const SYSTEM: &str = "osPlatform";
const AGENT: &str = "agentVersion";
const ENTRA_DEVICE: &str = "aadDeviceId";
/// The members with one address, and the one with the addresses of all interfaces.
const ADDRESS: [&str; 2] = ["lastIpAddress", "lastExternalIpAddress"];
const ADDRESSES: &str = "ipAddresses";
const INTERFACE_ADDRESS: &str = "ipAddress";
/// The time of an action's last status change; older documents use the second name.
const UPDATED: [&str; 2] = ["lastUpdateDateTimeUtc", "lastUpdateTimeUtc"];

/// The facts in a machine's JSON, as egress delivered it; `None` if it cannot be parsed.
pub(crate) fn facts(json: &str) -> Option<Facts> {
    let wanted = |key: &str| {
        let mut names = [NAME_MEMBER, TAGS_MEMBER, GROUP, VALUE, SEEN].into_iter();
        names.any(|name| key.eq_ignore_ascii_case(name))
    };
    let members = members(json, wanted)?;
    Some(Facts {
        name: text(&members, NAME_MEMBER),
        tags: member(&members, TAGS_MEMBER),
        group: text(&members, GROUP),
        value: text(&members, VALUE),
        last_seen: text(&members, SEEN).and_then(|seen| seen.parse().ok()),
    })
}

/// The facts in a machine's JSON that a rule checks; `None` if it cannot be parsed.
pub(crate) fn machine_facts(json: &str) -> Option<MachineFacts> {
    let names = [ONBOARDING, SEEN, TAGS_MEMBER, GROUP, SYSTEM, AGENT];
    let wanted = |key: &str| names.iter().any(|name| key.eq_ignore_ascii_case(name));
    let members = members(json, wanted)?;
    Some(MachineFacts {
        onboarding: text(&members, ONBOARDING),
        last_seen: text(&members, SEEN).and_then(|seen| time(&seen)),
        tags: member(&members, TAGS_MEMBER),
        group: text(&members, GROUP),
        system: text(&members, SYSTEM),
        agent: text(&members, AGENT).and_then(|version| version.parse().ok()),
    })
}

/// The Entra device id in a machine's JSON.
pub(crate) fn entra_device(json: &str) -> Option<EntraDeviceId> {
    let members = members(json, |key| key.eq_ignore_ascii_case(ENTRA_DEVICE))?;
    text(&members, ENTRA_DEVICE)?.trim().parse().ok()
}

/// The addresses in a machine's JSON: the last ones, and those of its interfaces.
pub(crate) fn addresses(json: &str) -> Vec<IpAddr> {
    let wanted = |key: &str| {
        let mut names = ADDRESS.into_iter().chain([ADDRESSES]);
        names.any(|name| key.eq_ignore_ascii_case(name))
    };
    let read = members(json, wanted).unwrap_or_default();
    let interfaces: Vec<Box<RawValue>> = member(&read, ADDRESSES).unwrap_or_default();
    let of_interface = |interface: &RawValue| {
        let wanted = |key: &str| key.eq_ignore_ascii_case(INTERFACE_ADDRESS);
        text(&members(interface.get(), wanted)?, INTERFACE_ADDRESS)
    };
    let interfaces = interfaces.iter().map(AsRef::as_ref);
    let last = ADDRESS.into_iter().filter_map(|name| text(&read, name));
    let all = last.chain(interfaces.filter_map(of_interface));
    all.filter_map(|address| address.trim().parse().ok())
        .collect()
}

/// The properties of a machine. Those that show whether it has reported are read from what
/// the service sent; the others are only shown, as the plugin reports them.
pub(crate) fn device_snapshot(machine: &Machine) -> DeviceSnapshot {
    let wanted = |key: &str| {
        let mut names = [SEEN, HEALTH, MERGED].into_iter();
        names.any(|name| key.eq_ignore_ascii_case(name))
    };
    let read = members(&machine.json, wanted).unwrap_or_default();
    DeviceSnapshot {
        last_seen: text(&read, SEEN),
        health: text(&read, HEALTH),
        merged_into: text(&read, MERGED),
        ..DeviceSnapshot::from(machine)
    }
    .bounded()
}

/// The external id of an action, as egress delivered it. It decides whether an action is an
/// order's own, so one that is ambiguous or too long counts as none.
pub(crate) fn external_id(action: &str) -> Option<String> {
    let wanted = |key: &str| key.eq_ignore_ascii_case(EXTERNAL_ID);
    let read = members(action, wanted)?;
    text(&read, EXTERNAL_ID).filter(|id| id.len() <= MAX_EXTERNAL_ID)
}

/// An action without the members that only the plugin reports.
pub(crate) fn as_delivered(action: MachineAction) -> MachineAction {
    let bare = MachineAction::bare(&action.id);
    MachineAction {
        id: action.id,
        action_type: action.action_type,
        status: action.status,
        requestor_comment: action.requestor_comment,
        machine_id: action.machine_id,
        computer_dns_name: action.computer_dns_name,
        external_id: external_id(&action.json),
        json: action.json,
        ..bare
    }
}

/// The time of an action's last status change, as egress delivered it.
pub(crate) fn updated(action: &str) -> Option<Timestamp> {
    let wanted = |key: &str| UPDATED.iter().any(|name| key.eq_ignore_ascii_case(name));
    let read = members(action, wanted)?;
    let mut times = UPDATED.iter().filter_map(|name| text(&read, name));
    times.find_map(|text| time(&text))
}

/// Why an action ended without success, as the service reports it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    /// The error code; `None` without one, or if it is 0.
    pub(crate) code: Option<i64>,
    /// The error in words, as documents of 2017 have it.
    pub(crate) text: Option<String>,
    /// The user or the application that cancelled the action.
    pub(crate) canceller: Option<String>,
    /// The reason for the cancellation.
    pub(crate) cancellation: Option<String>,
}

/// How an action ended, as egress delivered it.
pub(crate) fn ending(action: &str) -> Ending {
    const NAMES: [&str; 4] = [
        "errorHResult",
        "error",
        "cancellationRequestor",
        "cancellationComment",
    ];
    let [code, error, canceller, cancellation] = NAMES;
    let wanted = |key: &str| NAMES.iter().any(|name| key.eq_ignore_ascii_case(name));
    let read = members(action, wanted).unwrap_or_default();
    // Written as a number or as a text.
    let number = || member::<i64>(&read, code).or_else(|| text(&read, code)?.trim().parse().ok());
    Ending {
        code: number().filter(|code| *code != 0),
        // `None` is the name of "no error".
        text: text(&read, error).filter(|error| !error.eq_ignore_ascii_case("none")),
        canceller: text(&read, canceller),
        cancellation: text(&read, cancellation),
    }
}

/// Whether an action names its machine, as egress delivered it. Public reports show actions
/// without a machine.
pub(crate) fn names_machine(action: &str) -> bool {
    let read = members(action, |key| key.eq_ignore_ascii_case(MACHINE));
    read.is_some_and(|read| text(&read, MACHINE).is_some())
}

/// A time as the service writes it. Without a zone it is UTC, like all of its times. A time
/// before 1970 is .NET's form of a missing time.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let time = text.parse().or_else(|_| {
        let civil = text.parse::<jiff::civil::DateTime>()?;
        civil
            .to_zoned(jiff::tz::TimeZone::UTC)
            .map(|at| at.timestamp())
    });
    time.ok().filter(|time| *time > Timestamp::UNIX_EPOCH)
}

/// The member with this name, in any case, as in older documents; it must be unique.
fn member<T: DeserializeOwned>(members: &Members<'_>, name: &str) -> Option<T> {
    let mut found = members
        .iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case(name));
    match (found.next(), found.next()) {
        (Some((_, value)), None) => serde_json::from_str(value.get()).ok(),
        _ => None,
    }
}

/// A text that is not blank.
fn text(members: &Members<'_>, name: &str) -> Option<String> {
    member(members, name).filter(|text: &String| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(json: &str) -> Option<Vec<String>> {
        facts(json).and_then(|facts| facts.tags)
    }

    #[test]
    fn facts_are_read_from_what_was_delivered() {
        let found = facts(
            r#"{"computerDnsName":"dc-1","machineTags":["a","b"],"RbacGroupName":"Servers",
                "deviceValue":"High","lastSeen":"2026-11-22T10:19:03.7981894Z",
                "odd":[1e999,"\ud83d"]}"#,
        );
        let found = found.unwrap_or_default();
        assert_eq!(found.name.as_deref(), Some("dc-1"));
        assert_eq!(found.tags, Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(found.group.as_deref(), Some("Servers"));
        assert_eq!(found.value.as_deref(), Some("High"));
        let seen = found.last_seen.map(|seen| seen.to_string());
        assert_eq!(seen.as_deref(), Some("2026-11-22T10:19:03.7981894Z"));
    }

    #[test]
    fn addresses_and_the_entra_device_are_read_from_what_was_delivered() {
        let json = r#"{"lastIpAddress":"10.0.0.1","lastExternalIpAddress":null,"ipAddresses":[
            {"ipAddress":"FE80::1","type":"Ethernet"},{"ipAddress":null},7,{"ipAddress":"x"}],
            "aadDeviceId":"00000000-AAAA-4bbb-8ccc-dddddddddddd"}"#;
        let found: Vec<String> = addresses(json).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["10.0.0.1", "fe80::1"]);
        let device = entra_device(json).map(|device| device.to_string());
        let expected = "00000000-aaaa-4bbb-8ccc-dddddddddddd";
        assert_eq!(device.as_deref(), Some(expected));
        for unknown in [
            "{}",
            r#"{"aadDeviceId":null}"#,
            r#"{"aadDeviceId":"00000000-0000-0000-0000-000000000000"}"#,
            r#"{"aadDeviceId":"00000000-aaaa-4bbb-8ccc-dddddddddddd","AadDeviceId":"x"}"#,
        ] {
            assert_eq!(entra_device(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn an_ending_is_read_as_it_was_delivered() {
        let found = ending(r#"{"errorHResult":-2147024891,"error":"None"}"#);
        assert_eq!((found.code, found.text), (Some(-2_147_024_891), None));
        let found = ending(r#"{"errorHResult":"5","error":"x","cancellationRequestor":"me"}"#);
        assert_eq!((found.code, found.text.as_deref()), (Some(5), Some("x")));
        assert_eq!(found.canceller.as_deref(), Some("me"));
        for none in [
            "",
            "{}",
            r#"{"errorHResult":0}"#,
            r#"{"errorHResult":null,"error":""}"#,
        ] {
            assert_eq!(ending(none), Ending::default(), "{none}");
        }
    }

    #[test]
    fn what_cannot_be_read_in_one_way_alone_is_not_known() {
        assert_eq!(tags(r#"{"machineTags":[]}"#), Some(Vec::new()));
        for unknown in [
            "{}",
            r#"{"machineTags":null}"#,
            r#"{"machineTags":"keep"}"#,
            r#"{"machineTags":[{"name":"keep"}]}"#,
            r#"{"machineTags":["a",1]}"#,
            r#"{"machineTags":["keep"],"machineTags":[]}"#,
            r#"{"MACHINETAGS":["keep"],"machineTags":[]}"#,
        ] {
            assert_eq!(tags(unknown), None, "{unknown}");
        }
        for unread in ["", "[]", "1", r#"{"a":}"#] {
            assert_eq!(facts(unread), None, "{unread}");
        }
        let odd = r#"{"computerDnsName":" ","rbacGroupName":"","lastSeen":"yesterday"}"#;
        assert_eq!(facts(odd), Some(Facts::default()));
    }
}
