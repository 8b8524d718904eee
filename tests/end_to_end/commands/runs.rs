//! `offboard runs`: what a user needs to choose a run.

use serde_json::json;

use crate::support::{ClosedPort, Outcome, World};

/// Three runs: one that has succeeded, one that was not sent, and one of two machines with
/// long, different comments. Returns their short ids.
fn three_runs() -> (World, Vec<String>) {
    let world = World::new();
    let ids = world.online_ids(4);
    world.run(&[&ids[0], "--wait"]);
    let mut command = world.command(&["run", &ids[1], "--comment", "Lost, INC-2", "--yes"]);
    let closed = ClosedPort::new();
    command.env("OFFBOARD_API_ROOT", closed.root());
    // The system does not know this name.
    command.env("USER", "another-user@contoso.test");
    let outcome = Outcome::from(command.output().unwrap());
    assert_eq!(outcome.code, 5, "{outcome:?}");
    let list = world.path("list.csv");
    let comment = "Retired, 交換済み ".repeat(9);
    let text = format!(
        "machineId,comment\n{},\"{comment}\"\n{},Returned\n",
        ids[2], ids[3]
    );
    std::fs::write(&list, text).unwrap();
    let outcome = world.offboard(&["run", "--from", list.to_str().unwrap(), "--yes"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let short = |run: &serde_json::Value| run["run"].as_str().unwrap()[..8].to_owned();
    let runs = world.recorded_runs().iter().map(short).collect();
    (world, runs)
}

#[test]
fn the_table_shows_when_who_why_and_how_far() {
    let (world, runs) = three_runs();
    let table = world.offboard(&["runs"]).stdout;
    let lines: Vec<&str> = table.lines().collect();
    let header = lines[0].split_whitespace().collect::<Vec<_>>().join(" ");
    let expected = "RUN STARTED (UTC) USER MACHINES SUCCEEDED UNFINISHED COMMENT";
    assert_eq!(header, expected, "{table}");
    let row = |run: &String| {
        let line = lines.iter().find(|line| line.starts_with(run.as_str()));
        line.unwrap_or_else(|| panic!("no row of {run}: {table}"))
    };
    for (run, words) in runs.iter().zip([
        ["1         1          0           Retired, INC-1", ":"],
        ["1         0          1           Lost, INC-2", ":"],
        ["2         0          2           Retired, ", ":"],
    ]) {
        for words in words {
            assert!(row(run).contains(words), "{words}: {table}");
        }
    }
    assert!(!table.contains("another-user"), "{table}");
    for line in lines {
        let width = |c: char| if c.is_ascii() || c == '…' { 1 } else { 2 };
        let width: usize = line.trim_end().chars().map(width).sum();
        assert!(width <= 100, "{width}: {line}");
    }
    let wide = world.offboard(&["runs", "--wide"]).stdout;
    assert_eq!(wide.lines().count(), runs.len() + 1, "{wide}");
}

#[test]
fn a_run_has_its_comment_and_what_is_unfinished() {
    let (world, _) = three_runs();
    let runs = world.recorded_runs();
    let members = |name: &str| -> Vec<_> { runs.iter().map(|run| run[name].clone()).collect() };
    assert_eq!(members("unfinished"), [json!(0), json!(1), json!(2)]);
    assert_eq!(members("open"), [json!(0), json!(0), json!(2)]);
    assert_eq!(members("comment")[..2], ["Retired, INC-1", "Lost, INC-2"]);
    assert_eq!(
        members("hasSeveralComments"),
        [json!(false), json!(false), json!(true)]
    );
}

#[test]
fn runs_are_filtered() {
    let (world, runs) = three_runs();
    let listed = |args: &[&str]| -> Vec<String> {
        let outcome = world.offboard(&[&["runs", "-o", "json"], args].concat());
        assert_eq!(outcome.code, 0, "{outcome:?}");
        let rows = outcome.rows();
        let short = |run: &serde_json::Value| run["run"].as_str().unwrap()[..8].to_owned();
        rows.iter().map(short).collect()
    };
    assert_eq!(listed(&["--unfinished"]), runs[1..]);
    assert_eq!(listed(&["--limit", "2"]), runs[1..]);
    assert_eq!(listed(&["--unfinished", "--limit", "1"]), runs[2..]);
    assert_eq!(listed(&["--limit", "9"]), runs);
    let began = world.recorded_runs()[1]["began"].clone();
    let began = began.as_str().unwrap();
    assert_eq!(listed(&["--since", began]), runs[1..]);
    assert_eq!(listed(&["--since", "1h"]), runs);
    assert_eq!(listed(&["--since", &began[..10], "--limit", "3"]), runs);
    assert!(listed(&["--since", "2999-01-01"]).is_empty());
    let nothing = world.offboard(&["runs", "--limit", "0"]);
    assert_eq!(nothing.code, 2, "{nothing:?}");
    let none = world.offboard(&["runs", "--since", "2999-01-01"]);
    assert!(none.stderr.contains("no such runs"), "{none:?}");
    for wrong in ["yesterday", "2026-13-01", ""] {
        let outcome = world.offboard(&["runs", "--since", wrong]);
        assert_eq!(outcome.code, 2, "{outcome:?}");
        assert!(outcome.stderr.contains("such as 7d"), "{outcome:?}");
    }
}

/// After a long run, a summary of the failures follows the rows.
#[test]
fn a_long_run_ends_with_its_problems_and_how_to_see_them() {
    let world = World::with(|config| config.machines = 200);
    let mut ids = world.online_ids(24);
    ids.extend((0..3).map(|number| format!("{number:040x}")));
    let report = world.path("report.html").display().to_string();
    let more = [
        "--max-devices",
        "30",
        "--quota",
        "100/60s",
        "--report",
        &report,
    ];
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let outcome = world.run(&[&ids[..], &more].concat());
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let run = world.recorded_runs()[0]["run"].as_str().unwrap()[..8].to_owned();
    let problems =
        format!("Problems: 3 machine-not-found. To see them: offboard show {run} --failed\n");
    let (before, after) = outcome.stderr.split_once(&problems).unwrap();
    assert_eq!(
        before.matches("help: machine-not-found").count(),
        1,
        "{before}"
    );
    assert!(after.contains(&format!("Report: {report}\n")), "{after}");
    let shown = world.offboard(&["show", &run, "--failed", "--output", "json"]);
    assert_eq!(shown.rows().len(), 3, "{shown:?}");
}
