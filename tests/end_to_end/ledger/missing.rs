//! A ledger that does not exist or cannot be used never looks like one without unfinished runs.

use std::fs;

use crate::support::{Outcome, World};

/// The commands that need an earlier ledger.
const COMMANDS: [&[&str]; 6] = [
    &["runs"],
    &["runs", "--unfinished", "-o", "json"],
    &["show", "last"],
    &["resume", "--yes"],
    &["resume", "last", "--yes"],
    &["discard", "last", "--yes"],
];

#[test]
fn a_missing_ledger_that_a_setting_names_is_reported_and_not_created() {
    let world = World::new();
    let ledger = world.path("folder/missing.db");
    let ledger = ledger.to_str().unwrap();
    let config = world.path("config.toml");
    fs::write(&config, format!("[profiles.one]\nledger = '{ledger}'\n")).unwrap();
    let profile = ["--config", config.to_str().unwrap(), "--profile", "one"];
    for command in COMMANDS {
        for (more, variable) in [
            (&["--ledger", ledger][..], None),
            (&[], Some(ledger)),
            (&profile[..], None),
        ] {
            let mut command = world.command(&[command, more].concat());
            match variable {
                Some(variable) => command.env("OFFBOARD_LEDGER", variable),
                None => command.env_remove("OFFBOARD_LEDGER"),
            };
            let outcome = Outcome::from(command.output().unwrap());
            assert_eq!(outcome.code, 2, "{command:?}: {outcome:?}");
            for words in [ledger, "does not exist", "help: "] {
                assert!(outcome.stderr.contains(words), "{command:?}: {outcome:?}");
            }
            assert!(!world.path("folder").exists(), "{command:?}");
        }
    }
    assert!(world.requests().is_empty());
}

#[test]
fn the_default_ledger_may_be_missing_and_is_not_created() {
    let world = World::new();
    let run = |args: &[&str]| {
        let mut command = world.command(args);
        command
            .env_remove("OFFBOARD_LEDGER")
            .env("XDG_STATE_HOME", world.path("state"));
        let outcome = Outcome::from(command.output().unwrap());
        let missing = "does not exist";
        assert!(outcome.stderr.contains(missing), "{args:?}: {outcome:?}");
        assert!(!world.path("state").exists(), "{args:?}");
        outcome
    };
    assert_eq!(run(&["runs"]).code, 0);
    let resumed = run(&["resume", "--yes", "-o", "json"]);
    assert_eq!((resumed.code, resumed.rows().len()), (0, 0), "{resumed:?}");
    for args in [
        &["show", "last"][..],
        &["resume", "last", "--yes"],
        &["discard", "last", "--yes"],
    ] {
        let outcome = run(args);
        assert_eq!(outcome.code, 2, "{args:?}: {outcome:?}");
    }
}

#[test]
fn a_log_without_its_ledger_is_an_error_of_every_command() {
    let world = World::new();
    let log = world.path("ledger.db-wal");
    fs::write(&log, "commits").unwrap();
    let all = COMMANDS
        .into_iter()
        .chain([&["export", "--cancellations"][..]]);
    for command in all {
        let outcome = world.offboard(command);
        assert_eq!(outcome.code, 5, "{command:?}: {outcome:?}");
        let words = "is missing, but its log";
        assert!(outcome.stderr.contains(words), "{command:?}: {outcome:?}");
    }
    assert_eq!(fs::read(&log).unwrap(), b"commits");
    assert!(!world.path("ledger.db").exists());
}

#[test]
fn a_ledger_that_cannot_be_used_has_one_exit_code() {
    let world = World::new();
    let id = world.online_ids(1).remove(0);
    world.run(&[&id]);
    let ledger = world.path("ledger.db");
    let other = world.path("other.db");
    fs::hard_link(&ledger, &other).unwrap();
    let all = COMMANDS.into_iter().chain([&["export", "last"][..]]);
    for command in all.clone() {
        let outcome = world.offboard(command);
        assert_eq!(outcome.code, 5, "{command:?}: {outcome:?}");
        assert!(outcome.stderr.contains("hard links"), "{outcome:?}");
    }
    assert_eq!(world.run(&["--again", &id]).code, 5);
    fs::remove_file(&other).unwrap();
    fs::write(&ledger, vec![b'x'; 10_000]).unwrap();
    for command in all {
        let outcome = world.offboard(command);
        assert_eq!(outcome.code, 5, "{command:?}: {outcome:?}");
        assert!(outcome.stderr.contains("is corrupt"), "{outcome:?}");
    }
    assert_eq!(world.posts().len(), 1);
}
