//! The record on disk: each POST before it is sent and after its answer, and never a
//! token. A request that cannot be recorded is not sent.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Outcome, World, offboard, program, until_running};

fn states(order: &Value) -> Vec<&str> {
    let moments = order["moments"].as_array().unwrap();
    moments
        .iter()
        .map(|moment| moment["state"].as_str().unwrap())
        .collect()
}

#[test]
fn each_post_is_on_record_with_its_grant_and_its_answer() {
    let world = World::new();
    let ids = world.online_ids(2);
    world.run(&[&ids[0], &ids[1], "--wait"]);
    let plugin = offboard(["inspect", "--output", "json"]);
    let plugin: Value = serde_json::from_str(&plugin.stdout).unwrap();
    let runs = world.recorded_runs();
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!(runs[0]["apiRoot"], world.root());
    assert_eq!(runs[0]["pluginSha256"], plugin["sha256"]);
    assert_eq!(runs[0]["states"], json!({"succeeded": 2}));
    assert!(runs[0]["began"].as_str().unwrap().ends_with('Z'));

    let orders = world.recorded();
    for (order, id) in orders.iter().zip(&ids) {
        assert_eq!(order["machineId"], id.as_str());
        assert_eq!(order["comment"], "Retired, INC-1");
        assert_eq!(states(order)[..2], ["sending", "accepted"], "{order}");
        let requests = order["requests"].as_array().unwrap();
        assert_eq!(requests.len(), 1, "{order}");
        assert_eq!(requests[0]["status"], 200);
        let grant = requests[0]["grant"].as_str().unwrap();
        assert!(grant.contains(&format!("/api/machines/{id}/offboard, once")));
        let answer: Value = serde_json::from_str(requests[0]["answer"].as_str().unwrap()).unwrap();
        assert_eq!(answer["id"], order["action"]["id"]);
        // So are the action's final status, and the time when it was read.
        assert_eq!(order["action"]["status"], "Succeeded");
        let last = order["moments"].as_array().unwrap().last().unwrap();
        assert_eq!(last["detail"], "Succeeded");
        assert_eq!(order["actionRead"], last["at"]);
    }
    let sheet = world.offboard(&["export", "last", "-o", "csv"]).stdout;
    let at = orders[0]["actionRead"].as_str().unwrap();
    assert!(sheet.lines().next().unwrap().contains("actionRead"));
    assert!(sheet.contains(at), "{sheet}");
    let page = world.offboard(&["export", "last", "-o", "html"]).stdout;
    assert!(page.contains("<dt>Action read</dt>"), "{page}");
    let shown = page.matches(r#""read":{"at":"#).count();
    assert_eq!(shown, 2, "{page}");
}

#[test]
fn a_cancellation_is_on_record_too() {
    let world = World::new();
    let id = world.offline().machine.id.clone();
    world.run(&[&id]);
    world.offboard(&["cancel", &id, "--comment", "A mistake"]);
    let ledger = world.ledger();
    for written in ["/api/machineactions/{id}/cancel", "A mistake"] {
        assert!(ledger.contains(written), "{written}");
    }
}

#[test]
fn what_cannot_be_put_on_record_is_not_sent() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let folder = world.path("folder");
    fs::create_dir(&folder).unwrap();
    // A dry run reports it, too, before any request.
    for more in [&[][..], &["--dry-run"]] {
        let args = [&[id.as_str(), "--ledger", folder.to_str().unwrap()], more].concat();
        let outcome = world.run(&args);
        let row = outcome.row();
        assert_eq!((outcome.code, row["state"].as_str()), (5, Some("not-sent")));
        assert_eq!(row["error"]["kind"], "ledger");
        assert!(world.requests().is_empty());
    }
}

#[test]
fn a_file_that_is_not_a_ledger_is_left_as_it_is() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let text = "machineId\n".repeat(1000);
    fs::write(world.path("ledger.db"), &text).unwrap();
    let outcome = world.run(&[&id]);
    assert_eq!(outcome.code, 5, "{outcome:?}");
    let row = outcome.row();
    let message = row["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("is corrupt or is not a ledger"),
        "{message}"
    );
    let hint = row["error"]["hint"].as_str().unwrap();
    assert!(
        hint.contains("--ledger") && hint.contains("--no-ledger"),
        "{hint}"
    );
    let runs = world.offboard(&["runs"]);
    let help = "help: Keep it for analysis. A new ledger (--ledger) does not have its orders";
    assert!(runs.stderr.contains(help), "{runs:?}");
    assert_eq!(fs::read_to_string(world.path("ledger.db")).unwrap(), text);
    assert!(world.requests().is_empty());
}

