//! Runs of many machines: the fleet is read once if that is cheaper, and the plan shows a
//! summary.

use std::fs;

use offboard_simulator::Config;

use crate::support::{Outcome, World, write_secret};

fn world() -> World {
    World::with(|config: &mut Config| {
        config.machines = 200;
        config.quota = "none".parse().unwrap();
    })
}

/// Runs the command with this list of machines.
fn run_list(world: &World, list: &str, more: &[&str]) -> Outcome {
    fs::write(world.path("list"), list).unwrap();
    let list = world.path("list").display().to_string();
    let args = ["run", "--from", &list, "--comment", "x", "--output", "json"];
    world.offboard(&[&args[..], more].concat())
}

/// The number of machines that were read one by one.
fn single_reads(world: &World) -> usize {
    let requests = world.requests();
    let paths = requests
        .iter()
        .map(|request| request["path"].as_str().unwrap());
    paths
        .filter(|path| path.starts_with("/api/machines/") && !path.ends_with("/offboard"))
        .count()
}

#[test]
fn many_machines_are_looked_up_by_pages_of_the_fleet_to_its_end() {
    let world = World::with(|config| config.machines = 1100);
    let machines = world.online();
    let count = machines.len();
    let list: Vec<&str> = machines
        .iter()
        .enumerate()
        .map(|(at, truth)| match at % 2 {
            0 => truth.machine.id.as_str(),
            _ => truth.machine.computer_dns_name.as_str(),
        })
        .collect();
    let outcome = run_list(&world, &list.join("\n"), &["--dry-run"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let rows = outcome.rows();
    assert_eq!(rows.len(), count);
    for (row, truth) in rows.iter().zip(&machines) {
        assert_eq!(row["machineId"], truth.machine.id.as_str());
        assert_eq!(
            (&row["state"], &row["preflight"]),
            (&"planned".into(), &"ok".into())
        );
    }
    // OData's `$top` ends a list without a next link, so the end of the fleet is proved.
    let requests = world.requests();
    let paths = requests
        .iter()
        .map(|request| request["path"].as_str().unwrap());
    let reads: Vec<&str> = paths
        .filter(|path| path.starts_with("/api/machines"))
        .collect();
    assert_eq!(
        reads,
        [
            "/api/machines?$top=1000",
            "/api/machines?$top=1000&$skip=1000",
            "/api/machines?$top=1000&$skip=1100"
        ]
    );
    for words in [
        &format!("{count} machines:"),
        &format!("and {} more", count - 10),
        "Operating systems:",
        "Last seen: from",
        &format!("once for each of the {count}"),
    ] {
        assert!(outcome.stderr.contains(words), "{words}: {outcome:?}");
    }
}

#[test]
fn in_the_fleet_a_shared_name_is_refused_and_an_unknown_id_is_read_by_itself() {
    let world = world();
    let shared = world.shared_name();
    let mut list: Vec<String> = world.online_ids(25);
    list.push(shared.clone());
    list.push(crate::support::UNKNOWN_MACHINE.to_owned());
    let outcome = run_list(&world, &list.join("\n"), &["--dry-run"]);
    let rows = outcome.rows();
    assert_eq!(rows[25]["error"]["kind"], "ambiguous-name", "{}", rows[25]);
    let message = rows[25]["error"]["message"].as_str().unwrap();
    for machine in world
        .offboard(&["find", &shared, "--output", "json"])
        .rows()
    {
        assert!(
            message.contains(machine["machineId"].as_str().unwrap()),
            "{message}"
        );
    }
    assert_eq!(
        rows[26]["error"]["kind"], "machine-not-found",
        "{}",
        rows[26]
    );
    // One answer 404 may be wrong.
    assert_eq!(single_reads(&world), 2);
}

#[test]
fn two_names_of_one_machine_are_one_order_also_among_the_fleet() {
    let world = world();
    let machines = world.online();
    let mut list: Vec<&str> = machines
        .iter()
        .take(25)
        .map(|truth| truth.machine.id.as_str())
        .collect();
    list.push(&machines[3].machine.computer_dns_name);
    let outcome = run_list(&world, &list.join("\n"), &["--dry-run"]);
    assert_eq!(
        outcome.rows()[25]["error"]["kind"],
        "duplicate",
        "{outcome:?}"
    );
}

/// Each query for actions in progress counts against the quota.
#[test]
fn a_large_dry_run_does_not_query_what_is_under_way() {
    let world = World::with(|config: &mut Config| {
        config.machines = 1100;
        config.quota = "none".parse().unwrap();
    });
    let all = crate::support::get_json(world.root(), "/_simulator/machines");
    let all = all.as_array().unwrap().iter();
    let ids: Vec<&str> = all.map(|machine| machine["id"].as_str().unwrap()).collect();
    for (count, is_queried) in [(1000, true), (1001, false)] {
        let list = ids[..count].join("\n");
        let outcome = run_list(&world, &list, &["--dry-run"]);
        let words = "because the plan has more than 1000 machines";
        assert_eq!(
            outcome.stderr.contains(words),
            !is_queried,
            "{}",
            outcome.stderr
        );
        let requests = world.requests();
        let queries = requests.iter().filter(|request| {
            let path = request["path"].as_str().unwrap();
            path.starts_with("/api/machineactions?")
        });
        // The second dry run adds none.
        assert_eq!(queries.count(), 50);
    }
}

#[test]
fn a_policy_bounds_a_run_to_a_share_of_the_fleet() {
    let world = world();
    let file = world.path("offboard.toml");
    write_secret(&file, "[profiles.a.policy]\nlargest-share = 2\n");
    let config = file.display().to_string();
    let ids = world.online_ids(5);
    let few = run_list(
        &world,
        &ids[..4].join("\n"),
        &["--dry-run", "--config", &config],
    );
    assert_eq!(few.code, 0, "{few:?}");
    let many = run_list(&world, &ids.join("\n"), &["--yes", "--config", &config]);
    assert_eq!(many.code, 1, "{many:?}");
    for row in many.rows() {
        assert_eq!(row["error"]["kind"], "policy", "{row}");
        let message = row["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("5 of 200 machines are more than 2 %"),
            "{message}"
        );
    }
    assert!(world.posts().is_empty());
}

#[test]
fn a_report_is_one_page_about_the_run() {
    let world = world();
    let ids = world.online_ids(3);
    let report = world.path("report.html");
    let path = report.display().to_string();
    let outcome = run_list(&world, &ids.join("\n"), &["--yes", "--report", &path]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let page = fs::read_to_string(&report).unwrap();
    for id in &ids {
        assert!(page.contains(id), "{id}");
    }
    assert!(page.contains(&format!("/api/machines/{}/offboard, once", ids[0])));
    let exported = world.offboard(&["export", "last", "--output", "html"]);
    assert!(exported.stdout.contains("</html>") && exported.stdout.contains(&ids[2]));
    // Nothing is sent if the report cannot be written.
    let nowhere = world.path("no/such/folder.html").display().to_string();
    let refused = run_list(
        &world,
        &world.online_ids(4)[3],
        &["--yes", "--report", &nowhere],
    );
    assert_eq!((refused.code, world.posts().len()), (2, 3), "{refused:?}");
}
