//! Errors in arguments: exit code 2, and no request.

use crate::support::{Outcome, World, offboard};

const ID: &str = "0123456789abcdef0123456789abcdef01234567";

#[test]
fn an_invalid_machine_is_a_usage_error() {
    let world = World::new();
    for machine in [
        "",
        " ",
        "11111111-2222-3333-4444-555555555555",
        &ID[1..],
        &ID[..20],
        "5m",
        "600",
        "./list.csv",
        "list.csv",
        "/etc/passwd",
        "C:\\list.txt",
        "https://example.test/x",
    ] {
        let outcome = world.run(&[machine]);
        assert_eq!(outcome.code, 2, "{machine:?}: {outcome:?}");
        assert!(
            outcome.stdout.contains("\"exitCode\":2"),
            "{machine:?}: {outcome:?}"
        );
        assert!(
            outcome.stderr.starts_with("error: "),
            "{machine:?}: {outcome:?}"
        );
    }
    assert!(world.requests().is_empty());
}

#[test]
fn a_list_or_a_token_in_place_of_a_machine_is_reported() {
    let world = World::new();
    let token = world.token().to_owned();
    for (args, words) in [
        (
            &["run", "retired.csv", "--comment", "x"][..],
            "--from retired.csv",
        ),
        (&["run", "--comment", "x"], "--from FILE"),
        (&["run"], "--from FILE"),
        (&["run", &token, "--comment", "x"], "looks like a secret"),
        (&["status", &token], "looks like a secret"),
    ] {
        let outcome = world.offboard(args);
        assert_eq!(outcome.code, 2, "{outcome:?}");
        assert!(outcome.stderr.contains(words), "{outcome:?}");
        assert!(!outcome.stderr.contains(&token), "{outcome:?}");
    }
    let status = world.offboard(&["status"]);
    assert!(!status.stderr.contains("--from"), "{status:?}");
}

#[test]
fn the_remedy_of_a_usage_error_is_on_a_line_of_its_own() {
    let world = World::new();
    let token = world.token().to_owned();
    for (args, error, help) in [
        (["run", "600"], "a number or a duration", "--wait=600"),
        (["run", "list.csv"], "a file path", "--from list.csv"),
        (["run", "e36ea923…"], "this id was shortened", "--wide"),
        (["run", "a b"], "neither a machine id", "`offboard find`"),
        (
            ["run", "11111111-2222-3333-4444-555555555555"],
            "a GUID",
            "`offboard find 11111111",
        ),
        (["status", &token], "looks like a secret", "--token-file"),
    ] {
        let outcome = world.offboard(&args);
        assert_eq!(outcome.code, 2, "{outcome:?}");
        let (shown, rest) = outcome.stderr.split_once("\n\nhelp: ").unwrap();
        assert!(shown.contains(error) && !shown.contains(help), "{shown}");
        let (remedy, more) = rest.split_once('\n').unwrap();
        assert!(remedy.contains(help), "{remedy}");
        assert!(more.contains("For more information"), "{more}");
    }
    let misplaced = world.offboard(&["run", "x", "--comment", &token]);
    let help = "which is not shown here\nhelp: Write the secret into a file";
    assert!(misplaced.stderr.contains(help), "{misplaced:?}");
}

/// Many commands take `-` for standard output. Here it would be a file.
#[test]
fn a_dash_is_not_a_file_to_write() {
    for flag in ["--report", "--audit", "--ledger"] {
        let world = World::new();
        let folder = tempfile::tempdir().unwrap();
        for (name, code) in [("-", 2), ("./-", 0)] {
            // A dry run has no report.
            let mode = if flag == "--report" {
                "--yes"
            } else {
                "--dry-run"
            };
            let mut command = world.command(&["run", mode, "--comment", "x", flag, name]);
            command.arg(&world.online()[0].machine.id);
            command.current_dir(folder.path());
            let outcome = Outcome::from(command.output().unwrap());
            assert_eq!(outcome.code, code, "{flag} {name}: {outcome:?}");
            if code == 2 {
                assert!(outcome.stderr.contains("./-"), "{outcome:?}");
                assert!(!folder.path().join("-").exists(), "{flag}");
            }
        }
        let _ = std::fs::remove_file(folder.path().join("-"));
    }
}

#[test]
fn a_comment_is_required_and_not_blank() {
    let world = World::new();
    for comment in [
        &[][..],
        &["--comment", ""],
        &["--comment", " \t"],
        &["--comment", "\u{1b}[2J"],
        &["--comment", "a\nb"],
        &["--comment", "a\u{2028}b"],
    ] {
        let outcome = world.offboard(&[&["run", ID, "--yes"], comment].concat());
        assert_eq!(outcome.code, 2, "{comment:?}: {outcome:?}");
        assert!(outcome.stderr.contains("--comment"), "{outcome:?}");
    }
    assert!(world.requests().is_empty());
}

