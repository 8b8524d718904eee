//! A resume sends only what was confirmed, once, and from one process.

use std::fs;

use offboard_simulator::{Config, FaultPlan};

use crate::support::World;
#[cfg(unix)]
use crate::support::{signal, until_running};

fn faulty(faults: &[&str], change: impl FnOnce(&mut Config)) -> World {
    World::with(|config: &mut Config| {
        config.faults = FaultPlan::parse(faults.iter().copied()).unwrap();
        change(config);
    })
}

#[test]
fn a_report_replaces_only_a_report() {
    let world = World::new();
    let ids = world.online_ids(3);
    world.run(&[&ids[0]]);
    let list = world.path("list");
    fs::write(&list, &ids[1]).unwrap();
    for file in ["ledger.db", "list", "token"] {
        let path = world.path(file);
        let before = fs::read(&path).unwrap();
        let refused = world.run(&[&ids[1], "--report", path.to_str().unwrap()]);
        assert_eq!(refused.code, 2, "{file}: {refused:?}");
        assert_eq!(fs::read(&path).unwrap(), before, "{file}");
    }
    assert_eq!(world.posts().len(), 1);
    let report = world.path("report.html");
    for id in &ids[1..] {
        let outcome = world.run(&[id, "--report", report.to_str().unwrap()]);
        assert_eq!(outcome.code, 0, "{outcome:?}");
    }
}

#[test]
fn a_machine_is_the_same_through_every_host_of_its_tenant() {
    let world = World::new();
    let id = world.offline().machine.id;
    world.run(&[&id]);
    let other = world.root().replace("127.0.0.1", "localhost");
    let mut command = world.command(&["run", &id, "--comment", "x", "--yes", "-o", "json"]);
    let outcome =
        crate::support::Outcome::from(command.env("OFFBOARD_API_ROOT", other).output().unwrap());
    assert_eq!(
        outcome.row()["error"]["kind"],
        "still-pending",
        "{outcome:?}"
    );
    assert_eq!(outcome.code, 4);
    assert_eq!(world.posts().len(), 1);
}

#[test]
fn a_name_is_unambiguous_only_if_the_whole_fleet_was_read() {
    let fleet = |config: &mut Config| {
        config.machines = 200;
        config.quota = "none".parse().unwrap();
    };
    let shared = World::with(fleet).shared_name();
    let all = crate::support::get_json(World::with(fleet).root(), "/_simulator/machines");
    let mut all = all.as_array().unwrap().iter();
    let first = all.position(|machine| machine["computerDnsName"] == shared.as_str());
    // The first page ends with the first machine of that name, and no other page can be read.
    let world = faulty(&["machines:2-5:status=503"], |config| {
        fleet(config);
        config.page_size = u32::try_from(first.unwrap() + 1).unwrap();
    });
    let mut list = world.online_ids(20);
    list.push(shared);
    // Too many to be read one by one.
    list.extend((0..5).map(|number| format!("{number:040x}")));
    fs::write(world.path("list"), list.join("\n")).unwrap();
    let list = world.path("list").display().to_string();
    let args = [
        "run",
        "--from",
        &list,
        "--comment",
        "x",
        "--dry-run",
        "-o",
        "json",
    ];
    let rows = world.offboard(&args).rows();
    assert_eq!(rows[20]["error"]["kind"], "ambiguous-name", "{}", rows[20]);
}

#[test]
fn a_request_id_does_what_its_first_attempt_left_undone() {
    let world = faulty(&["machine:1-4:status=503"], |_| {});
    let id = world.online()[0].machine.id.clone();
    let first = world.run(&[&id, "--request-id", "step-7"]);
    assert_eq!(first.row()["state"], "not-sent", "{first:?}");
    let second = world.run(&[&id, "--request-id", "step-7"]);
    assert_eq!(second.row()["state"], "accepted", "{second:?}");
    assert_eq!(world.offboardings().len(), 1);
}

/// The number of queries for actions.
#[cfg(unix)]
fn listed(world: &World) -> usize {
    let requests = world.requests();
    let paths = requests
        .iter()
        .filter_map(|request| request["path"].as_str());
    paths
        .filter(|path| path.contains("/machineactions?"))
        .count()
}

