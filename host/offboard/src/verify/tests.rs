#![allow(clippy::unwrap_used)]
use super::*;
use crate::{
    egress::CallRecord,
    verify::{as_delivered, device_snapshot},
};

fn answered(status: u16, answer: &str) -> CallRecord {
    CallRecord::of_answer(status, answer)
}

/// A machine as a plugin reports it.
fn machine(id: &str, name: Option<&str>, json: &str) -> Machine {
    Machine {
        id: id.to_owned(),
        computer_dns_name: name.map(ToOwned::to_owned),
        json: json.to_owned(),
        ..empty()
    }
}

fn empty() -> Machine {
    Machine {
        id: String::new(),
        computer_dns_name: None,
        first_seen: None,
        last_seen: None,
        os_platform: None,
        os_build: None,
        version: None,
        os_architecture: None,
        onboarding_status: None,
        health_status: None,
        last_ip_address: None,
        last_external_ip_address: None,
        ip_addresses: Vec::new(),
        rbac_group_id: None,
        rbac_group_name: None,
        risk_score: None,
        exposure_level: None,
        device_value: None,
        aad_device_id: None,
        machine_tags: Vec::new(),
        agent_version: None,
        merged_into_machine_id: None,
        is_potential_duplication: None,
        is_excluded: None,
        json: String::new(),
    }
}

const ACTION: &str = r#"{"id": "A1", "type": "Offboard", "status": "Failed", "machineId": "AB",
    "computerDnsName": "x", "requestorComment": "Retired"}"#;

/// The action above, reported unchanged.
fn action() -> MachineAction {
    MachineAction {
        status: ActionStatus::Failed,
        requestor_comment: Some("Retired".to_owned()),
        machine_id: Some("ab".to_owned()),
        computer_dns_name: Some("x".to_owned()),
        json: ACTION.to_owned(),
        ..MachineAction::bare("A1")
    }
}