#[test]
fn for_one_machine_a_ledger_can_be_done_without() {
    let world = World::new();
    let ids = world.online_ids(2);
    let outcome = world.run(&[&ids[0], &ids[1], "--no-ledger"]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(world.requests().is_empty());
    let mut command = world.command(&["run", &ids[0], "--comment", "x", "--yes", "--no-ledger"]);
    command.env_remove("OFFBOARD_LEDGER");
    let outcome = crate::support::Outcome::from(command.output().unwrap());
    assert_eq!((outcome.code, world.posts().len()), (0, 1), "{outcome:?}");
    assert!(!world.path("ledger.db").exists());
}

#[test]
fn without_a_ledger_beats_the_one_of_the_environment_and_not_a_flag() {
    let world = World::new();
    let id = world.online_ids(1).remove(0);
    let (path, action) = (
        world.path("ledger.db"),
        "11111111-2222-3333-4444-555555555555",
    );
    let flag = ["--ledger", path.to_str().unwrap()];
    for command in [
        &["run", &id, "--comment", "x", "--yes", "--no-ledger"][..],
        &["cancel", action, "--comment", "x", "--no-ledger"],
    ] {
        let refused = world.offboard(&[command, &flag].concat());
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.stderr.contains("--ledger"), "{refused:?}");
        let posts = world.posts().len();
        let outcome = world.offboard(command);
        assert_ne!(outcome.code, 2, "{outcome:?}");
        assert!(world.posts().len() >= posts, "{outcome:?}");
    }
    assert_eq!(world.offboardings().len(), 1);
    assert!(!path.exists());
}

#[test]
fn runs_append() {
    let world = World::new();
    let ids = world.online_ids(2);
    world.run(&[&ids[0]]);
    world.run(&[&ids[1]]);
    let runs = world.recorded_runs();
    assert_eq!(runs.len(), 2);
    assert_ne!(runs[0]["run"], runs[1]["run"]);
    let newest = world.offboard(&["show", "last", "-o", "json"]);
    assert_eq!(newest.row()["machineId"], ids[1].as_str());
}

#[cfg(unix)]
#[test]
fn other_users_cannot_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    world.run(&[&world.online()[0].machine.id]);
    for entry in fs::read_dir(world.path("")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with("ledger") {
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{entry:?}");
        }
    }
}

#[test]
fn trap_last_characters_of_the_token_logged() {
    let world = World::new();
    let machines = world.online();
    let outcome = world.run(&[&machines[0].machine.id, "-v", "--wait"]);
    let signature = world.token().rsplit('.').next().unwrap();
    for text in [&outcome.stdout, &outcome.stderr, &world.ledger()] {
        assert!(!text.contains(&signature[signature.len() - 6..]), "{text}");
    }
}

#[test]
fn one_file_is_not_ledger_and_audit_at_once() {
    let world = World::new();
    let ledger = world.path("ledger.db");
    let id = world.online()[0].machine.id.clone();
    let outcome = world.run(&[&id, "--audit", ledger.to_str().unwrap()]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    let message = "the ledger and the audit are the same file";
    assert!(outcome.stderr.contains(message), "{outcome:?}");
    assert!(world.requests().is_empty());
}

#[test]
fn a_machine_that_was_offboarded_is_left_out_unless_that_is_wanted() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    assert_eq!(world.run(&[&id, "--wait"]).code, 0);
    let again = world.run(&[&id]);
    assert_eq!(again.row()["state"], "skipped", "{again:?}");
    assert_eq!(again.row()["error"]["kind"], "already-offboarded");
    assert_eq!((again.code, world.posts().len()), (0, 1));
    world.run(&[&id, "--again"]);
    assert_eq!(world.posts().len(), 2);
}

#[test]
fn a_request_id_gives_the_first_result_again_and_sends_nothing() {
    let world = World::new();
    let ids = world.online_ids(2);
    let first = world.run(&[&ids[0], "--request-id", "step-7"]);
    assert_eq!(first.code, 0, "{first:?}");
    let second = world.run(&[&ids[0], "--request-id", "step-7"]);
    assert_eq!(first.row()["action"]["id"], second.row()["action"]["id"]);
    assert_eq!((second.code, world.posts().len()), (0, 1), "{second:?}");
    // The same id for another order is an error.
    let other = world.run(&[&ids[1], "--request-id", "step-7"]);
    assert_eq!((other.code, world.posts().len()), (2, 1), "{other:?}");
}