/// Two machines of a service that lists no actions, ended before one was sent.
#[cfg(unix)]
#[test]
fn a_planned_order_is_reported_as_not_sent() {
    let world = faulty(&["machineactions:1-40:status=503"], |_| {});
    let ids = world.online_ids(2);
    let args = ["run", &ids[0], &ids[1], "--comment", "x", "--yes"];
    let mut child = world.command(&args).spawn().unwrap();
    // The first was refused, and the call is repeated.
    until_running(&mut child, "two lists", || listed(&world) >= 2);
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let shown = world.offboard(&["show", "last", "-o", "json"]);
    let states: Vec<_> = shown
        .rows()
        .iter()
        .map(|row| row["state"].clone())
        .collect();
    assert_eq!(states, ["planned", "planned"], "{shown:?}");
    assert_eq!((shown.code, world.posts().len()), (5, 0), "{shown:?}");
}

#[test]
fn a_resume_of_all_runs_counts_what_it_sends_in_all() {
    let world = faulty(&["machine:1-8:status=503"], |_| {});
    let ids = world.online_ids(2);
    for id in &ids {
        assert_eq!(world.run(&[id]).row()["state"], "not-sent");
    }
    let refused = world.offboard(&["resume", "--yes", "--expect", "1"]);
    assert_eq!((refused.code, world.posts().len()), (2, 0), "{refused:?}");
    let resumed = world.offboard(&["resume", "--yes", "--expect", "2"]);
    assert_eq!((resumed.code, world.posts().len()), (0, 2), "{resumed:?}");
}

/// The lists without the action may be as old as the quota's window.
#[test]
fn a_resend_queries_the_list_once_more_right_before() {
    let faults = [
        "offboard:1:drop-after-commit",
        "offboard:1:visible-after=4s",
    ];
    let world = faulty(&faults, |config| {
        config.action_time = std::time::Duration::ZERO
    });
    let id = world.online()[0].machine.id.clone();
    let first = world.run(&[&id, "--grace", "0s", "--quota", "2/8s"]);
    assert_eq!(first.row()["state"], "unknown", "{first:?}");
    // Another run uses the rest of the quota.
    let other = world.online()[1].machine.id.clone();
    world.run(&[&other, "--quota", "2/8s"]);
    let args = [
        "resume",
        "--yes",
        "--resend-unknown",
        "--grace",
        "0s",
        "--quota",
        "2/8s",
    ];
    let resent = world.offboard(&[&args[..], &["-o", "json"]].concat());
    let rows = resent.rows();
    let row = rows.iter().find(|row| row["machineId"] == id.as_str());
    assert_eq!(row.unwrap()["state"], "succeeded", "{resent:?}");
    let offboardings = world.offboardings();
    let of_it = offboardings
        .iter()
        .filter(|one| one["machineId"] == id.as_str());
    assert_eq!(of_it.count(), 1, "{offboardings:?}");
}

/// More orders than are reconciled at once.
#[test]
fn each_unknown_order_is_queried_once() {
    const LARGE_FLEET: usize = 2100;
    let world = faulty(&["offboard:1:status=403"], |config| {
        config.machines = 3000;
        config.quota = "none".parse().unwrap();
    });
    let all = crate::support::get_json(world.root(), "/_simulator/machines");
    let all = all.as_array().unwrap().iter();
    let ids = all.map(|machine| machine["id"].as_str().unwrap().to_owned());
    let ids: Vec<String> = ids.take(LARGE_FLEET).collect();
    fs::write(world.path("list"), ids.join("\n")).unwrap();
    let (list, count) = (
        world.path("list").display().to_string(),
        LARGE_FLEET.to_string(),
    );
    let fast = ["--quota", "none", "--quiet", "--output", "jsonl"];
    let run = ["run", "--from", &list, "--expect", &count, "--yes"];
    world.offboard(&[&run[..], &["--comment", "x"], &fast].concat());
    assert_eq!(world.posts().len(), 1);

    // As if the other requests had been in flight when a process died.
    let sent = "UPDATE orders SET state = 'unknown', known_actions = '[]' WHERE state = 'planned'";
    change(&world, sent);
    let resumed = world.offboard(&[&["resume", "--yes", "--grace", "0s"][..], &fast].concat());
    assert_eq!(resumed.code, 4, "{resumed:?}");
    let requests: Vec<String> = world
        .requests()
        .iter()
        .map(|request| request["path"].as_str().unwrap().to_owned())
        .filter(|path| path.contains("/machineactions?"))
        .collect();
    let requests = requests.join("\n");
    // The first order was refused. All that are sent are queried before.
    let missing: Vec<usize> = (20..LARGE_FLEET)
        .filter(|at| requests.matches(ids[*at].as_str()).count() != 1)
        .collect();
    assert!(missing.is_empty(), "{missing:?} {resumed:?}");
}