#[test]
fn a_column_option_needs_a_list() {
    let world = World::new();
    for option in ["--id-column", "--entra-id-column", "--name-column"] {
        let outcome = world.run(&[ID, option, "x"]);
        assert_eq!(outcome.code, 2, "{outcome:?}");
        assert!(outcome.stderr.contains(option), "{outcome:?}");
    }
    assert!(world.requests().is_empty());
}

#[test]
fn more_machines_than_usual_need_their_count() {
    let world = World::new();
    let ids: Vec<String> = (0..26).map(|number| format!("{number:040x}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let outcome = world.run(&ids);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.stderr.contains("--expect 26"), "{outcome:?}");
    let other = world.run(&[&ids[..], &["--expect", "25"]].concat());
    assert_eq!(other.code, 2, "{other:?}");
    assert!(
        other
            .stderr
            .contains("is 26, and the expected number is 25"),
        "{other:?}"
    );
    assert!(world.requests().is_empty());
    let confirmed = world.run(&[&ids[..], &["--expect", "26"]].concat());
    assert_eq!(
        (confirmed.code, confirmed.rows().len()),
        (1, 26),
        "{confirmed:?}"
    );
}

#[test]
fn the_token_never_travels_in_the_clear() {
    for root in [
        "http://api.security.microsoft.com",
        "http://10.0.0.1",
        "http://localhost.test",
    ] {
        let outcome = offboard(["run", ID, "--comment", "x", "--yes", "--api-root", root]);
        assert_eq!(outcome.code, 2, "{root}: {outcome:?}");
        assert!(outcome.stderr.contains("plain HTTP"), "{root}: {outcome:?}");
    }
}

#[test]
fn a_secret_is_never_an_argument() {
    let help = offboard(["run", "--help"]);
    assert!(!help.stdout.contains("--token "), "{help:?}");
    let outcome = offboard(["run", ID, "--comment", "x", "--yes", "--token", "abc"]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
}

#[test]
fn an_invalid_plugin_is_refused() {
    let world = World::new();
    std::fs::write(world.path("plugin.wasm"), b"\0asm\x01\0\0\0").unwrap();
    for file in ["plugin.wasm", "missing.wasm"] {
        let path = world.path(file);
        let outcome = world.run(&[ID, "--plugin", path.to_str().unwrap()]);
        assert_eq!(outcome.code, 2, "{file}: {outcome:?}");
    }
    assert!(world.requests().is_empty());
}

#[test]
fn every_exit_code_is_in_the_help() {
    let help = offboard(["--help"]).stdout;
    for line in [
        "0    all",
        "1    ",
        "2    ",
        "3    ",
        "4    ",
        "5    ",
        "130  ",
        "4, 3, 1, 5",
    ] {
        assert!(help.contains(line), "{line:?} is missing from:\n{help}");
    }
    for command in ["run", "status", "cancel", "find"] {
        let help = offboard([command, "--help"]).stdout;
        assert!(help.contains("Exit codes:"), "{command}:\n{help}");
    }
}

/// The usage line leaves out options that the environment sets.
#[test]
fn the_usage_line_is_the_same_whatever_the_environment_sets() {
    let world = World::new();
    for args in [
        &["run"][..],
        &["run", ID, "--no-such-option"],
        &["resume", "--no-such-option"],
        &["status"],
        &["config", "show", "--no-such-option"],
    ] {
        let outcome = world.offboard(args);
        assert_eq!(outcome.code, 2, "{outcome:?}");
        let mut lines = outcome.stderr.lines();
        let usage = lines.find(|line| line.starts_with("Usage: ")).unwrap();
        let command = args.iter().filter(|arg| ["config", "show"].contains(arg));
        let command: Vec<&str> = match args[0] {
            "config" => command.copied().collect(),
            name => vec![name],
        };
        let begin = format!("Usage: offboard {} [OPTIONS]", command.join(" "));
        assert!(usage.starts_with(&begin), "{usage}");
        for flag in ["--api-root", "--ledger", "--token-file"] {
            assert!(!usage.contains(flag), "{usage}");
        }
    }
}

#[test]
fn an_invalid_duration_is_reported_with_what_is_accepted() {
    let world = World::new();
    for (command, flag) in [
        ("run", "--wait=abc"),
        ("run", "--grace=5"),
        ("resume", "--wait="),
    ] {
        let mut args = vec![command, flag];
        if command == "run" {
            args.extend([ID, "--comment", "x"]);
        }
        let outcome = world.offboard(&args);
        assert_eq!(outcome.code, 2, "{outcome:?}");
        assert!(outcome.stderr.contains("90s, 10m or 1h30m"), "{outcome:?}");
    }
    assert!(world.requests().is_empty());
}

/// One line with the error, and one with the help.
#[track_caller]
fn assert_helps(outcome: &Outcome, error: &str, help: &str) {
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    let at = lines.iter().position(|line| line.starts_with("error: "));
    let at = at.unwrap_or_else(|| panic!("no error: {outcome:?}"));
    assert!(lines[at].contains(error), "{outcome:?}");
    assert!(!lines[at].contains(help), "{outcome:?}");
    let next = lines.get(at + 1).copied().unwrap_or_default();
    assert!(
        next.starts_with("help: ") && next.contains(help),
        "{outcome:?}"
    );
    assert!(!outcome.stderr.contains("hint: "), "{outcome:?}");
}

#[test]
fn an_error_is_followed_by_a_line_with_what_to_do() {
    let world = World::new();
    let ids = world.online_ids(2);
    world.run(&[&ids[0]]);
    for command in ["resume", "show", "export"] {
        let outcome = world.offboard(&[command, "zzz"]);
        assert_eq!(outcome.code, 2, "{outcome:?}");
        assert_helps(&outcome, "zzz", "`offboard runs`");
    }
    let unconfirmed = world.offboard(&["run", &ids[1], "--comment", "x"]);
    assert_helps(&unconfirmed, "no terminal", "--yes");
    let many = [
        "run",
        &ids[0],
        &ids[1],
        "--comment",
        "x",
        "--yes",
        "--max-devices=1",
    ];
    assert_helps(
        &world.offboard(&many),
        "exceeds the limit of 1",
        "--expect 2",
    );
    let found = world.offboard(&["find", "no-such-machine"]);
    assert_helps(&found, "no-such-machine", "180 days");
    let list = world.path("list.csv");
    std::fs::write(&list, "what,who\nx,y\n").unwrap();
    let list = list.display().to_string();
    let columns = world.offboard(&["run", "--from", &list, "--comment", "x", "--yes"]);
    assert_helps(&columns, "neither a column machineId", "--id-column");
    let unknown = world.run(&[ID]);
    assert!(unknown.stderr.contains("\nhelp: ") || unknown.stderr.starts_with("help: "));
    assert!(!unknown.stderr.contains("hint: "), "{unknown:?}");
}

#[test]
fn a_report_whose_folder_does_not_exist_is_reported_with_the_folder() {
    let world = World::new();
    let folder = world.path("nodir");
    let file = folder.join("report.html").display().to_string();
    let outcome = world.run(&[ID, "--report", &file]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    let words = format!("the folder {} does not exist", folder.display());
    assert_helps(&outcome, &words, "Create the folder");
    assert!(world.requests().is_empty());
}

/// No machine, action, run or name begins with a hyphen, so `--` is no remedy.
#[test]
fn an_unknown_option_is_not_recommended_as_a_value() {
    for args in [
        &["cancel", "pc", "--comment", "x", "--yes"][..],
        &["status", "pc", "--yes"],
        &["show", "last", "--yes"],
        &["find", "pc", "--yes"],
        &["export", "last", "-y"],
    ] {
        let outcome = offboard(args);
        assert_eq!(outcome.code, 2, "{outcome:?}");
        let unexpected = format!("unexpected argument '{}'", args[args.len() - 1]);
        assert!(outcome.stderr.contains(&unexpected), "{outcome:?}");
        assert!(!outcome.stderr.contains("as a value"), "{outcome:?}");
        let explains = outcome
            .stderr
            .contains("cancel does not ask for confirmation");
        assert_eq!(explains, args[0] == "cancel", "{outcome:?}");
    }
    // A similar option is still recommended.
    let similar = offboard(["cancel", "pc", "--coment", "x"]);
    assert!(similar.stderr.contains("'--comment'"), "{similar:?}");
}

/// As in a system service or a container.
#[cfg(unix)]
#[test]
fn a_run_records_its_user_also_without_variables() {
    let world = World::new();
    let id = &world.online_ids(1)[0];
    let mut command = world.command(&["run", id, "--comment", "x", "--yes"]);
    for name in ["USER", "USERNAME", "LOGNAME"] {
        command.env_remove(name);
    }
    let outcome = Outcome::from(command.output().unwrap());
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let runs = world.offboard(&["runs", "-o", "json"]).row();
    let user = runs["user"].as_str().unwrap_or_default();
    let system = std::process::Command::new("id")
        .arg("-un")
        .output()
        .unwrap();
    let system = String::from_utf8(system.stdout).unwrap();
    assert!(
        user == system.trim() || user.starts_with("uid "),
        "{user:?} {system:?}"
    );
    assert_eq!(runs["confirmations"][0]["by"], user);
    let shown = world.offboard(&["show", "last"]);
    assert!(shown.stderr.contains(&format!(" by {user}")), "{shown:?}");
}
