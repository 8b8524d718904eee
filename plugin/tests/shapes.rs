//! Every known form of an action and a machine, from the documentation of 2017 to captured
//! answers of 2024.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use offboard_plugin::{
    action,
    answer::{self, Answer, Failure},
    machine,
    types::{ActionStatus, ActionType, FileInfo, IpAddress, Machine, MachineAction},
};
use serde_json::{Value, json};

const MACHINE: &str = "0123456789abcdef0123456789abcdef01234567";
const ACTION: &str = "11111111-2222-3333-4444-555555555555";

/// A captured answer to an offboarding: its members, their order and nulls.
const CAPTURED: &str = r#"{
  "@odata.context": "https://api.security.microsoft.com/api/$metadata#MachineActions/$entity",
  "id": "11111111-2222-3333-4444-555555555555",
  "type": "Offboard",
  "title": null,
  "requestor": "my-offboarder-app",
  "requestorComment": "Decommissioned, ticket 1234",
  "status": "Pending",
  "machineId": "0123456789abcdef0123456789abcdef01234567",
  "computerDnsName": "host1.example.test",
  "creationDateTimeUtc": "2030-01-02T03:04:05.1234567Z",
  "lastUpdateDateTimeUtc": "2030-01-02T03:04:05.123457Z",
  "cancellationRequestor": null,
  "cancellationComment": null,
  "cancellationDateTimeUtc": null,
  "errorHResult": 0,
  "scope": null,
  "externalId": null,
  "requestSource": "PublicApi",
  "relatedFileInfo": null,
  "commands": [],
  "troubleshootInfo": null
}"#;

/// The contents of [`CAPTURED`].
fn captured() -> MachineAction {
    let text = |text: &str| Some(text.to_owned());
    MachineAction {
        id: ACTION.to_owned(),
        action_type: ActionType::Offboard,
        status: ActionStatus::Pending,
        title: None,
        requestor: text("my-offboarder-app"),
        requestor_comment: text("Decommissioned, ticket 1234"),
        machine_id: text(MACHINE),
        computer_dns_name: text("host1.example.test"),
        creation_date_time_utc: text("2030-01-02T03:04:05.1234567Z"),
        last_update_date_time_utc: text("2030-01-02T03:04:05.123457Z"),
        cancellation_requestor: None,
        cancellation_comment: None,
        cancellation_date_time_utc: None,
        error_hresult: Some(0),
        error: None,
        scope: None,
        external_id: None,
        request_source: text("PublicApi"),
        related_file_info: None,
        commands: Vec::new(),
        troubleshoot_info: None,
        json: CAPTURED.to_owned(),
    }
}

fn ok(body: impl Into<String>) -> Result<Answer, Failure> {
    Ok(Answer {
        status: 200,
        retry_after: None,
        body: body.into().into_bytes(),
    })
}

/// The smallest action with these members.
fn action_with(members: Value) -> MachineAction {
    let mut action = json!({"id": ACTION, "type": "Offboard", "status": "Pending"});
    let members = members.as_object().unwrap().clone();
    action.as_object_mut().unwrap().extend(members);
    action::parse(&action.to_string()).unwrap()
}

/// The smallest machine with these members.
fn machine_with(members: Value) -> Machine {
    let mut machine = json!({"id": MACHINE});
    let members = members.as_object().unwrap().clone();
    machine.as_object_mut().unwrap().extend(members);
    machine::parse(&machine.to_string()).unwrap()
}

#[test]
fn the_captured_answer_is_read_in_full() {
    assert_eq!(answer::offboard(MACHINE, ok(CAPTURED)), Ok(captured()));
}

#[test]
fn the_captured_answer_without_a_machine_is_read() {
    // As captured in 2022: both null.
    let body = CAPTURED
        .replace(&format!("\"{MACHINE}\""), "null")
        .replace("\"host1.example.test\"", "null");
    let expected = MachineAction {
        machine_id: None,
        computer_dns_name: None,
        json: body.clone(),
        ..captured()
    };
    assert_eq!(answer::offboard(MACHINE, ok(body)), Ok(expected));
}