/// Version 0.1.0 recorded comments of several lines.
#[test]
fn an_old_comment_of_several_lines_stays_readable_and_is_not_sent() {
    let world = faulty(&["machine:1-4:status=503"], |_| {});
    let id = world.online()[0].machine.id.clone();
    let first = world.run(&[&id]);
    assert_eq!(first.row()["state"], "not-sent", "{first:?}");
    change(
        &world,
        "UPDATE orders SET comment = 'Lost' || char(10) || 'pc-2'",
    );
    for command in [&["show", "last", "-o", "json"][..], &["export", "last"]] {
        let read = world.offboard(command);
        assert!(read.stdout.contains("pc-2"), "{read:?}");
    }
    let resumed = world.offboard(&["resume", "--yes", "-o", "json"]);
    let row = resumed.row();
    assert_eq!(
        (resumed.code, &row["state"]),
        (1, &"rejected".into()),
        "{resumed:?}"
    );
    let message = row["error"]["message"].as_str().unwrap();
    assert!(message.contains("line break"), "{resumed:?}");
    assert!(world.posts().is_empty());
}

/// Changes a ledger that no process has open.
fn change(world: &World, statement: &'static str) {
    let ledger = format!("sqlite://{}", world.path("ledger.db").display());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut ledger = <sqlx::SqliteConnection as sqlx::Connection>::connect(&ledger)
            .await
            .unwrap();
        sqlx::query(statement).execute(&mut ledger).await.unwrap();
    });
}

/// Another process may be sending the run.
#[test]
fn a_resume_that_cannot_ask_changes_nothing() {
    let world = faulty(&["machine:1-4:status=503"], |_| {});
    let id = world.online()[0].machine.id.clone();
    let first = world.run(&[&id]);
    assert_eq!(first.row()["state"], "not-sent", "{first:?}");
    let before = world.recorded();
    let resumed = world.offboard(&["resume"]);
    assert_eq!(resumed.code, 2, "{resumed:?}");
    assert!(resumed.stderr.contains("no terminal"), "{resumed:?}");
    assert_eq!(world.recorded(), before);
}

/// A resume that only tracks asks nothing, so that it confirms nothing.
#[test]
fn a_resume_without_machines_records_no_confirmation() {
    let world = faulty(&[], |config| {
        config.action_time = std::time::Duration::from_secs(3600);
    });
    let id = world.online()[0].machine.id.clone();
    let first = world.run(&[&id]);
    assert_eq!(first.row()["state"], "accepted", "{first:?}");
    let digest = first.row()["planDigest"].clone();
    let resumed = world.offboard(&["resume", "--output", "json"]);
    assert_eq!(resumed.row()["planDigest"], digest, "{resumed:?}");
    let runs = world.recorded_runs();
    assert_eq!(runs[0]["confirmations"].as_array().unwrap().len(), 1);
}

/// Each run has its own header, because a message about the run precedes its table.
#[test]
fn each_resumed_run_has_a_table_with_a_header() {
    let world = World::new();
    let id = world.offline().machine.id;
    for machine in [&id, &world.online_ids(1)[0]] {
        world.run(&[machine]);
    }
    let resumed = world.offboard(&["resume", "--yes"]);
    assert_eq!(resumed.stdout.matches("MACHINE ").count(), 2, "{resumed:?}");
    let rows = world.offboard(&["resume", "--yes", "-o", "csv"]);
    assert_eq!(rows.stdout.matches("machineId").count(), 1, "{rows:?}");
}
