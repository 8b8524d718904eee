//! Reading machines.

use std::collections::HashSet;

use offboard_simulator::Config;
use serde_json::Value;

use crate::client::{call, filter, find, get, ready, start, start_slow};

#[tokio::test]
async fn the_list_holds_the_whole_fleet() {
    let simulator = start_slow().await;
    for path in ["/api/machines", "/api/v1.0/machines"] {
        let answer = get(&simulator, path).await;
        let members: Vec<_> = answer.json.as_object().unwrap().keys().collect();
        assert_eq!(members, ["@odata.context", "value"]);
        assert_eq!(
            answer.json["@odata.context"],
            format!("{}/api/$metadata#Machines", simulator.api_root())
        );
        let ids: Vec<_> = simulator
            .machines()
            .into_iter()
            .map(|machine| machine.machine.id)
            .collect();
        assert_eq!(answer.all("id"), ids);
    }
}

#[tokio::test]
async fn a_machine_has_all_members_and_none_of_the_truth() {
    let simulator = start_slow().await;
    let machine = ready(&simulator);
    let answer = get(&simulator, &format!("/api/machines/{}", machine.id)).await;
    assert_eq!(answer.status, 200);
    let mut members: Vec<_> = answer
        .json
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(members.remove(0), "@odata.context");
    assert_eq!(
        members,
        [
            "id",
            "mergedIntoMachineId",
            "isPotentialDuplication",
            "isExcluded",
            "exclusionReason",
            "computerDnsName",
            "firstSeen",
            "lastSeen",
            "osPlatform",
            "osVersion",
            "osProcessor",
            "version",
            "lastIpAddress",
            "lastExternalIpAddress",
            "agentVersion",
            "osBuild",
            "healthStatus",
            "deviceValue",
            "rbacGroupId",
            "rbacGroupName",
            "riskScore",
            "exposureLevel",
            "isAadJoined",
            "aadDeviceId",
            "machineTags",
            "defenderAvStatus",
            "onboardingStatus",
            "osArchitecture",
            "managedBy",
            "managedByStatus",
            "ipAddresses",
            "vmMetadata",
            "parentDevice",
        ]
    );
    let context = format!("{}/api/$metadata#Machines/$entity", simulator.api_root());
    assert_eq!(answer.json["@odata.context"], context);
    let list = filter(&simulator, "machines", &format!("id eq '{}'", machine.id)).await;
    for (member, value) in list.value()[0].as_object().unwrap() {
        assert_eq!(answer.json[member], *value, "{member}");
    }
}

#[tokio::test]
async fn a_machine_is_found_by_name() {
    let simulator = start_slow().await;
    let replaced = find(&simulator, |machine| {
        let twin = |other: &&offboard_simulator::MachineTruth| {
            other.computer_dns_name == machine.computer_dns_name
        };
        machine.health_status == "Inactive" && simulator.machines().iter().filter(twin).count() == 3
    });
    let name = &replaced.computer_dns_name;
    let answer = get(&simulator, &format!("/api/machines/{name}")).await;
    assert_eq!(
        (answer.status, answer.json["healthStatus"].as_str()),
        (200, Some("Active"))
    );
    let all = filter(
        &simulator,
        "machines",
        &format!("computerDnsName eq '{name}'"),
    )
    .await;
    assert_eq!(all.value().len(), 3);
    let upper = filter(
        &simulator,
        "machines",
        &format!("computerDnsName eq '{}'", name.to_uppercase()),
    )
    .await;
    assert!(upper.value().is_empty());

    let phone = find(&simulator, |machine| machine.os_platform == "iOS");
    let quoted = phone.computer_dns_name.replace('\'', "''");
    assert_ne!(quoted, phone.computer_dns_name);
    let found = filter(
        &simulator,
        "machines",
        &format!("computerDnsName eq '{quoted}'"),
    )
    .await;
    assert_eq!(found.all("id"), [&phone.id]);
}

