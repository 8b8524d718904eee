//! A plan has a digest, which the ledger records with the confirmation.

use std::fs;

use serde_json::{Value, json};

use crate::support::{World, python::faults};

fn digest(stderr: &str) -> Option<&str> {
    let mut lines = stderr.lines();
    lines.find_map(|line| line.strip_prefix("Plan digest: "))
}

#[test]
fn a_dry_run_shows_the_digest_of_what_a_run_confirms() {
    let world = World::new();
    let ids: Vec<String> = world.online()[..2]
        .iter()
        .map(|online| online.machine.id.clone())
        .collect();
    let run = |more: &[&str]| {
        let ids = ids.iter().map(String::as_str);
        let args: Vec<&str> = ["run"]
            .into_iter()
            .chain(ids)
            .chain(more.iter().copied())
            .collect();
        world.offboard(&args)
    };
    let dry = run(&["--comment", "x", "--dry-run"]);
    let planned = digest(&dry.stderr).unwrap();
    assert_eq!(planned.len(), 64);
    let other = run(&["--comment", "y", "--dry-run"]);
    assert_ne!(digest(&other.stderr), Some(planned));
    let done = run(&["--comment", "x", "--yes"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(digest(&done.stderr), Some(planned));
}

#[test]
fn the_digest_and_the_confirmation_are_in_the_data() {
    let world = World::new();
    let ids = world.online_ids(2);
    let run = |more: &[&str]| {
        let args = [
            "run",
            &ids[0],
            &ids[1],
            "--comment",
            "x",
            "--output",
            "json",
        ];
        world.offboard(&[&args[..], more].concat())
    };
    let dry = run(&["--dry-run"]);
    let planned = json!(digest(&dry.stderr).unwrap());
    let rows = dry.rows();
    assert_eq!(rows.len(), 2);
    assert!(
        rows.iter().all(|row| row["planDigest"] == planned),
        "{dry:?}"
    );

    let page = world.path("report.html");
    let done = run(&["--expect", "2", "--yes", "--report", page.to_str().unwrap()]);
    assert_eq!(done.code, 0, "{done:?}");
    let rows = done.rows();
    assert!(
        rows.iter().all(|row| row["planDigest"] == planned),
        "{done:?}"
    );
    assert_eq!(faults("order.json", &rows), "");

    let runs = world.recorded_runs();
    assert_eq!(faults("run.json", &runs), "");
    let confirmations = runs[0]["confirmations"].as_array().unwrap();
    assert_eq!(confirmations.len(), 1, "{runs:?}");
    let confirmation = &confirmations[0];
    assert_eq!(confirmation["planDigest"], planned);
    assert_eq!(confirmation["method"], "expected-count");
    assert_eq!(confirmation["machines"], 2);
    assert_eq!(confirmation["by"], runs[0]["user"]);
    // Compared as times: the number of digits in the text varies.
    let time = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(
        time(&confirmation["at"]) >= time(&runs[0]["began"]),
        "{runs:?}"
    );

    let shown = world.offboard(&["show", "last", "--output", "json"]);
    assert!(
        shown.rows().iter().all(|row| row["planDigest"] == planned),
        "{shown:?}"
    );
    let words = format!("2 machines, plan digest {}", planned.as_str().unwrap());
    assert!(shown.stderr.contains(&words), "{shown:?}");

    let exported = world.offboard(&["export", "last"]);
    let lines: Vec<serde_json::Value> = exported
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(faults("export.json", &lines), "");
    for line in lines {
        assert_eq!(line["confirmations"], json!(confirmations));
        assert_eq!(line["planDigest"], planned);
    }

    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains(planned.as_str().unwrap()), "{page}");
    assert!(page.contains("expected-count"), "{page}");

    // Nothing is left to be confirmed.
    let resumed = world.offboard(&["resume", "last", "--yes", "--output", "json"]);
    assert!(resumed.code == 0, "{resumed:?}");
    let confirmations = world.recorded_runs()[0]["confirmations"].clone();
    assert_eq!(confirmations.as_array().unwrap().len(), 1);
}
