//! No file that a command writes is another one of its files, under any name. A lost
//! record stops the run.
#![cfg(unix)]

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::symlink,
    path::Path,
};

use crate::support::{MACHINE, Outcome, Reply, Scripted, World, command, offboard};

/// The command is refused, names both files, and neither writes nor sends anything.
fn assert_refused(world: &World, what: &str, roles: [&str; 2], outcome: &Outcome) {
    assert_eq!(outcome.code, 2, "{what}: {outcome:?}");
    for role in roles {
        assert!(outcome.stderr.contains(role), "{what}: {outcome:?}");
    }
    assert!(world.requests().is_empty(), "{what}");
}

#[test]
fn no_two_files_of_a_run_are_one() {
    for [one, other] in [
        ["report", "ledger"],
        ["report", "audit"],
        ["audit", "ledger"],
        ["audit", "ledger-wal"],
        ["audit", "ledger-shm"],
        ["report", "ledger-journal"],
        ["report", "ledger-sessions/page.html"],
        ["audit", "token"],
        ["report", "list"],
        ["audit", "list"],
    ] {
        for way in ["same", "link", "folder", "dots"] {
            let world = World::new();
            let what = format!("{one} onto {other}, {way}");
            let id = world.online()[0].machine.id.clone();
            fs::write(world.path("list"), &id).unwrap();
            symlink(world.path(""), world.path("door")).unwrap();
            fs::create_dir(world.path("folder")).unwrap();
            let target = match other.strip_prefix("ledger") {
                Some(end) => world.path(&format!("ledger.db{end}")),
                None => world.path(other),
            };
            let name = target.strip_prefix(world.path("")).unwrap();
            let named = match way {
                "same" => target.clone(),
                "link" => {
                    symlink(&target, world.path("link")).unwrap();
                    world.path("link")
                }
                "folder" => world.path("door").join(name),
                _ => world.path("folder/..").join(name),
            };
            let before = fs::read(&target).ok();
            let named = named.to_str().unwrap();
            let (list, audit) = (world.path("list"), world.path("audit"));
            let (list, audit) = (list.to_str().unwrap(), audit.to_str().unwrap());
            let flag = format!("--{one}");
            let mut args = vec!["--from", list, &flag, named];
            if other == "audit" {
                args.extend(["--audit", audit]);
            }
            let outcome = world.run(&args);
            // An existing file at the report's path is reported first.
            if !(one == "report" && (before.is_some() || way == "link")) {
                let role = other.split('-').next().unwrap();
                assert_refused(&world, &what, [one, role], &outcome);
            }
            assert_eq!(outcome.code, 2, "{what}: {outcome:?}");
            assert_eq!(fs::read(&target).ok(), before, "{what}");
            assert!(!world.path("ledger.db").exists(), "{what}");
        }
    }
}

#[test]
fn a_hard_link_is_the_same_file() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    fs::hard_link(world.path("token"), world.path("audit")).unwrap();
    let outcome = world.run(&[&id, "--audit", world.path("audit").to_str().unwrap()]);
    assert_refused(
        &world,
        "hard link",
        ["the audit", "the token file"],
        &outcome,
    );
    assert_eq!(
        fs::read_to_string(world.path("token")).unwrap(),
        world.token()
    );
}

#[test]
fn standard_output_and_standard_error_are_no_other_file() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let open = |name: &str| {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        options.open(world.path(name)).unwrap()
    };
    let run = ["run", &id, "--comment", "x", "--yes", "--output", "json"];
    let run = |more: &[&str]| world.command(&[&run[..], more].concat());
    let path = |name: &str| world.path(name).to_str().unwrap().to_owned();

    // Standard output is redirected to a file of the command.
    for (name, more) in [
        ("ledger.db", vec![]),
        ("audit", vec!["--audit".to_owned(), path("audit")]),
        ("open", vec!["--audit".to_owned(), "/dev/stdout".to_owned()]),
        ("open", vec!["--audit".to_owned(), "/dev/fd/1".to_owned()]),
    ] {
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        let output = run(&more).stdout(open(name)).output().unwrap();
        let outcome = Outcome::from(output);
        assert_refused(&world, name, ["standard output", "the same file"], &outcome);
    }
    for audit in [path("log"), "/dev/stderr".to_owned()] {
        let output = run(&["--audit", &audit])
            .stderr(open("log"))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{audit}");
        let log = fs::read_to_string(world.path("log")).unwrap();
        assert!(log.contains("standard error"), "{audit}: {log}");
    }
    assert!(world.requests().is_empty());

    // Standard output and standard error may be one file.
    let output = run(&[]).stdout(open("both")).stderr(open("both")).output();
    assert_eq!(output.unwrap().status.code(), Some(0));

    let output = world
        .command(&["export", "last"])
        .stdout(open("ledger.db"))
        .output();
    let outcome = Outcome::from(output.unwrap());
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.stderr.contains("standard output"), "{outcome:?}");
}

#[test]
fn check_reports_two_names_of_one_file() {
    let world = World::new();
    let audit = world.path("ledger.db-wal");
    let outcome = world.offboard(&["check", "-o", "json", "--audit", audit.to_str().unwrap()]);
    let rows = outcome.rows();
    let step = rows.iter().find(|row| row["step"] == "records").unwrap();
    assert_eq!(step["status"], "failed", "{outcome:?}");
    assert!(
        step["reason"].as_str().unwrap().contains("the same file"),
        "{outcome:?}"
    );
    assert!(!audit.exists());
}