/// Its id is known nevertheless.
#[test]
fn what_is_nested_too_deeply_does_not_count() {
    for (depth, counts) in [(10, true), (100_000, false)] {
        let nested = "[".repeat(depth) + &"]".repeat(depth);
        let with = |json: &str| json.replacen('{', &format!(r#"{{"odd": {nested},"#), 1);
        let action = MachineAction {
            json: with(ACTION),
            ..action()
        };
        let list = format!(r#"{{"value": [{}]}}"#, action.json);
        for answer in [&action.json, &list] {
            let record = answered(200, answer);
            let delivered = Delivered::read(&record).unwrap();
            assert_eq!(delivered.has_action(&action), counts, "{depth}");
        }
        let record = answered(200, &list);
        let delivered = Delivered::read(&record).unwrap();
        let ids: Vec<_> = delivered.listed().unwrap().collect();
        assert_eq!(ids, [("a1", Some("AB"))]);
        let json = with(r#"{"id": "M1"}"#);
        let record = answered(200, &json);
        let delivered = Delivered::read(&record).unwrap();
        assert_eq!(delivered.has_machine(&machine("M1", None, &json)), counts);
    }
}

#[test]
fn an_action_counts_if_it_is_reported_as_it_was_sent() {
    let list = format!(r#"{{"value": [7, {ACTION}]}}"#);
    for answer in [ACTION, &format!("  {ACTION}\n"), &list] {
        let record = answered(200, answer);
        let delivered = Delivered::read(&record).unwrap();
        assert!(delivered.has_action(&action()));
        let bent: [fn(&mut MachineAction); 8] = [
            |action| action.id = "A2".to_owned(),
            |action| action.id = "a1".to_owned(),
            |action| action.action_type = ActionType::Isolate,
            |action| action.status = ActionStatus::Succeeded,
            // A synonym is another value.
            |action| action.status = ActionStatus::Other("Failed".to_owned()),
            |action| action.machine_id = None,
            |action| action.computer_dns_name = Some("ceo-laptop".to_owned()),
            |action| action.json = "{}".to_owned(),
        ];
        for bend in bent {
            let mut action = action();
            bend(&mut action);
            assert!(!delivered.has_action(&action), "{action:?}");
        }
    }
    assert!(Delivered::read(&answered(404, ACTION)).is_none());
    assert!(Delivered::read(&CallRecord::default()).is_none());
}

/// A malicious plugin could make a machine look as if it were silent.
#[test]
fn what_decides_about_silence_is_read_from_what_was_delivered() {
    let reported = Machine {
        last_seen: Some("2026-01-01T00:00:00Z".to_owned()),
        health_status: Some("Inactive".to_owned()),
        os_platform: Some("Linux".to_owned()),
        json: r#"{"id": "AB", "lastSeen": "2026-02-01T00:00:00Z", "healthStatus": "Active"}"#
            .to_owned(),
        ..empty()
    };
    let read = device_snapshot(&reported);
    assert_eq!(read.last_seen.as_deref(), Some("2026-02-01T00:00:00Z"));
    assert_eq!(read.health.as_deref(), Some("Active"));
    assert_eq!(read.platform.as_deref(), Some("Linux"));
    let json = "{}".to_owned();
    let read = device_snapshot(&Machine { json, ..reported });
    assert_eq!((read.last_seen, read.health), (None, None));
}

/// They are stored with the action, and with each state change of its order.
#[test]
fn a_type_or_a_status_that_is_not_a_word_does_not_count() {
    for (length, counts) in [(MAX_WORD, true), (MAX_WORD + 1, false)] {
        let word = "x".repeat(length);
        for (member, kind, status) in [("type", &word[..], "Failed"), ("status", "Offboard", &word)]
        {
            let json = format!(r#"{{"id": "A1", "type": "{kind}", "status": "{status}"}}"#);
            let action = MachineAction {
                action_type: ActionType::of(kind),
                status: ActionStatus::of(status),
                json: json.clone(),
                ..MachineAction::bare("A1")
            };
            let record = answered(200, &json);
            let delivered = Delivered::read(&record).unwrap();
            assert_eq!(delivered.has_action(&action), counts, "{member} {length}");
        }
    }
}

#[test]
fn a_machine_counts_if_it_is_reported_as_it_was_sent() {
    let one = r#"{"id": "AB", "computerDnsName": "x", "n": 1e999999}"#;
    let other = r#"{"id": "cd"}"#;
    let record = answered(200, &format!(r#"{{"value": [1, {one}, {other}]}}"#));
    let delivered = Delivered::read(&record).unwrap();
    assert!(delivered.has_machine(&machine("AB", Some("x"), one)));
    assert!(delivered.has_machine(&machine("cd", None, other)));
    for (id, name, json) in [
        ("AB", Some("y"), one),
        ("AB", None, one),
        ("cd", Some("x"), other),
        ("cd", None, one),
        ("ef", None, other),
        ("", None, ""),
    ] {
        assert!(!delivered.has_machine(&machine(id, name, json)), "{id}");
    }
}

#[test]
fn what_else_a_list_holds_does_not_hide_its_ids() {
    let list = r#"{"value": [{"id": "A", "x": 1e999999}, [], {"id": "b", "y": "\ud800"}, {}]}"#;
    let record = answered(200, list);
    let delivered = Delivered::read(&record).unwrap();
    let mut ids: Vec<&str> = delivered.listed().unwrap().map(|(id, _)| id).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["a", "b"]);
    let one = answered(200, "{}");
    assert!(Delivered::read(&one).unwrap().listed().is_none());
}

#[test]
fn no_page_has_more_entries_than_the_service_s() {
    let page = |count: usize| {
        let entries = vec!["{}"; count].join(",");
        answered(200, &format!(r#"{{"value": [{entries}]}}"#))
    };
    assert!(Delivered::read(&page(MAX_ENTRIES)).is_some());
    assert!(Delivered::read(&page(MAX_ENTRIES + 1)).is_none());
}

#[test]
fn a_list_goes_on_where_the_service_says() {
    let link =
        r#"{"value": [], "@odata.nextLink": "https://x.test/api/machines?$skip=2&a='%20'#y"}"#;
    let record = answered(200, link);
    let delivered = Delivered::read(&record).unwrap();
    assert!(delivered.goes_on(Some("$skip=2&a=%27%20%27")));
    for query in [None, Some(""), Some("$skip=3&a=' '"), Some("$skip=2")] {
        assert!(!delivered.goes_on(query), "{query:?}");
    }
    let last = answered(200, r#"{"value": []}"#);
    let last = Delivered::read(&last).unwrap();
    assert!(last.goes_on(None));
    assert!(!last.goes_on(Some("$skip=2")));
}

#[test]
fn a_name_is_read_to_the_letter_before_it_is_read_in_other_cases() {
    let both = r#"{"ID": "wrong", "id": "right", "Type": "Offboard"}"#;
    let record = answered(200, both);
    let delivered = Delivered::read(&record).unwrap();
    let id = delivered.offboarding(&"0".repeat(40).parse().unwrap());
    assert_eq!(id.as_deref(), Some("right"));
    assert!(Delivered::read(&answered(200, r#"{"id": "a", "id": "b"}"#)).is_none());
}

#[test]
fn the_answer_to_an_order_names_its_action() {
    let machine: MachineId = "ab".repeat(20).parse().unwrap();
    let id = |answer: &str| Delivered::read(&answered(201, answer))?.offboarding(&machine);
    let of =
        |machine: &str| format!(r#"{{"id": "A1", "type": "Offboard", "machineId": {machine}}}"#);
    assert_eq!(id(&of("null")).as_deref(), Some("a1"));
    assert_eq!(
        id(&of(&format!("\"{}\"", "AB".repeat(20)))).as_deref(),
        Some("a1")
    );
    assert_eq!(id(&of("\"cd\"")), None);
    assert_eq!(id(r#"{"id": "A1", "type": "Isolate"}"#), None);
    assert_eq!(id(r#"{"value": [{"id": "A1", "type": "Offboard"}]}"#), None);
}

/// A malicious plugin could make another action look like the order's own.
#[test]
fn ownership_is_read_from_what_was_delivered() {
    let found = |json: &str| {
        let reported = MachineAction {
            external_id: Some("made-up".to_owned()),
            title: Some("made up".to_owned()),
            json: json.to_owned(),
            ..action()
        };
        let delivered = as_delivered(reported);
        assert_eq!(delivered.title, None);
        assert_eq!(delivered.requestor_comment.as_deref(), Some("Retired"));
        delivered.external_id
    };
    for member in ["externalId", "externalID", "ExternalId"] {
        let json = format!(r#"{{"id": "A1", "{member}": "x-1"}}"#);
        assert_eq!(found(&json).as_deref(), Some("x-1"));
    }
    for none in [
        ACTION,
        "",
        r#"{"externalId": null}"#,
        r#"{"externalId": " "}"#,
        r#"{"externalId": ["x-1"]}"#,
        r#"{"externalId": "x-1", "externalId": "x-2"}"#,
        r#"{"externalId": "x-1", "ExternalID": "x-2"}"#,
        &format!(r#"{{"externalId": "{}"}}"#, "x".repeat(300)),
    ] {
        assert_eq!(found(none), None, "{none}");
    }
}
