//! Connections that drop and a service that fails, at random from a seed: the reported
//! state of each machine is correct, and none is offboarded twice.

use std::collections::HashMap;

use offboard_simulator::{Config, FaultPlan};

use crate::support::World;

/// Every fault of a POST, and some faults of reads.
const FAULTS: [&str; 8] = [
    "offboard:12%:drop-before-commit",
    "offboard:12%:drop-after-commit",
    "offboard:12%:status=503",
    "offboard:12%:status-after-commit=502",
    "offboard:8%:garbage",
    "offboard:8%:reset-in-body",
    "machineactions:10%:status=503",
    "machine:10%:drop-before-commit",
];

fn check_run(seed: u64, duplicates_are_refused: bool) {
    let world = World::with(|config: &mut Config| {
        config.machines = 60;
        config.faults = FaultPlan::parse(FAULTS).unwrap();
        config.faults.seed = seed;
        if duplicates_are_refused {
            config.on_duplicate = offboard_simulator::OnDuplicate::Refuse;
        }
    });
    let ids = world.online_ids(16);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let args = [
        "run",
        "--comment",
        "x",
        "--yes",
        "--grace",
        "2s",
        "-o",
        "json",
    ];
    let outcome = world.offboard(&[&args[..], &ids].concat());
    let context = format!("seed {seed}: {outcome:?}");

    let mut carried_out: HashMap<String, Vec<String>> = HashMap::new();
    for offboarding in world.offboardings() {
        let text = |member: &str| offboarding[member].as_str().unwrap().to_owned();
        let actions = carried_out.entry(text("machineId")).or_default();
        actions.push(text("actionId"));
    }
    for (machine, actions) in &carried_out {
        assert_eq!(actions.len(), 1, "{machine} twice; {context}");
    }
    let rows = outcome.rows();
    assert_eq!(rows.len(), ids.len(), "{context}");
    for row in rows {
        let machine = row["machineId"].as_str().unwrap();
        let action = carried_out.get(machine).map(|actions| actions[0].as_str());
        match row["state"].as_str().unwrap() {
            "accepted" | "succeeded" => {
                assert_eq!(row["action"]["id"].as_str(), action, "{row}; {context}");
            }
            "not-sent" | "rejected" => assert_eq!(action, None, "{row}; {context}"),
            "unknown" => {}
            other => panic!("{other}; {context}"),
        }
    }
}

#[test]
fn reported_states_are_correct_whatever_the_connection_and_the_service_do() {
    for seed in 1..4 {
        check_run(seed, seed % 2 == 0);
    }
}

/// The reason of a failed query is reported, while a run waits to send and while it follows.
#[test]
fn the_reason_of_a_wait_is_reported() {
    for (fault, why) in [
        ("status=503", "service-failure (503)"),
        ("drop-before-commit", "no-answer"),
    ] {
        let run = |calls: &str, more: &[&str]| {
            let world = World::with(|config: &mut Config| {
                let fault = format!("machineactions:{calls}:{fault}");
                config.faults = FaultPlan::parse([fault.as_str()]).unwrap();
            });
            let ids = world.online_ids(2);
            let outcome = world.run(&[&[ids[0].as_str(), &ids[1]][..], more].concat());
            assert_eq!(outcome.code, 0, "{outcome:?}");
            outcome
        };
        let before = run("1-4", &[]);
        let words = format!("Waiting 1s for the service: {why}");
        assert!(before.stderr.contains(&words), "{words}: {before:?}");
        let after = run("2-9", &["--wait"]);
        let words = format!("could not be read, and is read again later: {why}");
        assert_eq!(
            after.stderr.matches(&words).count(),
            1,
            "{words}: {after:?}"
        );
    }
}

/// A `resume` that cannot read whether an action has ended does not succeed. It says why, also
/// with `--quiet`, and does not promise another query.
#[test]
fn a_resume_that_cannot_read_the_outcome_says_so() {
    let world = World::with(|config: &mut Config| {
        config.faults = FaultPlan::parse(["machineactions:2-40:status=503"]).unwrap();
    });
    let ids = world.online_ids(1);
    assert_eq!(world.run(&[ids[0].as_str()]).code, 0);
    let resumed = world.offboard(&["resume", "-o", "json"]);
    assert_eq!(resumed.code, 4, "{resumed:?}");
    let row = &resumed.rows()[0];
    assert_eq!(row["state"], "accepted", "{resumed:?}");
    assert_eq!(row["error"]["kind"], "service-failure", "{resumed:?}");
    let words = "The actions cannot be tracked: service-failure (503)";
    assert!(resumed.stderr.contains(words), "{resumed:?}");
    assert!(!resumed.stderr.contains("read again"), "{resumed:?}");
    let quiet = world.offboard(&["resume", "--quiet"]);
    assert_eq!(quiet.code, 4, "{quiet:?}");
    assert!(quiet.stdout.contains("service-failure"), "{quiet:?}");
}
