//! What the service has already, word for word, is not sent again, whatever this
//! ledger knows of it.

use std::{fs, time::Duration};

use offboard_simulator::{Config, FaultPlan};

use crate::support::{Outcome, World};

fn world(action_time: Duration) -> World {
    World::with(|config: &mut Config| {
        config.action_time = action_time;
        // The first look at the machine fails, so that its order waits for a resume.
        config.faults = FaultPlan::parse(["machine:1-4:status=503"]).unwrap();
    })
}

/// Orders it as somebody does who knows nothing of this ledger.
fn elsewhere(world: &World, id: &str, comment: &str, more: &[&str]) -> Outcome {
    let ledger = tempfile::tempdir().unwrap();
    let args = ["run", id, "--comment", comment, "--yes", "-o", "json"];
    let mut command = world.command(&[&args[..], more].concat());
    command.env("OFFBOARD_LEDGER", ledger.path().join("ledger.db"));
    Outcome::from(command.output().unwrap())
}

const LONG: Duration = Duration::from_secs(3600);

/// SQLite ends a log that was not written into the database yet at the first page
/// that is damaged, and says nothing of those after it.
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
        let told = row.to_string();
        assert!(told.contains(sent["action"]["id"].as_str().unwrap()));
    }
}

const COMMENT: &str = "Retired, INC-1";

#[test]
fn another_ledger_takes_on_what_has_the_same_comment_and_nothing_else() {
    let world = World::with(|config: &mut Config| config.action_time = LONG);
    let id = world.online()[0].machine.id.clone();
    let first = world.run(&[&id]).row();
    let same = elsewhere(&world, &id, COMMENT, &[]).row();
    assert_eq!(same["state"], "accepted");
    assert_eq!(same["action"]["id"], first["action"]["id"]);
    let note = same["note"].as_str().unwrap();
    assert!(note.contains("was already in progress"), "{note}");
    assert_eq!(world.posts().len(), 1);
    // Who says so, and who says something else, is heard by the service.
    elsewhere(&world, &id, COMMENT, &["--again"]);
    assert_eq!(world.posts().len(), 2);
    elsewhere(&world, &id, "Stolen", &[]);
    assert_eq!(world.posts().len(), 3);
}

#[test]
fn what_was_carried_out_with_the_same_comment_is_done_again_by_request_alone() {
    let world = World::with(|config: &mut Config| config.action_time = Duration::ZERO);
    let id = world.online()[0].machine.id.clone();
    world.run(&[&id]);
    // A dry run says so before.
    for (more, warned) in [(&[][..], true), (&["--again"], false)] {
        let dry = elsewhere(&world, &id, COMMENT, &[&["--dry-run"], more].concat()).row();
        let warning = dry["warnings"].to_string();
        assert_eq!(warning.contains("with the same comment"), warned, "{dry}");
        assert_eq!(warning.contains("would be skipped"), warned, "{dry}");
    }
    let same = elsewhere(&world, &id, COMMENT, &[]);
    let row = same.row();
    assert_eq!(row["state"], "skipped", "{same:?}");
    assert_eq!(row["error"]["kind"], "already-offboarded");
    assert_eq!((same.code, world.posts().len()), (0, 1), "{same:?}");
    elsewhere(&world, &id, COMMENT, &["--again"]);
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
    let second = elsewhere(&world, &id, COMMENT, &["--wait"]);
    assert_eq!(second.row()["state"], "succeeded", "{second:?}");
}
