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