#[test]
fn the_answer_of_2017_to_2019_is_read() {
    let body = json!({
        "id": ACTION,
        "type": "OffboardMachine",
        "requestor": "user@example.test",
        "requestorComment": "Offboard machine by automation",
        "status": "InProgress",
        "error": "None",
        "machineId": MACHINE,
        "creationDateTimeUtc": "2017-12-04T12:09:24.1785079Z",
        "lastUpdateTimeUtc": "2017-12-04T12:09:24.1785079Z",
    });
    let action = answer::offboard(MACHINE, ok(body.to_string())).unwrap();
    assert_eq!(action.action_type, ActionType::Offboard);
    assert_eq!(action.status, ActionStatus::InProgress);
    assert_eq!(action.error.as_deref(), Some("None"));
    assert_eq!(action.error_hresult, None);
    assert_eq!(
        action.last_update_date_time_utc.as_deref(),
        Some("2017-12-04T12:09:24.1785079Z")
    );
}

#[test]
fn the_list_that_the_documents_show_is_read() {
    // Two entries in the older spelling, one of them with a file.
    let body = json!({
        "@odata.context": "https://api.security.microsoft.com/api/$metadata#MachineActions",
        "value": [
            {
                "id": ACTION, "type": "CollectInvestigationPackage", "status": "InProgress",
                "scope": null, "machineId": MACHINE,
                "lastUpdateTimeUtc": "2018-12-04T12:09:24Z", "relatedFileInfo": null,
            },
            {
                "id": "22222222-2222-3333-4444-555555555555", "type": "StopAndQuarantineFile",
                "status": "Succeeded", "machineId": MACHINE,
                "relatedFileInfo": {"fileIdentifier": "a1b2", "fileIdentifierType": "Sha1"},
            },
        ],
        "@odata.nextLink": "https://api.security.microsoft.com/api/machineactions?$top=2&$skip=2",
    });
    let page = answer::list_actions(ok(body.to_string())).unwrap();
    assert_eq!(page.next.as_deref(), Some("$top=2&$skip=2"));
    let [first, second] = page.actions.try_into().unwrap();
    assert_eq!(first.action_type, ActionType::CollectInvestigationPackage);
    assert_eq!(
        first.last_update_date_time_utc.as_deref(),
        Some("2018-12-04T12:09:24Z")
    );
    assert_eq!(first.related_file_info, None);
    assert_eq!(
        second.related_file_info,
        Some(FileInfo {
            identifier: Some("a1b2".to_owned()),
            identifier_type: Some("Sha1".to_owned()),
        })
    );
}

#[test]
fn an_empty_list_is_an_empty_page() {
    let body = r#"{"value":[]}"#;
    let actions = answer::list_actions(ok(body)).unwrap();
    let machines = answer::list_machines(ok(body)).unwrap();
    assert_eq!((actions.actions.len(), actions.next), (0, None));
    assert_eq!((machines.machines.len(), machines.next), (0, None));
}

#[test]
fn each_type_of_action_is_known_and_an_unknown_one_is_kept() {
    #[rustfmt::skip]
    let rows = [
        ("RunAntiVirusScan", ActionType::RunAntiVirusScan),
        ("Offboard", ActionType::Offboard),
        ("OffboardMachine", ActionType::Offboard),
        ("LiveResponse", ActionType::LiveResponse),
        ("Live Response", ActionType::LiveResponse),
        ("CollectInvestigationPackage", ActionType::CollectInvestigationPackage),
        ("Isolate", ActionType::Isolate),
        ("Unisolate", ActionType::Unisolate),
        ("StopAndQuarantineFile", ActionType::StopAndQuarantineFile),
        ("RestrictCodeExecution", ActionType::RestrictCodeExecution),
        ("UnrestrictCodeExecution", ActionType::UnrestrictCodeExecution),
        ("offboard", ActionType::Offboard),
        ("LIVERESPONSE", ActionType::LiveResponse),
        ("Reboot", ActionType::Other("Reboot".to_owned())),
    ];
    for (name, kind) in rows {
        assert_eq!(
            action_with(json!({"type": name})).action_type,
            kind,
            "{name}"
        );
    }
}

