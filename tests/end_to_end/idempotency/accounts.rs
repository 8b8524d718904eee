//! Several accounts of one tenant: a machine and a request id belong to the tenant, regardless
//! of the application and the API host.

use offboard_simulator::{Config, FaultPlan};

use crate::support::{Outcome, World};

/// Runs a command with the same service under another API root: another account.
fn other(world: &World, args: &[&str]) -> Outcome {
    let root = world.root().replace("127.0.0.1", "localhost");
    let mut command = world.command(args);
    command.env("OFFBOARD_API_ROOT", root);
    Outcome::from(command.output().unwrap())
}

/// A service with these faults, and a machine.
fn faulty(faults: &[&str]) -> (World, String) {
    let world = World::with(|config: &mut Config| {
        config.faults = FaultPlan::parse(faults.iter().copied()).unwrap();
    });
    let id = world.online_ids(1).remove(0);
    (world, id)
}

/// The arguments of `offboard run` for a machine, with this comment.
fn run<'a>(id: &'a str, comment: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["run", id, "-c", comment, "--yes", "-o", "json"];
    [&fixed[..], more].concat()
}

#[test]
fn a_request_id_of_another_account_returns_its_result() {
    let (world, id) = faulty(&[]);
    let args = run(&id, "x", &["--wait", "--again", "--request-id", "KA"]);
    let first = world.offboard(&args);
    assert_eq!(first.row()["state"], "succeeded", "{first:?}");
    let second = other(&world, &args);
    assert_eq!(second.row()["state"], "succeeded", "{second:?}");
    assert_eq!(second.row()["run"], first.row()["run"], "{second:?}");
    assert_eq!((second.code, world.posts().len()), (0, 1), "{second:?}");
    assert_eq!(world.recorded_runs().len(), 1);
    // Another request cannot have the key.
    let conflict = other(&world, &run(&id, "y", &["--again", "--request-id", "KA"]));
    assert_eq!((conflict.code, world.posts().len()), (2, 1), "{conflict:?}");
}

#[test]
fn a_request_id_that_another_account_has_not_finished_sends_nothing() {
    let (world, id) = faulty(&["machine:1-4:status=503"]);
    let args = run(&id, "x", &["--again", "--request-id", "KA"]);
    let first = world.offboard(&args);
    assert_eq!(first.row()["state"], "not-sent", "{first:?}");
    for _ in 0..2 {
        let second = other(&world, &args);
        assert_eq!((second.code, world.posts().len()), (5, 0), "{second:?}");
        for words in [world.root(), "help: ", "offboard resume"] {
            assert!(second.stderr.contains(words), "{words}: {second:?}");
        }
    }
    let resumed = world.offboard(&args);
    assert_eq!(resumed.row()["state"], "accepted", "{resumed:?}");
    // Its action is not finished, so the other account cannot report its result, either.
    let second = other(&world, &args);
    assert_eq!((second.code, world.posts().len()), (5, 1), "{second:?}");
}

#[test]
fn an_offboarding_of_another_account_that_failed_later_is_not_ignored() {
    let (world, id) = faulty(&["offboard:2:ends=Failed"]);
    let first = world.offboard(&run(&id, "x", &["--wait"]));
    assert_eq!(first.row()["state"], "succeeded", "{first:?}");
    let failed = other(&world, &run(&id, "y", &["--wait", "--again"]));
    assert_eq!(failed.row()["state"], "failed", "{failed:?}");
    let third = world.offboard(&run(&id, "z", &[]));
    assert_eq!(third.row()["error"]["kind"], "seen-since", "{third:?}");
    assert_eq!((third.code, world.posts().len()), (1, 2), "{third:?}");
}

#[test]
fn a_dry_run_knows_what_another_account_offboarded() {
    let (world, id) = faulty(&[]);
    world.offboard(&run(&id, "x", &["--wait"]));
    let dry = other(&world, &run(&id, "y", &["--dry-run"]));
    assert_eq!(dry.row()["state"], "skipped", "{dry:?}");
    assert_eq!(dry.row()["error"]["kind"], "already-offboarded", "{dry:?}");
    let again = other(&world, &run(&id, "y", &["--dry-run", "--again"]));
    assert_eq!(again.row()["state"], "planned", "{again:?}");
    let ids = world.online_ids(2);
    let both = other(&world, &run(&ids[0], "y", &["--dry-run", &ids[1]]));
    let states: Vec<_> = both.rows().iter().map(|row| row["state"].clone()).collect();
    assert_eq!(states, ["skipped", "planned"], "{both:?}");
}

#[test]
fn a_resume_reports_the_unfinished_runs_of_other_accounts() {
    let (world, id) = faulty(&["machine:1-4:status=503"]);
    world.offboard(&run(&id, "x", &[]));
    let resumed = other(&world, &["resume", "--yes"]);
    assert_eq!(resumed.code, 5, "{resumed:?}");
    let words = "no unfinished runs of this account; 1 of another account";
    assert!(resumed.stderr.contains(words), "{resumed:?}");
    assert!(resumed.stderr.contains("help: "), "{resumed:?}");
    assert!(!resumed.stderr.contains("There are no"), "{resumed:?}");
    let json = other(&world, &["resume", "--yes", "-o", "json"]);
    assert_eq!((json.code, json.rows().len()), (5, 0), "{json:?}");
    assert!(world.posts().is_empty());
    // A run of this account is resumed, and the others are still not finished.
    let second = world.online_ids(2).remove(1);
    let mut command = world.command(&["run", &second, "-c", "x", "--yes", "--wait"]);
    let root = world.root().replace("127.0.0.1", "localhost");
    assert_eq!(
        command
            .env("OFFBOARD_API_ROOT", root)
            .status()
            .unwrap()
            .code(),
        Some(0)
    );
    let all = world.offboard(&["resume", "--yes", "--wait"]);
    assert_eq!((all.code, world.posts().len()), (0, 2), "{all:?}");
    let none = other(&world, &["resume", "--yes"]);
    assert_eq!(none.code, 0, "{none:?}");
    assert!(
        none.stderr.contains("There are no unfinished runs."),
        "{none:?}"
    );
}
