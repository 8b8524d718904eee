//! `offboard find`.

use offboard_simulator::TokenRequest;

use crate::support::World;

#[test]
fn every_machine_of_a_name_is_listed() {
    let world = World::new();
    let name = world.shared_name();
    let outcome = world.offboard(&["find", &name, "--output", "json"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let rows = outcome.rows();
    assert!(rows.len() > 1, "{outcome:?}");
    for row in rows {
        assert_eq!(row["name"], name.as_str());
        assert_eq!(row["machine"]["computerDnsName"], name.as_str());
    }
}

#[test]
fn trap_only_the_first_page_searched() {
    let world = World::with(|config| config.page_size = 1);
    let name = world.shared_name();
    let outcome = world.offboard(&["find", &name, "--output", "json"]);
    assert!(outcome.rows().len() > 1, "{outcome:?}");
    let requests = world.requests();
    assert!(
        requests
            .iter()
            .any(|request| request["path"].as_str().unwrap().contains("skip"))
    );
}

#[test]
fn an_unknown_name_is_reported_as_unknown() {
    let world = World::new();
    for format in ["json", "table"] {
        let outcome = world.offboard(&["find", "nobody", "--output", format]);
        assert_eq!(outcome.code, 1, "{outcome:?}");
        assert!(
            outcome.stderr.contains("no machine has the name nobody"),
            "{outcome:?}"
        );
        assert_eq!(outcome.stdout, if format == "json" { "[]\n" } else { "" });
    }
}

#[test]
fn an_empty_list_may_be_a_404() {
    let world = World::with(|config| config.empty_list = offboard_simulator::EmptyList::NotFound);
    let outcome = world.offboard(&["find", "nobody", "--output", "json"]);
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (1, "[]\n"),
        "{outcome:?}"
    );
}

#[test]
fn a_missing_permission_is_named() {
    let world = World::new();
    world.use_token(TokenRequest::default().roles(["Machine.Offboard"]));
    let outcome = world.offboard(&["find", "nobody", "--output", "json"]);
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (3, "[]\n"),
        "{outcome:?}"
    );
    assert!(outcome.stderr.contains("Machine.Read.All"), "{outcome:?}");
}

#[test]
fn quotes_and_ampersands_stay_inside_the_name() {
    let world = World::new();
    let outcome = world.offboard(&["find", "o'brien' or 1 eq 1 &$top=1#", "--output", "json"]);
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (1, "[]\n"),
        "{outcome:?}"
    );
    assert!(
        world
            .requests()
            .iter()
            .all(|request| request["status"] == 200)
    );
}

#[test]
fn a_machine_is_found_by_each_of_its_references() {
    let world = World::new();
    let all = world.online();
    let machine = all
        .iter()
        .map(|truth| &truth.machine)
        .find(|machine| machine.aad_device_id.is_some() && machine.last_ip_address.is_some())
        .unwrap();
    let label = machine.computer_dns_name.split('.').next().unwrap();
    for query in [
        machine.id.to_uppercase(),
        format!(
            "https://security.microsoft.com/machines/v2/{}/overview",
            machine.id
        ),
        machine.aad_device_id.unwrap().to_string(),
        machine.last_ip_address.clone().unwrap(),
        format!("{}*", label[..label.len() - 1].to_uppercase()),
        label.to_uppercase(),
    ] {
        let outcome = world.offboard(&["find", &query, "--output", "json"]);
        assert_eq!(outcome.code, 0, "{query}: {outcome:?}");
        let rows = outcome.rows();
        let is_found = rows.iter().any(|row| row["machineId"] == machine.id);
        assert!(is_found, "{query}: {outcome:?}");
    }
    for query in [
        "1".repeat(40),
        "00000000-aaaa-4bbb-8ccc-dddddddddddd".to_owned(),
        "192.0.2.250".to_owned(),
        "no-machine-begins-so*".to_owned(),
    ] {
        let outcome = world.offboard(&["find", &query, "--output", "json"]);
        assert_eq!(
            (outcome.code, outcome.stdout.as_str()),
            (1, "[]\n"),
            "{outcome:?}"
        );
    }
}

#[test]
fn the_names_nearest_to_an_unknown_one_are_suggested() {
    let world = World::new();
    let name = world.online()[0].machine.computer_dns_name.clone();
    let (label, rest) = name.split_once('.').unwrap();
    let mistyped = format!("{}{}x.{rest}", &label[1..2], &label[..1].to_owned());
    let mistyped = mistyped.replace('x', &label[2..]);
    let outcome = world.offboard(&["find", &mistyped]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let help = outcome.stderr.lines().last().unwrap();
    assert!(help.starts_with("help: Similar names: "), "{outcome:?}");
    assert!(help.contains(&name), "{outcome:?}");
}