#[test]
fn trap_time_out_and_cancelled_lumped_under_failed() {
    let rows = [
        ("Pending", ActionStatus::Pending),
        ("InProgress", ActionStatus::InProgress),
        ("Succeeded", ActionStatus::Succeeded),
        ("Failed", ActionStatus::Failed),
        ("TimeOut", ActionStatus::TimeOut),
        ("Cancelled", ActionStatus::Cancelled),
        ("Canceled", ActionStatus::Cancelled),
        ("timeout", ActionStatus::TimeOut),
        ("Paused", ActionStatus::Other("Paused".to_owned())),
    ];
    for (name, status) in rows {
        assert_eq!(
            action_with(json!({"status": name})).status,
            status,
            "{name}"
        );
    }
}

#[test]
fn names_of_members_are_known_in_the_documents_spelling_too() {
    let action = action::parse(&format!(
        r#"{{"ID":"{ACTION}","Type":"Offboard","status":"Pending","externalID":"x-1"}}"#
    ))
    .unwrap();
    assert_eq!(action.id, ACTION);
    assert_eq!(action.external_id.as_deref(), Some("x-1"));
    let machine = machine_with(json!({"onboardingstatus": "Onboarded"}));
    assert_eq!(machine.onboarding_status.as_deref(), Some("Onboarded"));
}

#[test]
fn the_newer_name_of_the_last_update_wins_where_it_has_a_value() {
    let (old, new) = ("2018-01-01T00:00:00Z", "2030-01-01T00:00:00Z");
    for (written, read) in [(json!(new), new), (json!(null), old)] {
        let action = action_with(json!({
            "lastUpdateTimeUtc": old, "lastUpdateDateTimeUtc": written,
        }));
        assert_eq!(action.last_update_date_time_utc.as_deref(), Some(read));
    }
}

#[test]
fn times_stay_as_they_are_written() {
    for digits in 0..=7 {
        let fraction = format!(".{}", "1234567".get(..digits).unwrap());
        let fraction = if digits == 0 { "" } else { &fraction };
        let time = format!("2030-01-02T03:04:05{fraction}Z");
        let action = action_with(json!({
            "creationDateTimeUtc": time, "cancellationDateTimeUtc": time,
        }));
        let machine = machine_with(json!({"firstSeen": time, "lastSeen": time}));
        assert_eq!(action.creation_date_time_utc.as_deref(), Some(&*time));
        assert_eq!(action.cancellation_date_time_utc.as_deref(), Some(&*time));
        assert_eq!(machine.first_seen.as_deref(), Some(&*time));
        assert_eq!(machine.last_seen.as_deref(), Some(&*time));
    }
}

#[test]
fn a_failed_action_keeps_its_code_whichever_sign_it_is_written_with() {
    for code in [
        json!(-2_147_024_809),
        json!(2_147_942_487_u32),
        json!("-2147024809"),
    ] {
        let written = code.as_str().map_or(code.to_string(), str::to_owned);
        let action = action_with(json!({"status": "Failed", "errorHResult": code}));
        assert_eq!(action.error_hresult.unwrap().to_string(), written);
    }
}

#[test]
fn commands_and_troubleshooting_data_are_kept_as_the_services_json() {
    let text = format!(
        r#"{{"id":"{ACTION}","type":"LiveResponse","status":"Pending",
        "commands":[ {{"index": 0,  "command":{{"type":"RunScript"}}}}, null, "x" ],
        "troubleshootInfo": {{ "b": 1.0, "a": [ ] }} }}"#
    );
    let action = action::parse(&text).unwrap();
    assert_eq!(
        action.commands,
        [
            r#"{"index": 0,  "command":{"type":"RunScript"}}"#,
            "null",
            r#""x""#
        ]
    );
    assert_eq!(
        action.troubleshoot_info.as_deref(),
        Some(r#"{ "b": 1.0, "a": [ ] }"#)
    );
}

