//! Runs that stop: at a signal, or because their ledger was moved, deleted or replaced.
//! Requests in flight are finished, and no other follows.

use std::{fs, process::Child, time::Duration};

use offboard_simulator::{Config, FaultPlan};

use crate::support::{Outcome, World, after, signal, until_running};

fn faulty(faults: &[&str]) -> World {
    World::with(|config: &mut Config| {
        config.action_time = Duration::from_secs(3600);
        config.faults = FaultPlan::parse(faults.iter().copied()).unwrap();
    })
}

/// The number of queries for actions.
fn lists(world: &World) -> usize {
    let requests = world.requests();
    let is_list = |path: &str| path.starts_with("/api/machineactions");
    let paths = requests
        .iter()
        .filter_map(|request| request["path"].as_str());
    paths.filter(|path| is_list(path)).count()
}

/// The user chose to resend it: that happens after the grace time, two lists, and one
/// more. A signal before prevents it.
#[test]
fn a_stop_before_a_resend_sends_nothing() {
    // The lists: two of the run, two of the reconciliation, one right before the resend.
    for (moment, grace, late) in [
        ("within the grace time", "20s", "machineactions:3:delay=1ms"),
        ("with the first list", "0s", "machineactions:3:delay=2s"),
        ("with the second list", "0s", "machineactions:4:delay=2s"),
        ("with the last list", "0s", "machineactions:5:delay=2s"),
    ] {
        let world = faulty(&["offboard:1:drop-before-commit", late]);
        let id = world.online_ids(1).remove(0);
        let first = world.run(&[&id, "--grace", "0s"]);
        assert_eq!(first.row()["state"], "unknown", "{moment}: {first:?}");
        assert_eq!(lists(&world), 2, "{moment}");

        let resume = ["resume", "--yes", "--resend-unknown", "-o", "json"];
        let grace = ["--grace", grace];
        let mut child = world.command(&[&resume[..], &grace].concat()).spawn();
        let child = child.as_mut().unwrap();
        let expected: usize = late[15..16].parse().unwrap();
        until_running(child, moment, || lists(&world) == expected);
        signal(child, "INT");
        let outcome = ended(child);
        assert_eq!(outcome.code, 130, "{moment}: {outcome:?}");
        assert_eq!(lists(&world), expected, "{moment}: {outcome:?}");
        assert_eq!(world.posts().len(), 1, "{moment}: {outcome:?}");
        let row = outcome.row();
        assert_eq!(row["state"], "unknown", "{moment}: {outcome:?}");
        assert_eq!(row["error"]["retry"], "ask-first", "{moment}: {outcome:?}");
        for advice in [
            "Stopping after the requests in flight",
            "offboard resume",
            "--resend-unknown",
        ] {
            assert!(outcome.stderr.contains(advice), "{moment}: {outcome:?}");
        }
        assert_eq!(world.recorded()[0]["state"], "unknown", "{moment}");

        // The user has to choose it again.
        let more = ["resume", "--yes", "--grace", "0s", "-o", "json"];
        let without = world.offboard(&more);
        assert_eq!(without.row()["state"], "unknown", "{moment}: {without:?}");
        let again = world.offboard(&[&more[..], &["--resend-unknown"]].concat());
        assert_eq!(again.row()["state"], "accepted", "{moment}: {again:?}");
        assert_eq!(world.offboardings().len(), 1, "{moment}");
    }
}

/// The outcome of a command that was started with pipes.
fn ended(child: &mut Child) -> Outcome {
    use std::io::Read as _;
    let (mut stdout, mut stderr) = (String::new(), String::new());
    let out = child.stdout.as_mut().unwrap();
    out.read_to_string(&mut stdout).unwrap();
    let err = child.stderr.as_mut().unwrap();
    err.read_to_string(&mut stderr).unwrap();
    let code = child.wait().unwrap().code().unwrap_or(-1);
    Outcome {
        code,
        stdout,
        stderr,
    }
}

