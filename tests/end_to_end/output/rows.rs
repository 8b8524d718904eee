//! What a row of an order has beside its state, errors as JSON, and the schemas.

use std::fs;

use offboard_simulator::{Config, FaultPlan, TokenRequest};
use serde_json::Value;

use crate::support::World;

#[test]
fn a_row_has_its_run_and_its_request_id() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let planned = world.run(&[&id, "--dry-run"]);
    assert!(planned.row()["run"].is_null(), "{planned:?}");
    let done = world.run(&[&id, "--request-id", "K"]);
    let run = world.recorded_runs()[0]["run"].clone();
    let shown = world.offboard(&["show", "last", "-o", "json"]);
    for outcome in [&done, &shown] {
        let row = outcome.row();
        assert_eq!((&row["run"], &row["requestId"]), (&run, &"K".into()));
        assert!(row["tagged"].is_null(), "{outcome:?}");
    }
    let csv = world.offboard(&["show", "last", "-o", "csv"]).stdout;
    assert!(csv.contains(run.as_str().unwrap()), "{csv}");
}

#[test]
fn a_skipped_row_has_the_action_of_the_earlier_order() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let first = world.run(&[&id]).row();
    let second = world.run(&[&id, "--comment", "again"]);
    let row = second.row();
    assert_eq!(row["state"], "skipped", "{second:?}");
    assert_eq!(row["action"]["id"], first["action"]["id"], "{second:?}");
    assert_eq!(row["action"]["requestorComment"], first["comment"]);
    let csv = world.offboard(&["show", "last", "-o", "csv"]).stdout;
    assert!(
        csv.contains(first["action"]["id"].as_str().unwrap()),
        "{csv}"
    );
}

