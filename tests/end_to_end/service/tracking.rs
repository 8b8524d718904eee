//! Accepted orders are tracked with few calls, and their notes report adopted actions.

use std::{fs, time::Duration};

use offboard_simulator::{Config, FaultPlan};

use crate::support::World;

/// The number of lists of actions that were requested from the service.
fn lists(world: &World) -> usize {
    let requests = world.requests();
    let is_list = |path: &str| path.starts_with("/api/machineactions?");
    let paths = requests
        .iter()
        .filter_map(|request| request["path"].as_str());
    paths.filter(|path| is_list(path)).count()
}

/// More orders than three lists of 20 machines show.
#[test]
fn many_orders_are_tracked_by_pages_of_all_actions() {
    let world = World::with(|config: &mut Config| {
        config.machines = 300;
        config.action_time = Duration::from_millis(1);
        config.quota = "none".parse().unwrap();
    });
    let ids = world.online_ids(65);
    fs::write(world.path("list"), ids.join("\n")).unwrap();
    let list = world.path("list").display().to_string();
    let fixed = ["--quota", "none", "--yes", "--output", "json"];
    let run = ["run", "--from", &list, "--comment", "x", "--expect", "65"];
    let run = world.offboard(&[&run[..], &fixed].concat());
    assert_eq!(run.code, 0, "{run:?}");
    let before = lists(&world);
    let resume = ["resume", "last", "--wait"];
    let resumed = world.offboard(&[&resume[..], &fixed].concat());
    assert_eq!(resumed.code, 0, "{resumed:?}");
    let rows = resumed.rows();
    let succeeded = rows.iter().filter(|row| row["state"] == "succeeded");
    assert_eq!(succeeded.count(), 65);
    assert_eq!(lists(&world) - before, 1);
}

/// The service answers with an action that it did not list before.
#[test]
fn an_action_with_another_comment_is_noted_as_adopted() {
    let world = World::with(|config: &mut Config| {
        config.faults = FaultPlan::parse(["offboard:1:visible-after=1h"]).unwrap();
    });
    let id = world.offline().machine.id;
    let first = world.run(&[&id]);
    assert_eq!(first.row()["note"], serde_json::Value::Null, "{first:?}");
    let other = world.path("other.db").display().to_string();
    let second = world.run(&[&id, "--ledger", &other, "--comment", "Another"]);
    let note = second.row()["note"].to_string();
    assert!(note.contains("adopted its action"), "{second:?}");
}