#[test]
fn what_is_not_known_is_ignored_and_yet_kept_in_the_json() {
    let action = action_with(json!({"approvedBy": {"id": [1, {}]}, "x": null}));
    assert!(action.json.contains(r#""approvedBy":{"id":[1,{}]}"#));
    let machine = machine_with(json!({"vmMetadata": {"vmId": "v"}, "exclusionReason": null}));
    assert!(machine.json.contains(r#""vmMetadata":{"vmId":"v"}"#));
}

#[test]
fn a_member_of_another_type_counts_as_missing() {
    let action = action_with(json!({
        "title": {}, "requestor": [], "errorHResult": 1.5, "commands": "x", "relatedFileInfo": 7,
    }));
    assert_eq!(action.title, None);
    assert_eq!(action.requestor, None);
    assert_eq!(action.error_hresult, None);
    assert_eq!(action.commands, Vec::<String>::new());
    assert_eq!(action.related_file_info, None);
}

#[test]
fn an_invalid_action_or_machine_is_refused() {
    #[rustfmt::skip]
    let actions = [
        r#"{"type":"Offboard","status":"Pending"}"#, r#"{"id":"1","status":"Pending"}"#,
        r#"{"id":"1","type":"Offboard"}"#, r#"{"id":"","type":"Offboard","status":"Pending"}"#,
        r#"{"id":null,"type":"Offboard","status":"Pending"}"#,
        r#"{"id":"1","type":{},"status":"Pending"}"#,
        r#"[{"id":"1","type":"Offboard","status":"Pending"}]"#,
    ];
    for text in actions {
        assert!(action::parse(text).is_err(), "{text}");
    }
    for text in [
        "",
        "{}",
        "[]",
        "null",
        r#"{"id":null}"#,
        r#"{"id":""}"#,
        r#"{"id":{}}"#,
    ] {
        assert!(machine::parse(text).is_err(), "{text}");
    }
}

#[test]
fn the_json_is_the_entity_byte_for_byte() {
    // Parsing and serialising this again would change every part of it.
    let first =
        "{ \"id\":\"\\u0031\",\n\t\"type\" :\"Offboard\",\"status\":\"Pending\", \"n\":1.50e+02 }";
    let second = r#"{"z":"\/é\u00e9","status":"Pending","type":"Offboard","id":"2"}"#;
    assert_eq!(
        action::parse(&format!("\r\n {first} \n")).unwrap().json,
        first
    );
    assert_eq!(machine::parse(second).unwrap().json, second);
    let page = format!("{{\"value\" : [ {first} ,\n{second}] , \"x\":1}}");
    let actions = answer::list_actions(ok(page.clone())).unwrap().actions;
    let machines = answer::list_machines(ok(page)).unwrap().machines;
    let of_actions: Vec<_> = actions.into_iter().map(|action| action.json).collect();
    let of_machines: Vec<_> = machines.into_iter().map(|machine| machine.json).collect();
    assert_eq!(of_actions, [first, second]);
    assert_eq!(of_machines, [first, second]);
}

#[test]
fn a_machine_is_read_in_full() {
    let body = json!({
        "@odata.context": "https://api.security.microsoft.com/api/$metadata#Machines/$entity",
        "id": MACHINE, "mergedIntoMachineId": "f".repeat(40), "isPotentialDuplication": true,
        "isExcluded": false, "exclusionReason": null, "computerDnsName": "host1.example.test",
        "firstSeen": "2029-01-02T03:04:05.1Z", "lastSeen": "2030-01-02T03:04:05.123456Z",
        "osPlatform": "Windows11", "osVersion": null, "osProcessor": "x64", "version": "23H2",
        "lastIpAddress": "192.0.2.7", "lastExternalIpAddress": "198.51.100.7",
        "agentVersion": "10.8735.26100.1", "osBuild": 22631, "healthStatus": "Active",
        "deviceValue": "Normal", "rbacGroupId": 140, "rbacGroupName": "Laptops",
        "riskScore": "None", "exposureLevel": "Low", "isAadJoined": true,
        "aadDeviceId": "99999999-2222-3333-4444-555555555555",
        "machineTags": ["retired", "ticket 1234"], "onboardingStatus": "Onboarded",
        "osArchitecture": "64-bit", "managedBy": "Intune", "managedByStatus": "Success",
        "ipAddresses": [
            {"ipAddress": "192.0.2.7", "macAddress": "00155D000001", "type": "Ethernet", "operationalStatus": "Up"},
            {"ipAddress": "2001:db8::7", "macAddress": null, "operationalStatus": "Down"},
        ],
        "vmMetadata": null, "defenderAvStatus": "Updated", "parentDevice": null,
    })
    .to_string();
    let text = |text: &str| Some(text.to_owned());
    let expected = Machine {
        id: MACHINE.to_owned(),
        computer_dns_name: text("host1.example.test"),
        first_seen: text("2029-01-02T03:04:05.1Z"),
        last_seen: text("2030-01-02T03:04:05.123456Z"),
        os_platform: text("Windows11"),
        version: text("23H2"),
        os_build: Some(22631),
        os_architecture: text("64-bit"),
        onboarding_status: text("Onboarded"),
        health_status: text("Active"),
        last_ip_address: text("192.0.2.7"),
        last_external_ip_address: text("198.51.100.7"),
        ip_addresses: vec![
            IpAddress {
                address: text("192.0.2.7"),
                mac_address: text("00155D000001"),
                operational_status: text("Up"),
            },
            IpAddress {
                address: text("2001:db8::7"),
                mac_address: None,
                operational_status: text("Down"),
            },
        ],
        rbac_group_id: text("140"),
        rbac_group_name: text("Laptops"),
        risk_score: text("None"),
        exposure_level: text("Low"),
        device_value: text("Normal"),
        aad_device_id: text("99999999-2222-3333-4444-555555555555"),
        machine_tags: vec!["retired".to_owned(), "ticket 1234".to_owned()],
        agent_version: text("10.8735.26100.1"),
        merged_into_machine_id: text(&"f".repeat(40)),
        is_potential_duplication: Some(true),
        is_excluded: Some(false),
        json: body.clone(),
    };
    assert_eq!(answer::get_machine(MACHINE, ok(body)), Ok(expected));
}

#[test]
fn a_machine_may_lack_everything_but_its_id() {
    #[rustfmt::skip]
    let names = [
        "computerDnsName", "firstSeen", "lastSeen", "osPlatform", "version", "osBuild", "osArchitecture",
        "osProcessor", "onboardingStatus", "healthStatus", "lastIpAddress", "lastExternalIpAddress",
        "ipAddresses", "rbacGroupId", "rbacGroupName", "riskScore", "exposureLevel", "deviceValue",
        "aadDeviceId", "machineTags", "agentVersion", "mergedIntoMachineId", "isPotentialDuplication",
        "isExcluded",
    ];
    let missing = machine_with(json!({}));
    let nulls: serde_json::Map<_, _> = names
        .into_iter()
        .map(|name| (name.to_owned(), Value::Null))
        .collect();
    let null = machine_with(Value::Object(nulls));
    assert_eq!(
        Machine {
            json: missing.json.clone(),
            ..null
        },
        missing
    );
    assert_eq!(missing.ip_addresses, Vec::<IpAddress>::new());
    assert_eq!(missing.machine_tags, Vec::<String>::new());
    assert_eq!(missing.rbac_group_id, None);
}

#[test]
fn a_machines_group_and_build_may_be_numbers_or_texts() {
    let rows = [(json!(0), "0"), (json!(140), "140"), (json!("a1"), "a1")];
    for (group, expected) in rows {
        let machine = machine_with(json!({"rbacGroupId": group}));
        assert_eq!(machine.rbac_group_id.as_deref(), Some(expected));
    }
    for build in [json!(19045), json!("19045")] {
        assert_eq!(
            machine_with(json!({"osBuild": build})).os_build,
            Some(19045)
        );
    }
}

#[test]
fn a_missing_architecture_is_read_from_the_processor() {
    let machine = machine_with(json!({"osArchitecture": null, "osProcessor": "x64"}));
    assert_eq!(machine.os_architecture.as_deref(), Some("x64"));
}

#[test]
fn trap_the_entra_device_id_taken_for_the_machine_id() {
    let entra = "99999999-2222-3333-4444-555555555555";
    let machine = machine_with(json!({"aadDeviceId": entra}));
    assert_eq!(machine.id, MACHINE);
    assert!(machine::parse(&json!({"aadDeviceId": entra}).to_string()).is_err());
}
