//! The command stays within the service's quotas, so that the service does not throttle it.

use offboard_simulator::Config;

use crate::support::{Outcome, Running, World};

/// Offboards this many machines of a service with this quota.
fn run(quota: &str, more: &[&str], count: usize) -> (Outcome, World) {
    let world = World::with(|config: &mut Config| config.quota = quota.parse().unwrap());
    let ids = world.online_ids(count);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let args = [&["run", "--comment", "x", "--yes"], &ids[..], more].concat();
    let outcome = world.offboard(&args);
    (outcome, world)
}

fn refused(world: &World) -> usize {
    let requests = world.requests();
    requests
        .iter()
        .filter(|request| request["status"] == 429)
        .count()
}

#[test]
fn a_run_that_keeps_to_the_quota_is_never_refused_for_it() {
    let (done, world) = run("3/3s", &["--quota", "3/3s"], 8);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!((refused(&world), world.offboardings().len()), (0, 8));
    assert!(done.stderr.contains("The quota is used up"), "{done:?}");
    // Without a quota setting, the service throttles.
    let (_, world) = run("3/3s", &["--quota", "none"], 5);
    assert!(refused(&world) > 0);
}

#[test]
fn a_run_that_waits_for_the_quota_can_be_stopped() {
    use std::io::{BufRead, BufReader};

    use crate::support::signal;

    let world = World::new();
    let ids = world.online_ids(3);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let args = [
        "run",
        "--comment",
        "x",
        "--yes",
        "--quota",
        "1/1h",
        "-o",
        "json",
    ];
    let mut child = world.command(&[&args, &ids[..]].concat()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let waits = |line: std::io::Result<String>| line.unwrap().contains("The quota is used up");
    assert!(lines.any(waits), "the command does not wait");
    signal(&child, "TERM");
    let outcome = Outcome::from({
        let _ = child.wait();
        child.wait_with_output().unwrap()
    });
    assert_eq!(outcome.code, 130, "{outcome:?}");
    for row in outcome.rows() {
        assert_eq!(row["state"], "not-sent", "{row}");
    }
    assert!(world.posts().is_empty());
}

#[test]
fn an_invalid_quota_is_reported() {
    let world = World::new();
    for quota in ["100", "0/60s", "1/0s", "a/b"] {
        let refused = world.offboard(&["find", "x", "--quota", quota]);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.stderr.contains("100/60s"), "{refused:?}");
    }
    assert!(world.requests().is_empty());
}

/// A query that waits for the quota does not delay a run beyond its grace time.
#[test]
fn the_grace_time_ends_also_if_the_quota_is_used_up() {
    let world = World::with(|config: &mut Config| {
        let plan = offboard_simulator::FaultPlan::parse(["offboard:always:drop-after-commit"]);
        config.faults = plan.unwrap();
    });
    let id = world.online()[0].machine.id.clone();
    let more = ["--grace", "1s", "--quota", "1/1h", "--output", "json"];
    let outcome = world.run(&[&[id.as_str()], &more[..]].concat());
    assert_eq!(
        (outcome.code, outcome.row()["state"].as_str()),
        (4, Some("unknown"))
    );
}

/// A run that does not wait as long as the service requires leaves the pause to the next run.
#[test]
fn the_pause_of_a_run_that_ended_is_kept_by_the_next_one() {
    let world = World::with(|config: &mut Config| {
        let faults = ["offboard:1-2:status=429,retry-after=130s"];
        config.faults = offboard_simulator::FaultPlan::parse(faults).unwrap();
    });
    let id = world.online_ids(1).remove(0);
    let outcome = world.run(&[&id]);
    assert_eq!(outcome.code, 5, "{outcome:?}");
    let mut resumed = Running::start(&mut world.command(&["resume", "last", "--yes"]));
    resumed.read_until("The service requests a pause");
    resumed.kill();
    assert_eq!(world.posts().len(), 1);
}

/// Short pauses do not end the wait early: the time limits it, not the number of requests.
#[test]
fn a_service_that_throttles_for_a_while_is_waited_for() {
    for (throttled, count) in [("machine:1-5", 1), ("offboard:1-5", 1), ("offboard:1-5", 2)] {
        let world = World::with(|config: &mut Config| {
            let fault = format!("{throttled}:status=429,retry-after=0s");
            let plan = offboard_simulator::FaultPlan::parse([fault.as_str()]);
            config.faults = plan.unwrap();
        });
        let ids = world.online_ids(count);
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let outcome = world.run(&ids);
        assert_eq!(outcome.code, 0, "{throttled}: {outcome:?}");
        assert_eq!(refused(&world), 5, "{throttled}: {outcome:?}");
        assert_eq!(world.offboardings().len(), count);
    }
}