#[test]
fn having_nothing_to_resume_is_not_a_failure() {
    let world = World::new();
    // Creates the ledger.
    let id = world.online_ids(1).remove(0);
    world.run(&[&id, "--dry-run"]);
    let outcome = world.offboard(&["resume"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(
        outcome.stderr.contains("There are no unfinished runs"),
        "{outcome:?}"
    );
    assert!(world.posts().is_empty());
    let none = world.offboard(&["runs"]);
    assert_eq!(none.code, 0, "{none:?}");
}

#[test]
fn what_was_accepted_is_followed_later() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    assert_eq!(world.run(&[&id]).row()["state"], "accepted");
    let resumed = world.offboard(&["resume", "--wait", "-o", "json"]);
    assert_eq!(resumed.row()["state"], "succeeded", "{resumed:?}");
    assert_eq!(world.posts().len(), 1);
    assert_eq!(world.recorded_runs()[0]["states"], json!({"succeeded": 1}));
}

#[test]
fn a_ledger_of_a_newer_version_is_not_touched() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    world.run(&[&id]);
    let newer = "INSERT INTO _sqlx_migrations VALUES (99, 'of tomorrow', datetime(), 1, x'00', 0)";
    let script = format!(
        "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute(\"{newer}\"); c.commit()"
    );
    let ledger = world.path("ledger.db");
    let changed = program("python3")
        .args(["-c", &script])
        .arg(&ledger)
        .status();
    assert!(changed.unwrap().success());
    let outcome = world.run(&[&world.online()[1].machine.id]);
    let message = outcome.row()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(message.contains("newer version"), "{message}");
    assert_eq!((outcome.code, world.posts().len()), (5, 1));
    let shown = world.offboard(&["runs"]);
    assert!(shown.stderr.contains("newer version"), "{shown:?}");
    assert!(shown.stderr.contains("help: Use that version"), "{shown:?}");
}

/// Another process creates it: each step in turn, and then at any moment.
#[test]
fn a_ledger_that_is_being_created_has_no_runs_and_is_not_called_damaged() {
    let world = World::new();
    let ids = world.online_ids(3);
    let ledger = world.path("ledger.db");
    for step in [
        "",
        "PRAGMA journal_mode=wal",
        "CREATE TABLE a (b); DROP TABLE a",
    ] {
        fs::write(&ledger, "").unwrap();
        let script = "import sqlite3,sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])";
        let made = program("python3")
            .args(["-c", script])
            .arg(&ledger)
            .arg(step)
            .status();
        assert!(made.unwrap().success());
        let before = fs::read(&ledger).unwrap();
        let shown = world.offboard(&["show", "last"]);
        assert_eq!(shown.code, 2, "{step}: {shown:?}");
        assert!(
            shown.stderr.contains("has no run last"),
            "{step}: {shown:?}"
        );
        let runs = world.offboard(&["runs", "-o", "json"]);
        assert_eq!((runs.code, runs.rows().len()), (0, 0), "{step}: {runs:?}");
        assert_eq!(fs::read(&ledger).unwrap(), before, "{step}");
        fs::remove_file(&ledger).unwrap();
    }
    for id in &ids {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger.db");
        let run = ["run", id, "--comment", "x", "--yes", "--ledger"];
        let mut run = world.command(&run).arg(&ledger).spawn().unwrap();
        let show = || {
            Outcome::from(
                world
                    .command(&["show", "last", "--ledger"])
                    .arg(&ledger)
                    .output()
                    .unwrap(),
            )
        };
        while run.try_wait().unwrap().is_none() {
            let shown = show();
            let words = ["has no run last", "does not exist"];
            let is_new = words.iter().any(|words| shown.stderr.contains(words));
            let is_there = shown.stderr.contains("Run ");
            assert!(is_new || is_there, "{shown:?}");
        }
        assert_eq!(show().code, 0, "{:?}", show());
    }
}