#[test]
fn an_ambiguous_name_has_its_candidates() {
    let world = World::with(|config: &mut Config| {
        config.machines = 200;
        config.quota = "none".parse().unwrap();
    });
    let name = world.shared_name();
    let rows = world.offboard(&["find", &name, "-o", "json"]).rows();
    let mut ids: Vec<&str> = rows
        .iter()
        .map(|row| row["machineId"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    let mut list = world.online_ids(25);
    list.push(name.clone());
    fs::write(world.path("list"), list.join("\n")).unwrap();
    let list = world.path("list").display().to_string();
    // Looked up by itself, and in the fleet.
    for args in [[name.as_str(), "--dry-run"], ["--from", &list]] {
        let outcome = world.run(&[&args[..], &["--dry-run"]].concat());
        let rows = outcome.rows();
        let error = &rows.last().unwrap()["error"];
        assert_eq!(error["kind"], "ambiguous-name", "{outcome:?}");
        let candidates = error["candidates"].as_array().unwrap();
        let mut candidates: Vec<&str> = candidates.iter().filter_map(Value::as_str).collect();
        candidates.sort_unstable();
        assert_eq!(candidates, ids, "{outcome:?}");
    }
}

#[test]
fn a_row_reports_whether_the_machine_was_tagged() {
    let world = World::new();
    let ids = world.online_ids(3);
    let roles = [
        "Machine.Offboard",
        "Machine.Read.All",
        "Machine.ReadWrite.All",
    ];
    world.use_token(TokenRequest::default().roles(roles));
    let done = world.run(&[&ids[0], "--tag", "Retired"]).row();
    assert_eq!(
        (&done["tagged"], &done["tagError"]),
        (&true.into(), &Value::Null)
    );
    world.use_token(TokenRequest::default().roles(["Machine.Offboard", "Machine.Read.All"]));
    let args = [&ids[1], &ids[2], "--tag", "Retired", "--jobs", "1"];
    let outcome = world.run(&args);
    let rows = outcome.rows();
    for row in &rows {
        assert_eq!(row["state"], "accepted", "{outcome:?}");
        assert_eq!(row["tagged"], false, "{outcome:?}");
    }
    assert_eq!(rows[0]["tagError"]["kind"], "forbidden", "{outcome:?}");
    // After that, no other machine is tagged.
    assert!(rows[1]["tagError"].is_null(), "{outcome:?}");
    let shown = world.offboard(&["show", "last", "-o", "json"]).rows();
    assert_eq!(shown[0]["tagError"], rows[0]["tagError"]);
}

#[test]
fn times_have_the_same_number_of_digits() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let _ = world.run(&[&id]);
    let began = world.recorded_runs()[0]["began"].clone();
    let length = "2026-11-28T12:00:00.000Z".len();
    assert_eq!(began.as_str().unwrap().len(), length, "{began}");
    for order in world.recorded() {
        for moment in order["moments"].as_array().unwrap() {
            assert_eq!(moment["at"].as_str().unwrap().len(), length, "{moment}");
        }
    }
    let rows = world.offboard(&["find", "a*", "-o", "json"]).rows();
    for row in &rows {
        let seen = row["lastSeen"].as_str().unwrap();
        assert_eq!(seen.len(), "2026-11-28T12:00:00.0000000Z".len(), "{seen}");
    }
}

#[test]
fn a_usage_error_is_json_if_json_was_asked_for() {
    let world = World::new();
    fs::write(world.path("list"), "serial,owner\n1,2\n").unwrap();
    let list = world.path("list").display().to_string();
    for (args, message) in [
        (&["run", "pc-1", "--nope", "-o", "json"][..], "--nope"),
        (&["run", "5m", "--comment", "x", "--output=jsonl"], "5m"),
        (
            &["run", "--from", &list, "--comment", "x", "--yes", "-ojson"],
            "machineId",
        ),
        (&["show", "nope", "-o", "json"], "ledger"),
    ] {
        let refused = world.offboard(args);
        let error: Value = serde_json::from_str(&refused.stdout)
            .unwrap_or_else(|error| panic!("{error}: {refused:?}"));
        let error = &error["error"];
        assert_eq!(error["exitCode"], refused.code, "{refused:?}");
        assert_eq!(error["kind"], "usage", "{refused:?}");
        assert!(
            error["message"].as_str().unwrap().contains(message),
            "{error}"
        );
        assert!(!refused.stderr.is_empty(), "{refused:?}");
    }
    // Standard output may be the ledger: nothing is added to a file.
    fs::write(world.path("file"), "content").unwrap();
    let file = fs::OpenOptions::new().append(true).open(world.path("file"));
    let mut command = world.command(&["run", "pc-1", "--nope", "-o", "json"]);
    let code = command.stdout(file.unwrap()).status().unwrap().code();
    assert_eq!(code, Some(2));
    assert_eq!(fs::read_to_string(world.path("file")).unwrap(), "content");
    let table = world.offboard(&["run", "pc-1", "--nope"]);
    assert_eq!((table.code, table.stdout.as_str()), (2, ""), "{table:?}");
    let secret = format!("eyJhbGciOiJSUzI1NiJ9.{}.x", "A".repeat(200));
    let refused = world.offboard(&["run", &secret, "--comment", "x", "-o", "json"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(!refused.stdout.contains("AAAA"), "{refused:?}");
}

#[test]
fn the_schemas_are_printed() {
    let world = World::new();
    let names = world.offboard(&["schema"]);
    assert_eq!(names.code, 0, "{names:?}");
    for line in names.stdout.lines() {
        let name = line.split(' ').next().unwrap();
        let printed = world.offboard(&["schema", name]).stdout;
        let documented = format!(
            "{}/../../docs/schema/{name}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        assert_eq!(printed, fs::read_to_string(documented).unwrap(), "{name}");
    }
    let unknown = world.offboard(&["schema", "nope"]);
    assert_eq!(unknown.code, 2, "{unknown:?}");
    assert!(unknown.stderr.contains("order"), "{unknown:?}");
}

/// A row is printed when its order has its result, not when the run ends.
#[test]
fn rows_of_json_lines_are_streamed() {
    // The outcome of the first order is unknown, so the second one has its result before. The
    // grace time ends long after that, also on a busy machine.
    let world = World::with(|config: &mut Config| {
        let faults = [
            "offboard:1:drop-after-commit",
            "offboard:1:visible-after=600s",
        ];
        config.faults = FaultPlan::parse(faults).unwrap();
    });
    let ids = world.online_ids(2);
    let args = [
        "run",
        &ids[0],
        &ids[1],
        "--comment",
        "x",
        "--yes",
        "--jobs",
        "1",
    ];
    let outcome = world.offboard(&[&args[..], &["--grace", "3s", "-o", "jsonl"]].concat());
    let lines = outcome.stdout.lines();
    let rows: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let states: Vec<&str> = rows
        .iter()
        .map(|row| row["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["accepted", "unknown"], "{outcome:?}");
    assert_eq!(rows[0]["machineId"], ids[1], "{outcome:?}");
    assert!(rows[0]["run"].is_string(), "{outcome:?}");

    let world = World::new();
    let ids = world.online_ids(3);
    let args = ["run", &ids[0], &ids[1], &ids[2], "--comment", "x", "--yes"];
    for more in [&["-o", "jsonl"][..], &["-o", "jsonl", "--wait", "--again"]] {
        let outcome = world.offboard(&[&args[..], more].concat());
        let lines: Vec<Value> = outcome
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let mut found: Vec<&str> = lines
            .iter()
            .map(|row| row["machineId"].as_str().unwrap())
            .collect();
        found.sort_unstable();
        let mut expected: Vec<&str> = ids.iter().map(String::as_str).collect();
        expected.sort_unstable();
        assert_eq!(found, expected, "{outcome:?}");
    }
}
