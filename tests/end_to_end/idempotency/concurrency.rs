//! Several processes at once: with one ledger, nothing is done twice; with two, every
//! conflict is adopted or reported.

use std::{collections::HashMap, fs, thread, time::Duration};

use offboard_simulator::{Config, FaultPlan, OnDuplicate};
use serde_json::Value;

use crate::support::{Outcome, World, until, until_running};

const FLEET_SIZE: usize = 40;

fn world(on_duplicate: OnDuplicate) -> World {
    World::with(|config: &mut Config| {
        config.machines = 300;
        config.quota = "none".parse().unwrap();
        config.action_time = Duration::from_secs(3600);
        config.on_duplicate = on_duplicate;
    })
}

/// The number of offboardings of each machine.
fn carried_out(world: &World) -> HashMap<String, usize> {
    let mut machines = HashMap::new();
    for offboarding in world.offboardings() {
        let machine = offboarding["machineId"].as_str().unwrap().to_owned();
        *machines.entry(machine).or_default() += 1;
    }
    machines
}

/// Two concurrent runs of one list, each with one of these ledgers.
fn at_once(world: &World, ledgers: [&str; 2]) -> [Outcome; 2] {
    let ids = world.online_ids(FLEET_SIZE);
    fs::write(world.path("list"), ids.join("\n")).unwrap();
    let list = world.path("list").display().to_string();
    let count = FLEET_SIZE.to_string();
    let args = [
        "run",
        "--from",
        &list,
        "--comment",
        "x",
        "--yes",
        "--expect",
        &count,
    ];
    let more = ["--quota", "none", "--output", "json", "--grace", "1s"];
    let running = ledgers.map(|ledger| {
        let mut command = world.command(&[&args[..], &more].concat());
        command
            .env("OFFBOARD_LEDGER", world.path(ledger))
            .spawn()
            .unwrap()
    });
    running.map(|child| Outcome::from(child.wait_with_output().unwrap()))
}

#[test]
fn on_one_ledger_each_machine_is_sent_by_one_process() {
    let world = world(OnDuplicate::Return);
    let outcomes = at_once(&world, ["ledger.db", "ledger.db"]);
    let posts = world.posts();
    assert_eq!(posts.len(), FLEET_SIZE, "{posts:?} {outcomes:?}");
    let carried_out = carried_out(&world);
    assert_eq!(carried_out.len(), FLEET_SIZE);
    assert!(carried_out.values().all(|count| *count == 1));
    let rows: Vec<Value> = outcomes.iter().flat_map(Outcome::rows).collect();
    let count = |state| rows.iter().filter(|row| row["state"] == state).count();
    assert_eq!(
        (count("accepted"), count("skipped")),
        (FLEET_SIZE, FLEET_SIZE),
        "{outcomes:?}"
    );
}

#[test]
fn on_two_ledgers_every_conflict_is_adopted() {
    for on_duplicate in [OnDuplicate::Return, OnDuplicate::Refuse] {
        let world = world(on_duplicate);
        let outcomes = at_once(&world, ["ledger.db", "other.db"]);
        assert!(world.posts().len() > FLEET_SIZE, "there was no conflict");
        let carried_out = carried_out(&world);
        assert!(carried_out.values().all(|count| *count == 1));
        for row in outcomes.iter().flat_map(Outcome::rows) {
            assert_eq!(row["state"], "accepted", "{row}");
        }
        let [one, other] = outcomes.map(|outcome| outcome.rows());
        for (one, other) in one.iter().zip(&other) {
            assert_eq!(one["action"]["id"], other["action"]["id"]);
        }
    }
}

#[test]
fn what_becomes_visible_after_the_grace_time_is_not_done_twice() {
    // Both at once: each waits until the action is visible.
    thread::scope(|scope| {
        scope.spawn(|| sends_once_what_is_visible_late(OnDuplicate::Return));
        scope.spawn(|| sends_once_what_is_visible_late(OnDuplicate::Refuse));
    });
}

fn sends_once_what_is_visible_late(on_duplicate: OnDuplicate) {
    let world = World::with(|config: &mut Config| {
        config.action_time = Duration::from_secs(3600);
        config.on_duplicate = on_duplicate;
        let faults = [
            "offboard:1:drop-after-commit",
            // Later than the next three commands, also on a busy machine.
            "offboard:1:visible-after=20s",
        ];
        config.faults = FaultPlan::parse(faults).unwrap();
    });
    let id = world.online()[0].machine.id.clone();
    let outcome = world.run(&[&id, "--grace", "1s"]);
    assert_eq!(outcome.row()["state"], "unknown", "{outcome:?}");
    // An empty list proves nothing: without the user's choice, nothing is sent.
    let resume = ["resume", "--yes", "--grace", "0s", "-o", "json"];
    let resumed = world.offboard(&resume);
    assert_eq!(resumed.row()["state"], "unknown", "{resumed:?}");
    assert_eq!(world.posts().len(), 1);
    // With that choice, the service returns what it has.
    let resent = world.offboard(&[&resume[..], &["--resend-unknown"]].concat());
    assert_eq!(world.posts().len(), 2, "{resent:?}");
    let mut reconciled = resent;
    until("the action is adopted", || {
        thread::sleep(Duration::from_secs(1));
        reconciled = world.offboard(&[&resume[..], &["last"]].concat());
        reconciled.row()["state"] == "accepted"
    });
    assert_eq!(world.posts().len(), 2, "{reconciled:?}");
    let carried_out = world.offboardings();
    assert_eq!(carried_out.len(), 1, "{carried_out:?}");
    assert_eq!(reconciled.row()["action"]["id"], carried_out[0]["actionId"]);
}