#[tokio::test]
async fn filters_choose() {
    let simulator = start_slow().await;
    let machines = simulator.machines();
    let expected = |what: fn(&&offboard_simulator::MachineTruth) -> bool| -> Vec<&str> {
        machines
            .iter()
            .filter(what)
            .map(|machine| machine.id.as_str())
            .collect()
    };
    for (written, expected) in [
        (
            "healthStatus eq 'Active'",
            expected(|machine| machine.health_status == "Active"),
        ),
        (
            "healthStatus ne 'Active'",
            expected(|machine| machine.health_status != "Active"),
        ),
        (
            "not (healthStatus eq 'Active')",
            expected(|machine| machine.health_status != "Active"),
        ),
        (
            "osPlatform in ('macOS','iOS')",
            expected(|machine| ["macOS", "iOS"].contains(&&*machine.os_platform)),
        ),
        (
            "startswith(computerDnsName,'ams')",
            expected(|machine| machine.computer_dns_name.starts_with("ams")),
        ),
        (
            "endswith(computerDnsName,'dc.contoso.test')",
            expected(|machine| machine.computer_dns_name.ends_with("dc.contoso.test")),
        ),
        (
            "machineTags/any(tag: tag eq 'retire')",
            expected(|machine| machine.machine_tags.iter().any(|tag| tag == "retire")),
        ),
        (
            "rbacGroupId eq 7",
            expected(|machine| machine.rbac_group_id == 7),
        ),
        (
            "aadDeviceId eq null",
            expected(|machine| machine.aad_device_id.is_none()),
        ),
        ("lastSeen gt 2018-08-01Z", expected(|_| true)),
        ("lastSeen lt 2018-08-01T00:00:00.1234567Z", vec![]),
        (
            "onboardingStatus eq 'Onboarded' and (osPlatform eq 'macOS' or rbacGroupId eq 7)",
            expected(|machine| {
                machine.onboarding_status == "Onboarded"
                    && (machine.os_platform == "macOS" || machine.rbac_group_id == 7)
            }),
        ),
    ] {
        let answer = filter(&simulator, "machines", written).await;
        assert_eq!(answer.all("id"), expected, "{written}");
        assert!(
            expected.len() < 30 || written.starts_with("lastSeen gt"),
            "{written} chooses nothing"
        );
    }
}

#[tokio::test]
async fn pages_lead_through_the_whole_list() {
    let simulator = start(Config {
        page_size: 7,
        ..Config::default()
    })
    .await;
    let mut path =
        "/api/v1.0/machines?$filter=healthStatus%20ne%20%27x%27&$count=true&$orderby=id".to_owned();
    let (mut ids, mut pages) = (Vec::new(), 0);
    loop {
        let answer = get(&simulator, &path).await;
        pages += 1;
        assert_eq!(answer.json["@odata.count"], 30);
        ids.extend(answer.all("id").into_iter().map(String::from));
        let Some(next) = answer.json.get("@odata.nextLink").and_then(Value::as_str) else {
            break;
        };
        path = next.strip_prefix(simulator.api_root()).unwrap().to_owned();
        let rest = format!(
            "/api/v1.0/machines?$filter=healthStatus%20ne%20%27x%27&$count=true&$orderby=id&$skip={}",
            pages * 7
        );
        assert_eq!(path, rest);
    }
    assert_eq!((pages, ids.len()), (5, 30));
    assert!(ids.is_sorted());
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 30);
}

#[tokio::test]
async fn the_next_link_leads_back_the_way_the_client_came() {
    let simulator = start(Config {
        page_size: 7,
        ..Config::default()
    })
    .await;
    let call = call(&simulator, "GET", "/api/machines")
        .token(simulator.token())
        .header("host", "forwarded.test:8443");
    let answer = call.send().await;
    assert_eq!(
        answer.json["@odata.nextLink"],
        "http://forwarded.test:8443/api/machines?$skip=7"
    );
}

#[tokio::test]
async fn top_and_skip_cut() {
    let simulator = start(Config {
        page_size: 7,
        ..Config::default()
    })
    .await;
    let all: Vec<_> = simulator
        .machines()
        .into_iter()
        .map(|machine| machine.machine.id)
        .collect();
    for (query, expected, next) in [
        ("$top=3", &all[..3], None),
        ("$top=3&$skip=4", &all[4..7], None),
        ("$skip=28", &all[28..], None),
        ("$skip=30", &all[..0], None),
        ("$top=10", &all[..7], Some("$top=3&$skip=7")),
        ("$top=0", &all[..0], None),
    ] {
        let answer = get(&simulator, &format!("/api/machines?{query}")).await;
        assert_eq!(answer.all("id"), expected, "{query}");
        let link = next.map(|next| format!("{}/api/machines?{next}", simulator.api_root()));
        assert_eq!(
            answer.json.get("@odata.nextLink").and_then(Value::as_str),
            link.as_deref(),
            "{query}"
        );
    }
}

#[tokio::test]
async fn select_shows_only_what_was_asked_for() {
    let simulator = start_slow().await;
    let answer = get(&simulator, "/api/machines?$select=healthStatus,id&$top=2").await;
    for item in answer.value() {
        assert_eq!(
            item.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["id", "healthStatus"]
        );
    }
    let context = answer.json["@odata.context"].as_str().unwrap();
    assert!(context.ends_with("#Machines(healthStatus,id)"), "{context}");
}
