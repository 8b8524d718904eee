//! A run that is killed repeatedly, also while connections drop and the service fails: no
//! order is lost, and none is sent twice. `OFFBOARD_TEST_KILLS=200` makes the test longer.

use std::{
    collections::HashMap,
    fs,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use offboard_simulator::{Config, FaultPlan, OnDuplicate};
use serde_json::Value;

use crate::support::{Outcome, World};

/// Pseudo-random numbers that depend only on the seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % limit
    }
}

/// Writes the ids of this many machines to a list file.
fn write_list(world: &World, count: usize) -> Vec<String> {
    let ids = world.online_ids(count);
    fs::write(world.path("list"), ids.join("\n")).unwrap();
    ids
}

/// The run of all of them. Its request id makes a repetition the same run.
fn run_args(world: &World) -> Vec<String> {
    let list = world.path("list").display().to_string();
    ["run", "--from", &list, "--request-id", "night"]
        .into_iter()
        .chain([
            "--comment",
            "Retired, CHG-7",
            "--expect",
            "300",
            "--max-devices",
            "1000",
        ])
        .map(ToOwned::to_owned)
        .collect()
}

const FAST: [&str; 10] = [
    "--yes", "--jobs", "2", "--quota", "none", "--grace", "300ms", "--output", "jsonl", "--quiet",
];

fn spawn(world: &World, args: &[&str]) -> Child {
    let mut command = world.command(args);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Resumes until no order is open.
fn finish(world: &World) -> Vec<Value> {
    let mut last = Outcome::from(world.command(&["--version"]).output().unwrap());
    for _ in 0..40 {
        let more = ["resume", "--resend-unknown", "--max-devices", "1000"];
        last = world.offboard(&[&more[..], &FAST].concat());
        let orders = world.recorded();
        let is_open = |order: &Value| {
            let state = order["state"].as_str().unwrap();
            ["planned", "sending", "unknown", "not-sent", "rejected"].contains(&state)
        };
        if !orders.is_empty() && !orders.iter().any(is_open) {
            return orders;
        }
    }
    let open = world.recorded();
    panic!("the run does not finish: {last:?} {open:?}");
}

/// Each machine was offboarded exactly once, and the ledger has its action.
fn assert_once_each(world: &World, ids: &[String], orders: &[Value], context: &str) {
    let mut carried_out: HashMap<String, Vec<String>> = HashMap::new();
    for offboarding in world.offboardings() {
        let text = |member: &str| offboarding[member].as_str().unwrap().to_owned();
        let actions = carried_out.entry(text("machineId")).or_default();
        actions.push(text("actionId"));
    }
    assert_eq!(orders.len(), ids.len(), "{context}");
    for (order, id) in orders.iter().zip(ids) {
        assert_eq!(order["machineId"], id.as_str(), "{context}");
        let actions = carried_out.remove(id).unwrap_or_default();
        assert_eq!(actions.len(), 1, "{id}: {actions:?}, {context}: {order}");
        assert_eq!(
            order["action"]["id"],
            actions[0].as_str(),
            "{context}: {order}"
        );
    }
    assert!(carried_out.is_empty(), "{context}: {carried_out:?}");
}

/// Kills the run this many times at random moments, and then lets it finish.
fn kill_and_finish(world: &World, kills: u64, seed: u64) {
    let ids = write_list(world, 300);
    let mut random = Random(seed);
    let run_args = run_args(world);
    let run_args: Vec<&str> = run_args.iter().map(String::as_str).chain(FAST).collect();
    let resume = ["resume", "--max-devices", "1000"];
    let resume = [&resume[..], &FAST].concat();
    for number in 0..kills {
        let args = if world.offboardings().is_empty() || random.below(4) == 0 {
            &run_args
        } else {
            &resume
        };
        let mut child = spawn(world, args);
        let begun = Instant::now();
        let sent = world.offboardings().len();
        let wait = Duration::from_millis(random.below(25));
        // Most kills hit while it sends: that is when a crash matters.
        let limit = match sent {
            // Before the first request there is no record: the run has to begin once.
            0 if number % 3 == 2 => Duration::from_secs(60),
            _ => Duration::from_millis(300 + random.below(1500)),
        };
        while world.offboardings().len() == sent && begun.elapsed() < limit {
            if child.try_wait().unwrap().is_some() {
                break;
            }
            thread::sleep(Duration::from_millis(2));
        }
        thread::sleep(wait);
        let _ = child.kill();
        child.wait().unwrap();
    }
    // Every kill hit an unfinished run.
    let sent = world.offboardings().len();
    assert!((1..ids.len()).contains(&sent), "{sent}");
    let orders = finish(world);
    assert_once_each(world, &ids, &orders, &format!("seed {seed}"));
}

/// The number of kills of a run.
fn kills() -> u64 {
    let kills = std::env::var("OFFBOARD_TEST_KILLS");
    kills.map_or(60, |kills| kills.parse().unwrap())
}

#[test]
fn killed_repeatedly_a_run_loses_no_order_and_sends_none_twice() {
    let world = World::with(|config: &mut Config| {
        config.machines = 1500;
        // A repeated request is carried out again once the first action has ended.
        config.action_time = Duration::from_millis(50);
        config.on_duplicate = OnDuplicate::Refuse;
        config.quota = "none".parse().unwrap();
    });
    kill_and_finish(&world, kills(), 1);
}

const FAULTS: [&str; 9] = [
    "offboard:8%:drop-before-commit",
    "offboard:8%:drop-after-commit",
    "offboard:8%:status=503",
    "offboard:8%:status-after-commit=502",
    "offboard:5%:garbage",
    "offboard:5%:reset-in-body",
    "machineactions:5%:status=503",
    "machineactions:5%:drop-before-commit",
    "machine:5%:drop-before-commit",
];

#[test]
fn killed_repeatedly_with_a_failing_service_it_loses_no_order_and_sends_none_twice() {
    for (seed, on_duplicate, action_time) in [
        (1, OnDuplicate::Refuse, Duration::from_secs(3600)),
        (2, OnDuplicate::Return, Duration::from_secs(3600)),
        (3, OnDuplicate::Return, Duration::from_millis(50)),
    ] {
        let world = World::with(|config: &mut Config| {
            config.machines = 1500;
            config.action_time = action_time;
            config.on_duplicate = on_duplicate;
            config.quota = "none".parse().unwrap();
            config.faults = FaultPlan::parse(FAULTS).unwrap();
            config.faults.seed = seed;
        });
        kill_and_finish(&world, kills() / 6, seed);
    }
}