/// SQLite silently ignores the part of the log after the damage.
#[cfg(unix)]
#[test]
fn a_log_that_was_damaged_is_reported_and_left_as_it_is() {
    use std::os::unix::fs::FileExt as _;

    use offboard_simulator::{Config, FaultPlan};

    let world = World::with(|config: &mut Config| {
        config.faults = FaultPlan::parse(["offboard:2:delay=60s"]).unwrap();
    });
    let ids = world.online_ids(2);
    world.run(&[&ids[0]]);
    let second = ["run", &ids[1], "--comment", "x", "--yes"];
    let mut child = world.command(&second).spawn().unwrap();
    until_running(&mut child, "a request", || world.posts().len() == 2);
    child.kill().unwrap();
    child.wait().unwrap();
    let (file, log) = (world.path("ledger.db"), world.path("ledger.db-wal"));
    let whole = fs::read(&log).unwrap();
    let lost = "has lost its newest entries";
    let shown = world.offboard(&["show", "last", "-o", "json"]);
    assert_eq!(shown.row()["machineId"], ids[1].as_str(), "{shown:?}");
    assert!(!shown.stderr.contains(lost), "{shown:?}");
    // In the header of the log, and in its first page.
    for at in [3, 20, 32 + 24 + 100] {
        fs::write(&log, &whole).unwrap();
        let open = fs::OpenOptions::new().write(true).open(&log).unwrap();
        open.write_all_at(&[whole[at] ^ 1], at as u64).unwrap();
        drop(open);
        let before = (fs::read(&file).unwrap(), fs::read(&log).unwrap());
        for command in [
            &["runs", "-o", "json"][..],
            &["show", "last"],
            &["export", "last"],
        ] {
            let shown = world.offboard(command);
            assert!(shown.stderr.contains(lost), "{at} {command:?}: {shown:?}");
            assert_eq!(shown.code, 0, "{at} {command:?}: {shown:?}");
            // What was recorded before is shown.
            assert!(!shown.stdout.is_empty(), "{at} {command:?}: {shown:?}");
            assert!(
                !shown.stdout.contains(&ids[1]),
                "{at} {command:?}: {shown:?}"
            );
        }
        let after = (fs::read(&file).unwrap(), fs::read(&log).unwrap());
        assert!(before == after, "{at}");
    }
}

/// On a read-only file system, SQLite cannot create the lock file that it needs to read the
/// log beside the ledger's file. The newest commits are in that log.
#[cfg(unix)]
#[test]
fn a_copy_where_nothing_can_be_written_is_read_if_all_of_it_is_in_its_file() {
    use std::time::Duration;

    use offboard_simulator::{Config, FaultPlan};

    let world = World::with(|config: &mut Config| {
        config.action_time = Duration::from_secs(3600);
        config.faults = FaultPlan::parse(["offboard:2:delay=60s"]).unwrap();
    });
    let ids = world.online_ids(2);
    let copy = |to: &str, files: &[&str]| {
        let folder = world.path(to);
        fs::create_dir(&folder).unwrap();
        for file in files {
            fs::copy(world.path(file), folder.join(file)).unwrap();
        }
        folder.join("ledger.db").to_str().unwrap().to_owned()
    };
    // SQLite does not follow a link here: not even root can create the lock file then.
    let seal = |ledger: &str| {
        std::os::unix::fs::symlink("nowhere", format!("{ledger}-shm")).unwrap();
    };
    let commands = [
        &["runs", "-o", "json"][..],
        &["show", "last"],
        &["export", "last"],
    ];
    let read_ledger = |ledger: &str, command: &[&str]| {
        let more = ["--ledger", ledger];
        world.offboard(&[command, &more].concat())
    };

    world.run(&[&ids[0]]);
    assert!(!world.path("ledger.db-wal").exists());
    let whole = copy("whole", &["ledger.db"]);
    seal(&whole);
    for command in commands {
        let outcome = read_ledger(&whole, command);
        assert_eq!(outcome.code, 0, "{command:?}: {outcome:?}");
        assert!(outcome.stdout.contains("accepted"), "{outcome:?}");
    }
    // An empty log has no commits.
    fs::write(format!("{whole}-wal"), "").unwrap();
    assert_eq!(read_ledger(&whole, &["runs"]).code, 0);

    let second = ["run", &ids[1], "--comment", "x", "--yes"];
    let mut child = world.command(&second).spawn().unwrap();
    until_running(&mut child, "a request", || world.posts().len() == 2);
    let both = ["ledger.db", "ledger.db-wal"];
    let (sealed, open) = (copy("sealed", &both), copy("open", &both));
    child.kill().unwrap();
    child.wait().unwrap();
    seal(&sealed);
    let before = fs::read(&sealed).unwrap();
    for command in commands {
        let refused = read_ledger(&sealed, command);
        assert_eq!(refused.code, 5, "{command:?}: {refused:?}");
        assert!(!refused.stdout.starts_with('['), "{command:?}: {refused:?}");
        for advice in [
            "its newest commits are in the file beside it that ends in -wal",
            "Copy both files to a folder that you can write to",
        ] {
            assert!(refused.stderr.contains(advice), "{command:?}: {refused:?}");
        }
    }
    assert_eq!(fs::read(&sealed).unwrap(), before);
    // The advice is right: the newest commits are there.
    let shown = read_ledger(&open, &["show", "last", "-o", "json"]);
    assert_eq!(shown.row()["machineId"], ids[1].as_str(), "{shown:?}");
    assert_eq!(read_ledger(&open, &["runs", "-o", "json"]).rows().len(), 2);
}
