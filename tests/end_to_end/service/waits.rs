//! Waits have a limit and are reported with their reason and end. The report names the option
//! for an urgent order.

use std::sync::atomic::{AtomicUsize, Ordering};

use offboard_simulator::{Config, FaultPlan};
use serde_json::json;

use crate::support::{MACHINE, Reply, Running, Scripted, World};

const HOUR: &str = include_str!("cases/429-hour.json");

/// A 429 whose text names the hour, without Retry-After, is not repeated in a minute. The run can
/// be resumed, and its advice names the command.
#[test]
fn the_quota_of_an_hour_ends_resumable() {
    let server = Scripted::posting(Reply::new(429, HOUR));
    let outcome = server.run(&[]);
    let row = outcome.row();
    assert_eq!(
        (outcome.code, &row["state"]),
        (5, &json!("not-sent")),
        "{outcome:?}"
    );
    let hint = row["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("Retry in 1h"), "{hint}");
    assert!(outcome.stderr.contains("offboard resume "), "{outcome:?}");
    assert_eq!(server.posts(), 1);
    // The window is not recorded as a pause: the quota may be free earlier.
    let resumed = server.command(&["resume", "last", "--yes", "--timeout", "1s"]);
    assert_eq!((resumed.code, server.posts()), (5, 2), "{resumed:?}");
}

/// A run with several machines waits for the hour, and reports the end, even with `--quiet`.
#[test]
fn the_quota_of_an_hour_is_waited_for() {
    let world = World::new();
    let reads = AtomicUsize::new(0);
    let server = Scripted::new(move |request, _| {
        if request.starts_with("GET /api/machines/") {
            let id = request.split(['/', ' ']).nth(4).unwrap_or_default();
            reads.fetch_add(1, Ordering::SeqCst);
            let machine = json!({"id": id, "computerDnsName": format!("pc-{id}.test")});
            return Some(Reply::new(200, &machine.to_string()));
        }
        request.starts_with("POST ").then(|| Reply::new(429, HOUR))
    });
    let other = "f".repeat(40);
    let args = ["run", MACHINE, &other, "--comment", "x", "--yes", "--quiet"];
    let mut command = world.command(&args);
    command
        .env("OFFBOARD_API_ROOT", server.root())
        .env("OFFBOARD_TOKEN_FILE", server.path("token"));
    let mut run = Running::start(&mut command);
    let line = run.read_until("Waiting ");
    assert!(
        line.contains("1h, until ") && line.contains(" UTC"),
        "{line}"
    );
    run.kill();
    // With a time limit, the run ends and can be resumed.
    let timeout = [&args[..], &["--timeout", "10m", "-o", "json"]].concat();
    let outcome = server.command(&timeout);
    assert_eq!(outcome.code, 5, "{outcome:?}");
    assert!(
        outcome.rows().iter().all(|row| row["state"] == "not-sent"),
        "{outcome:?}"
    );
}

/// A recorded pause delays an urgent order, which can go first.
#[test]
fn an_urgent_order_can_go_before_a_recorded_pause() {
    let world = World::with(|config: &mut Config| {
        let faults = ["offboard:1:status=429,retry-after=600s"];
        config.faults = FaultPlan::parse(faults).unwrap();
    });
    let ids = world.online_ids(3);
    assert_eq!(world.run(&[&ids[0]]).code, 5);
    let urgent = ["run", &ids[1], "--comment", "x", "--yes", "-o", "json"];
    let mut waiting = Running::start(&mut world.command(&[&urgent[..], &["--quiet"]].concat()));
    let line = waiting.read_until("The service requests a pause");
    assert!(line.contains("until "), "{line}");
    let help = waiting.read_until("For an urgent order");
    assert!(help.contains("--quota none"), "{help}");
    waiting.kill();
    let limited = world.offboard(&[&urgent[..], &["--timeout", "5s"]].concat());
    let row = limited.row();
    assert_eq!(
        (limited.code, &row["state"]),
        (5, &json!("not-sent")),
        "{limited:?}"
    );
    let message = row["error"]["message"].as_str().unwrap();
    assert!(message.contains("time limit of 5s"), "{message}");
    let first = world.offboard(&[&urgent[..], &["--quota", "none"]].concat());
    assert_eq!(first.code, 0, "{first:?}");
    assert_eq!(world.offboardings().len(), 1);
}

/// A run waits for the end of an outage only within the time limit.
#[test]
fn an_outage_ends_at_the_time_limit() {
    let world = World::with(|config: &mut Config| {
        config.faults = FaultPlan::parse(["machineactions:always:status=503"]).unwrap();
    });
    let ids = world.online_ids(2);
    let outcome = world.run(&[&ids[0], &ids[1], "--timeout", "1s"]);
    assert_eq!(outcome.code, 5, "{outcome:?}");
    assert!(outcome.stderr.contains("offboard resume "), "{outcome:?}");
}

/// A request to a silent service takes the whole time of a call. It is not repeated after the
/// limit.
#[test]
fn a_silent_service_is_not_asked_again_after_the_limit() {
    let world = World::with(|config: &mut Config| {
        config.faults = FaultPlan::parse(["machine:always:delay=30s"]).unwrap();
    });
    let id = world.online_ids(1).remove(0);
    for (limit, reads) in [("1s", 1), ("1h", 4)] {
        let before = world.requests().len();
        let more = [&id, "--timeout", limit, "--limit", "deadline=1s"];
        let outcome = world.run(&more);
        assert_eq!(outcome.code, 5, "{limit}: {outcome:?}");
        assert_eq!(
            world.requests().len() - before,
            reads,
            "{limit}: {outcome:?}"
        );
    }
    assert!(world.posts().is_empty());
}
