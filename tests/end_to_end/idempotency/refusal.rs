//! A rejected order is final: a resume never sends it. What failed for a reason that may be
//! temporary is not sent, and a resume sends it.

use offboard_simulator::{Config, FaultPlan};

use crate::support::{Outcome, World, write_secret};

fn faulty(fault: &str) -> World {
    World::with(|config: &mut Config| {
        config.faults = FaultPlan::parse([fault]).unwrap();
    })
}

/// The exit code, the state, and whether the order may be repeated.
fn result(outcome: &Outcome) -> (i32, String, String) {
    let row = outcome.row();
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    (
        outcome.code,
        word(&row["state"]),
        word(&row["error"]["retry"]),
    )
}

fn of(code: i32, state: &str, retry: &str) -> (i32, String, String) {
    (code, state.to_owned(), retry.to_owned())
}

#[test]
fn what_failed_for_a_passing_reason_is_not_sent_and_is_resumed() {
    for (fault, code) in [
        // The answers to the preflight.
        ("machine:1:garbage", 5),
        ("machine:1:status=429,retry-after=2h", 5),
        ("machine:1-4:status=503", 5),
        ("machine:1-4:status=408", 5),
        ("machine:1-4:drop-before-commit", 5),
        ("machine:1:status=401", 3),
        // Those to the list of actions.
        ("machineactions:1-4:status=503", 5),
        ("machineactions:1:garbage", 5),
        ("machineactions:1:status=401", 3),
        // Those to the request itself.
        ("offboard:1:status=429", 5),
        ("offboard:1:status=401", 3),
        ("offboard:1:status=403", 3),
    ] {
        let world = faulty(fault);
        let id = world.online_ids(1).remove(0);
        let first = world.run(&[&id]);
        assert_eq!(
            result(&first),
            of(code, "not-sent", "safe"),
            "{fault}: {first:?}"
        );
        let resumed = world.offboard(&["resume", "--yes", "--output", "json"]);
        assert_eq!(resumed.row()["state"], "accepted", "{fault}: {resumed:?}");
        assert_eq!(world.offboardings().len(), 1, "{fault}");
    }
}

/// The reason does not apply any more when the run is resumed.
#[test]
fn a_rejected_order_is_never_sent() {
    for fault in [
        "machine:1:status=400",
        "machine:1-2:status=404",
        "offboard:1:status=400",
        "offboard:1:status=404",
        "offboard:1:status=409",
    ] {
        let world = faulty(fault);
        let id = world.online_ids(1).remove(0);
        // With an external id, a 400 could be about that.
        let first = world.run(&[&id, "--external-id", "off"]);
        let rejected = of(1, "rejected", "never");
        assert_eq!(result(&first), rejected, "{fault}: {first:?}");
        let posts = world.posts().len();
        let args = ["resume", "last", "--yes", "--output", "json"];
        let resumed = world.offboard(&args);
        assert_eq!(result(&resumed), rejected, "{fault}: {resumed:?}");
        assert_eq!(world.posts().len(), posts, "{fault}: {resumed:?}");
    }
}

/// If the service fails, a policy that needs the size of the fleet rejects no order permanently.
#[test]
fn a_share_of_a_fleet_that_could_not_be_read_is_computed_by_a_resume() {
    let world = faulty("machines:1-4:status=503");
    let file = world.path("offboard.toml");
    write_secret(&file, "[profiles.a.policy]\nlargest-share = 50\n");
    let run = |args: &[&str]| {
        let more = ["--yes", "--output", "json"];
        let mut command = world.command(&[args, &more].concat());
        Outcome::from(command.env("OFFBOARD_CONFIG", &file).output().unwrap())
    };
    let id = world.online_ids(1).remove(0);
    let first = run(&["run", &id, "--comment", "Lost"]);
    assert_eq!(result(&first), of(5, "not-sent", "safe"), "{first:?}");
    let resumed = run(&["resume"]);
    assert_eq!(resumed.row()["state"], "accepted", "{resumed:?}");
}