/// Also if the terminal is closed at which it was started (HUP).
#[test]
fn one_signal_finishes_what_is_in_flight_and_no_more() {
    for name in ["INT", "TERM", "HUP"] {
        let world = faulty(&["offboard:1:delay=1500ms"]);
        let ids = world.online_ids(3);
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let run = ["run", "--comment", "x", "--yes", "-o", "json"];
        let mut child = world.command(&[&run[..], &ids].concat()).spawn().unwrap();
        until_running(&mut child, name, || world.posts().len() == 1);
        signal(&child, name);
        let outcome = ended(&mut child);
        assert_eq!(outcome.code, 130, "{name}: {outcome:?}");
        let rows = outcome.rows();
        let states: Vec<&str> = rows.iter().map(|r| r["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["accepted", "not-sent", "not-sent"], "{name}");
        assert_eq!(rows[0]["action"]["status"], "Pending", "{name}: {rows:?}");
        for advice in [
            "Stopping after the requests in flight",
            "To continue: offboard resume",
        ] {
            assert!(outcome.stderr.contains(advice), "{name}: {outcome:?}");
        }
        assert_eq!(world.posts().len(), 1, "{name}: {outcome:?}");
        let resumed = world.offboard(&["resume", "last", "--yes", "-o", "json"]);
        assert_eq!(resumed.code, 0, "{name}: {resumed:?}");
        assert_eq!(world.offboardings().len(), 3, "{name}");
    }
}

/// As `nohup`, or a shell in the background, starts a command.
#[test]
fn a_signal_that_the_caller_had_ignored_stays_ignored() {
    for (ignored, caught) in [
        (&["HUP"][..], "TERM"),
        (&["INT"], "HUP"),
        (&["HUP", "INT"], "TERM"),
        (&["TERM"], "INT"),
    ] {
        let world = faulty(&["offboard:1:delay=2s", "offboard:2:delay=2s"]);
        let ids = world.online_ids(3);
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let run = [
            "run",
            "--comment",
            "x",
            "--yes",
            "--jobs",
            "1",
            "-o",
            "json",
        ];
        let run = world.command(&[&run[..], &ids].concat());
        let before = format!("trap '' {}", ignored.join(" "));
        let mut child = after(&before, &run).spawn().unwrap();
        until_running(&mut child, caught, || world.posts().len() == 1);
        for name in ignored {
            signal(&child, name);
        }
        // It continues with the next order, and stops there.
        until_running(&mut child, caught, || world.posts().len() == 2);
        signal(&child, caught);
        let outcome = ended(&mut child);
        assert_eq!(outcome.code, 130, "{ignored:?}: {outcome:?}");
        let rows = outcome.rows();
        let states: Vec<&str> = rows.iter().map(|r| r["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["accepted", "accepted", "not-sent"], "{ignored:?}");
        let messages = outcome.stderr.matches("Stopping after").count();
        assert_eq!(messages, 1, "{ignored:?}: {outcome:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_log_that_another_program_damages_destroys_no_finished_order() {
    type Damage = fn(&fs::File, u64);
    let damages: [(&str, Damage); 3] = [
        ("emptied", |log, _| log.set_len(0).unwrap()),
        ("cut", |log, size| log.set_len(size / 2).unwrap()),
        ("overwritten", |log, size| {
            let zeros = vec![0; usize::try_from(size / 2).unwrap()];
            std::os::unix::fs::FileExt::write_all_at(log, &zeros, 0).unwrap();
        }),
    ];
    for (context, damage) in damages {
        for is_killed in [false, true] {
            let world = faulty(&["offboard:3:delay=2s"]);
            let ids = world.online_ids(5);
            for id in &ids[..2] {
                assert_eq!(world.run(&[id]).code, 0);
            }
            let run = ["run", "--comment", "x", "--yes", "-o", "json"];
            let rest: Vec<&str> = ids[2..].iter().map(String::as_str).collect();
            let mut child = world.command(&[&run[..], &rest].concat()).spawn().unwrap();
            until_running(&mut child, context, || world.posts().len() == 3);
            let mut options = fs::OpenOptions::new();
            let log = options.write(true).open(world.path("ledger.db-wal"));
            let log = log.unwrap();
            damage(&log, log.metadata().unwrap().len());
            if is_killed {
                child.kill().unwrap();
            }
            let outcome = ended(&mut child);
            assert_eq!(world.posts().len(), 3, "{context}: {outcome:?}");
            if !is_killed {
                assert!([4, 5].contains(&outcome.code), "{context}: {outcome:?}");
                let advice = "has lost its newest entries";
                assert!(outcome.stderr.contains(advice), "{context}: {outcome:?}");
            }
            // The finished orders are recorded, and the ledger can be used.
            let runs = world.offboard(&["runs", "-o", "json"]);
            assert_eq!(runs.code, 0, "{context}: {runs:?}");
            let recorded = world.recorded();
            for id in &ids[..2] {
                let done = recorded.iter().find(|order| order["machineId"] == **id);
                assert!(done.is_some(), "{context}: {recorded:?}");
            }
            let resumed = world.offboard(&["resume", "--yes", "--grace", "0s", "-o", "json"]);
            assert!(resumed.code != 2, "{context}: {resumed:?}");
            let again = world.run(&[&ids[0]]);
            assert_eq!(again.row()["error"]["kind"], "still-pending", "{again:?}");
            // Nor is an order sent twice whose record was lost.
            world.run(&[&ids[2]]);
            assert!(world.offboardings().len() <= 5, "{context}");
        }
    }
}

/// A write to a file that was moved or deleted is not a record.
#[test]
fn a_run_whose_ledger_is_gone_or_replaced_ends_before_its_next_request() {
    // Another ledger, with a run of its own.
    let other = World::new();
    other.run(&[&other.online_ids(4)[3]]);
    let others = fs::read(other.path("ledger.db")).unwrap();
    // During its first request, and during the list of earlier actions.
    for (late, posts) in [("offboard:1:delay=2s", 1), ("machineactions:1:delay=2s", 0)] {
        for place in ["deleted", "replaced", "moved"] {
            let context = format!("{place}, {late}");
            let world = faulty(&[late]);
            let ids = world.online_ids(3);
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let (ledger, moved) = (world.path("ledger.db"), world.path("elsewhere.db"));
            let run = ["run", "--comment", "x", "--yes", "-o", "json"];
            let mut child = world.command(&[&run[..], &ids].concat()).spawn().unwrap();
            until_running(&mut child, &context, || match posts {
                0 => lists(&world) == 1,
                _ => world.posts().len() == 1,
            });
            fs::rename(&ledger, &moved).unwrap();
            match place {
                "deleted" => fs::remove_file(&moved).unwrap(),
                "replaced" => fs::write(&ledger, &others).unwrap(),
                _ => {}
            }
            let requests = world.requests().len();
            let outcome = ended(&mut child);
            // The ledger does not have the outcome of an accepted order.
            let code = if posts == 0 { 5 } else { 4 };
            assert_eq!(outcome.code, code, "{context}: {outcome:?}");
            assert!(!outcome.stderr.contains("Nothing was sent"), "{outcome:?}");
            assert_eq!(world.requests().len(), requests, "{context}: {outcome:?}");
            assert_eq!(world.posts().len(), posts, "{context}: {outcome:?}");
            let advice = "or a file beside it was moved, deleted or replaced while it was in use: \
                          nothing more is sent";
            let shown = format!("{advice}\nhelp: Restore the files");
            assert!(outcome.stderr.contains(&shown), "{context}: {outcome:?}");
            let rows = outcome.rows();
            for (row, at) in rows.iter().zip(0..) {
                if at < posts {
                    // It was sent and accepted, and that is reported.
                    assert_eq!(row["state"], "accepted", "{context}: {row}");
                    let lost = outcome
                        .stderr
                        .contains("is accepted, but this could not be recorded");
                    assert!(lost, "{context}: {outcome:?}");
                    continue;
                }
                assert_eq!(row["state"], "not-sent", "{context}: {row}");
                assert_eq!(row["error"]["kind"], "ledger", "{context}: {row}");
                assert!(row["error"]["message"].as_str().unwrap().contains(advice));
            }
            match place {
                "deleted" => assert!(!ledger.exists(), "{context}"),
                "replaced" => assert_eq!(fs::read(&ledger).unwrap(), others, "{context}"),
                _ => {
                    fs::rename(&moved, &ledger).unwrap();
                    let resumed = world.offboard(&["resume", "--yes", "-o", "json"]);
                    assert_eq!(resumed.code, 0, "{context}: {resumed:?}");
                    assert_eq!(world.posts().len(), 3, "{context}: {resumed:?}");
                    assert_eq!(world.offboardings().len(), 3, "{context}");
                }
            }
        }
    }
}
