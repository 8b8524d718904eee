//! An offboarding that the service has with the same comment is not sent again, whatever
//! this ledger has recorded.

use std::{fs, time::Duration};

use offboard_simulator::{Config, FaultPlan};

use crate::support::{Outcome, World};

fn world(action_time: Duration) -> World {
    World::with(|config: &mut Config| {
        config.action_time = action_time;
        // The first read of the machine fails, so that its order waits for a resume.
        config.faults = FaultPlan::parse(["machine:1-4:status=503"]).unwrap();
    })
}

/// Runs the command with another, empty ledger.
fn with_other_ledger(world: &World, id: &str, comment: &str, more: &[&str]) -> Outcome {
    let ledger = tempfile::tempdir().unwrap();
    let args = ["run", id, "--comment", comment, "--yes", "-o", "json"];
    let mut command = world.command(&[&args[..], more].concat());
    command.env("OFFBOARD_LEDGER", ledger.path().join("ledger.db"));
    Outcome::from(command.output().unwrap())
}

const LONG: Duration = Duration::from_secs(3600);

/// SQLite reads a log only up to its first damaged page, and does not report the pages
/// after it.
#[test]
fn a_ledger_that_lost_its_last_commits_sends_nothing_twice() {
    for (action_time, state) in [(LONG, "accepted"), (Duration::ZERO, "skipped")] {
        let world = world(action_time);
        let id = world.online()[0].machine.id.clone();
        assert_eq!(world.run(&[&id]).row()["state"], "not-sent");
        let (ledger, kept) = (world.path("ledger.db"), world.path("kept.db"));
        fs::copy(&ledger, &kept).unwrap();
        let resume = ["resume", "--yes", "--output", "json"];
        let sent = world.offboard(&resume).row();
        assert_eq!(world.posts().len(), 1, "{sent}");

        fs::remove_file(&ledger).unwrap();
        for beside in ["ledger.db-wal", "ledger.db-shm"] {
            let _ = fs::remove_file(world.path(beside));
        }
        fs::rename(&kept, &ledger).unwrap();
        let again = world.offboard(&resume);
        let row = again.row();
        assert_eq!(world.posts().len(), 1, "{again:?}");
        assert_eq!(row["state"], state, "{again:?}");
        let text = row.to_string();
        assert!(text.contains(sent["action"]["id"].as_str().unwrap()));
    }
}

const ORDERED_COMMENT: &str = "Retired, INC-1";

#[test]
fn another_ledger_adopts_only_an_action_with_the_same_comment() {
    let world = World::with(|config: &mut Config| config.action_time = LONG);
    let id = world.online()[0].machine.id.clone();
    let first = world.run(&[&id]).row();
    let same = with_other_ledger(&world, &id, ORDERED_COMMENT, &[]).row();
    assert_eq!(same["state"], "accepted");
    assert_eq!(same["action"]["id"], first["action"]["id"]);
    let note = same["note"].as_str().unwrap();
    assert!(note.contains("was already in progress"), "{note}");
    assert_eq!(world.posts().len(), 1);
    // With `--again`, or with another comment, it is sent.
    with_other_ledger(&world, &id, ORDERED_COMMENT, &["--again"]);
    assert_eq!(world.posts().len(), 2);
    with_other_ledger(&world, &id, "Returned", &[]);
    assert_eq!(world.posts().len(), 3);
}

#[test]
fn what_was_carried_out_with_the_same_comment_is_repeated_only_with_again() {
    let world = World::with(|config: &mut Config| config.action_time = Duration::ZERO);
    let id = world.online()[0].machine.id.clone();
    world.run(&[&id]);
    // A dry run warns of it.
    for (more, is_warned) in [(&[][..], true), (&["--again"], false)] {
        let dry = with_other_ledger(
            &world,
            &id,
            ORDERED_COMMENT,
            &[&["--dry-run"], more].concat(),
        )
        .row();
        let warning = dry["warnings"].to_string();
        assert_eq!(
            warning.contains("with the same comment"),
            is_warned,
            "{dry}"
        );
        assert_eq!(warning.contains("would be skipped"), is_warned, "{dry}");
    }
    let same = with_other_ledger(&world, &id, ORDERED_COMMENT, &[]);
    let row = same.row();
    assert_eq!(row["state"], "skipped", "{same:?}");
    assert_eq!(row["error"]["kind"], "already-offboarded");
    assert_eq!((same.code, world.posts().len()), (0, 1), "{same:?}");
    with_other_ledger(&world, &id, ORDERED_COMMENT, &["--again"]);
    assert_eq!(world.posts().len(), 2);
}

/// A machine whose offboarding failed is not offboarded.
#[test]
fn what_failed_before_is_sent() {
    let world = World::with(|config: &mut Config| {
        config.action_time = Duration::ZERO;
        config.faults = FaultPlan::parse(["offboard:1:ends=Failed"]).unwrap();
    });
    let id = world.online()[0].machine.id.clone();
    world.run(&[&id, "--wait"]);
    let second = with_other_ledger(&world, &id, ORDERED_COMMENT, &["--wait"]);
    assert_eq!(second.row()["state"], "succeeded", "{second:?}");
}

/// The service can refuse a query for several machines. Then each machine is queried by itself.
/// Without an answer, nothing is sent.
#[test]
fn a_list_that_the_service_refuses_is_no_reason_to_send() {
    // The first list is that of the first order.
    for (refused, state, code) in [
        ("machineactions:2:status=400", "skipped", 0),
        ("machineactions:2-:status=400", "not-sent", 5),
    ] {
        let world = World::with(|config: &mut Config| {
            config.action_time = Duration::ZERO;
            config.faults = FaultPlan::parse([refused]).unwrap();
        });
        let id = world.online_ids(1).remove(0);
        assert_eq!(world.run(&[&id]).code, 0);
        let again = with_other_ledger(&world, &id, "Retired, INC-1", &[]);
        let row = again.row();
        assert_eq!(
            (again.code, row["state"].as_str()),
            (code, Some(state)),
            "{again:?}"
        );
        assert_eq!(world.posts().len(), 1, "{again:?}");
    }
}