/// A playbook that repeats a step, or several of its workers at once. One of them sends.
/// The other processes wait until it has sent all orders, and return their states.
#[test]
fn one_request_id_in_four_processes_is_one_request_for_each_machine() {
    let world = World::with(|config: &mut Config| {
        config.action_time = Duration::from_secs(3600);
        config.faults = FaultPlan::parse(["offboard:always:delay=300ms"]).unwrap();
    });
    let ids = world.online_ids(3);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let args = ["run", "--comment", "x", "--yes", "--request-id", "K"];
    let args = [&args[..], &["-o", "json"], &ids].concat();
    let running = [(); 4].map(|()| world.command(&args).spawn().unwrap());
    let outcomes = running.map(|child| Outcome::from(child.wait_with_output().unwrap()));
    assert_eq!(world.posts().len(), ids.len(), "{outcomes:?}");
    for outcome in &outcomes {
        assert_eq!(outcome.code, 0, "{outcomes:?}");
        let rows = outcome.rows();
        assert_eq!(rows.len(), ids.len(), "{outcome:?}");
        for row in rows {
            assert_eq!(row["state"], "accepted", "{outcome:?}");
            assert_eq!(row["requestId"], "K", "{outcome:?}");
        }
    }
    assert_eq!(world.recorded_runs().len(), 1);
    let later = world.offboard(&args);
    assert_eq!(later.code, 0, "{later:?}");
    assert!(later.rows().iter().all(|row| row["state"] == "accepted"));
    assert_eq!(world.posts().len(), ids.len(), "{later:?}");
}

/// All processes share one quota.
#[test]
fn on_one_ledger_the_quota_is_shared() {
    let world = World::with(|config: &mut Config| {
        config.machines = 100;
        config.quota = "10/3s".parse().unwrap();
    });
    let ids = world.online_ids(20);
    let halves = [&ids[..10], &ids[10..]];
    let running = halves.map(|ids| {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let args = ["run", "--comment", "x", "--yes", "--quota", "10/3s"];
        world.command(&[&args[..], &ids].concat()).spawn().unwrap()
    });
    for child in running {
        let outcome = Outcome::from(child.wait_with_output().unwrap());
        assert_eq!(outcome.code, 0, "{outcome:?}");
    }
    let refused = world.requests();
    let refused = refused.iter().filter(|request| request["status"] == 429);
    assert_eq!(refused.count(), 0);
    assert_eq!(world.offboardings().len(), 20);
}

/// The first process could not look up a name. While it sends the other order, a second one
/// resumes the run and is still looking up the name when the first one ends.
#[test]
fn an_order_that_another_process_plans_again_was_not_interrupted() {
    let world = World::with(|config: &mut Config| {
        let faults = [
            "machines:1-4:status=503",
            "machines:5:delay=60s",
            "offboard:1:delay=8s",
        ];
        config.faults = FaultPlan::parse(faults).unwrap();
    });
    let id = world.online_ids(1).remove(0);
    let name = world.online()[1].machine.computer_dns_name.clone();
    let run = ["run", &id, &name, "--comment", "x", "--yes", "-o", "json"];
    let mut first = world.command(&run).spawn().unwrap();
    until_running(&mut first, "a request", || world.posts().len() == 1);
    let mut second = world.command(&["resume", "last", "--yes"]).spawn().unwrap();
    let lookups = || {
        let requests = world.requests();
        let paths = requests
            .iter()
            .filter_map(|request| request["path"].as_str());
        paths
            .filter(|path| path.starts_with("/api/machines?"))
            .count()
    };
    until_running(&mut first, "the fifth lookup", || lookups() == 5);
    let first = Outcome::from(first.wait_with_output().unwrap());
    second.kill().unwrap();
    second.wait().unwrap();
    let rows = first.rows();
    assert_eq!(rows[0]["state"], "accepted", "{first:?}");
    assert_eq!(rows[1]["state"], "not-sent", "{first:?}");
    let message = rows[1]["error"]["message"].as_str().unwrap();
    assert!(message.contains("another process"), "{first:?}");
}