#[test]
fn what_inspect_and_simulate_write_is_not_what_they_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    assert_eq!(
        offboard(["inspect", "--extract", &at("plugin.wasm")]).code,
        0
    );
    let plugin = fs::read(at("plugin.wasm")).unwrap();
    symlink(at("plugin.wasm"), at("link.wasm")).unwrap();
    for args in [
        vec![
            "inspect".to_owned(),
            "--plugin".to_owned(),
            at("plugin.wasm"),
            "--extract".to_owned(),
            at("link.wasm"),
        ],
        vec![
            "inspect".to_owned(),
            "--wit".to_owned(),
            at(""),
            "--extract".to_owned(),
            at("offboard.wit"),
        ],
        vec![
            "simulate".to_owned(),
            "--write-token".to_owned(),
            at("one"),
            "--write-federated-token".to_owned(),
            at("one"),
        ],
        vec![
            "simulate".to_owned(),
            "--client-certificate".to_owned(),
            at("plugin.wasm"),
            "--write-token".to_owned(),
            at("link.wasm"),
        ],
    ] {
        let outcome = offboard(&args);
        assert_eq!(outcome.code, 2, "{args:?}: {outcome:?}");
        assert!(
            outcome.stderr.contains("the same file"),
            "{args:?}: {outcome:?}"
        );
    }
    assert_eq!(fs::read(at("plugin.wasm")).unwrap(), plugin);
    assert!(!Path::new(&at("one")).exists() && !Path::new(&at("offboard.wit")).exists());
}

#[test]
fn what_inspect_writes_replaces_only_the_same_unless_forced() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let wit = at("wit");
    fs::create_dir(&wit).unwrap();
    symlink(at("ledger.db"), at("link")).unwrap();
    fs::write(at("ledger.db"), "a ledger").unwrap();
    for (flag, value, file) in [
        ("--extract", at("ledger.db"), at("ledger.db")),
        ("--extract", at("link"), at("ledger.db")),
        ("--wit", wit.clone(), wit.join("offboard.wit")),
    ] {
        fs::write(&file, "of the user").unwrap();
        let value = value.to_str().unwrap();
        let outcome = offboard(["inspect", flag, value]);
        assert_eq!(outcome.code, 2, "{value}: {outcome:?}");
        assert!(outcome.stderr.contains(" exists"), "{outcome:?}");
        assert!(
            outcome.stderr.contains("help: Use another file name"),
            "{outcome:?}"
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), "of the user", "{value}");
    }
    for (flag, value) in [("--extract", at("ledger.db")), ("--wit", wit)] {
        let value = value.to_str().unwrap();
        for args in [&["--force"][..], &[]] {
            // The second time, it has this content already.
            let outcome = offboard([&["inspect", flag, value], args].concat());
            assert_eq!(outcome.code, 0, "{value}: {outcome:?}");
        }
    }
    let missing = at("missing/plugin.wasm");
    let outcome = offboard(["inspect", "--extract", missing.to_str().unwrap()]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(
        outcome.stderr.contains("help: Create the folder"),
        "{outcome:?}"
    );
}

/// The audit is lost while the first request is in flight. No other request follows.
#[test]
fn an_audit_that_is_lost_during_a_run_stops_it() {
    type Lose = fn(&Path);
    let losses: [(&str, Lose); 4] = [
        ("removed", |audit| fs::remove_file(audit).unwrap()),
        ("moved", |audit| {
            fs::rename(audit, audit.with_extension("old")).unwrap()
        }),
        ("replaced", |audit| {
            fs::remove_file(audit).unwrap();
            fs::write(audit, "").unwrap();
        }),
        ("emptied", |audit| fs::write(audit, "").unwrap()),
    ];
    for (loss, lose) in losses {
        let folder = tempfile::tempdir().unwrap();
        let audit = folder.path().join("audit.jsonl");
        let file = audit.clone();
        let service = Scripted::new(move |request, _| {
            // Once, since a missing file cannot be lost again.
            if request.starts_with("GET /api/machines/") && file.exists() {
                lose(&file);
            }
            request
                .starts_with("POST ")
                .then(|| Reply::error(500, "Lost", "it was sent"))
        });
        let outcome = service.run(&["--audit", audit.to_str().unwrap()]);
        assert_eq!(
            service.seen().len(),
            1,
            "{loss}: {:?} {outcome:?}",
            service.seen()
        );
        assert_eq!(outcome.row()["state"], "not-sent", "{loss}: {outcome:?}");
        assert_ne!(outcome.code, 0, "{loss}: {outcome:?}");
        let messages = outcome.stderr.matches("in the meantime").count();
        assert_eq!(messages, 1, "{loss}: {outcome:?}");
    }
}

#[test]
fn a_report_does_not_replace_what_came_there_during_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.html");
    let file = report.clone();
    let service = Scripted::new(move |request, _| {
        if request.starts_with("GET /api/machines/") {
            fs::write(&file, "of another process").unwrap();
        }
        None
    });
    let outcome = service.run(&["--report", report.to_str().unwrap()]);
    assert_ne!(outcome.code, 0, "{outcome:?}");
    assert!(
        outcome.stderr.contains("is not an earlier report"),
        "{outcome:?}"
    );
    assert_eq!(fs::read_to_string(report).unwrap(), "of another process");
}

/// The ledger is set in the profile only, and two paths lead to its folder.
#[test]
fn a_ledger_of_the_profile_is_one_of_the_files() {
    let world = World::new();
    let config = world.path("offboard.toml");
    crate::support::write_secret(
        &config,
        "[profiles.one]\nledger = 'l.db'\naudit = './l.db-wal'\n",
    );
    let mut run = command(["run", MACHINE, "--comment", "x", "--yes"]);
    run.env("OFFBOARD_CONFIG", &config)
        .env("OFFBOARD_API_ROOT", world.root());
    let outcome = Outcome::from(run.output().unwrap());
    assert_refused(&world, "profile", ["the ledger", "the audit"], &outcome);
}
