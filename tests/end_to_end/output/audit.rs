//! The audit on disk: one line for each request of the plugin before it is sent, and one
//! for its end. Lines are only appended, never with the token. Nothing is sent without it.

use std::{fs, io::Read, net::TcpListener};

use serde_json::{Value, json};

#[cfg(unix)]
use crate::support::after;
use crate::support::{
    ClosedPort, MACHINE, Outcome, Reply, Scripted, World, accepted, command, offboard,
};

/// The lines of an audit.
fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn audited(world: &World, args: &[&str]) -> (Outcome, String) {
    let file = world.path("audit.jsonl");
    let outcome = world.run(&[args, &["--audit", file.to_str().unwrap()]].concat());
    (outcome, fs::read_to_string(file).unwrap())
}

#[test]
fn each_request_has_a_line_with_its_outcome() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let (outcome, text) = audited(&world, &[&id]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let all = lines(&text);
    let requests = world.requests();
    assert_eq!(all.len(), 2 * requests.len(), "{all:?}");
    let (decisions, lines): (Vec<_>, Vec<_>) = all
        .chunks(2)
        .map(|pair| (pair[0].clone(), pair[1].clone()))
        .unzip();
    for (decision, end) in decisions.iter().zip(&lines) {
        assert_eq!(decision["phase"], "decision");
        assert_eq!(end["phase"], "end");
        for same in [
            "time",
            "call",
            "grant",
            "method",
            "authority",
            "route",
            "decision",
            "query",
        ] {
            assert_eq!(decision[same], end[same], "{same}");
        }
        assert!(decision["status"].is_null(), "{decision}");
        assert_eq!(decision["bytesSent"], 0);
    }
    assert!(lines[0]["query"].is_null() && lines[2]["query"].is_null());
    let query = lines[1]["query"].as_str().unwrap();
    assert!(query.contains("$filter=") && query.contains(&id), "{query}");

    let plugin = offboard(["inspect", "--output", "json"]);
    let plugin: Value = serde_json::from_str(&plugin.stdout).unwrap();
    let authority = world.root().strip_prefix("http://").unwrap();
    for (line, request) in lines.iter().zip(&requests) {
        assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
        assert_eq!(line["pluginSha256"], plugin["sha256"]);
        assert_eq!(line["method"], request["method"]);
        assert_eq!(line["scheme"], "http");
        assert_eq!(line["authority"], authority);
        assert_eq!(line["decision"], "allowed");
        assert_eq!(line["address"], authority);
        assert_eq!(line["status"], 200);
        for none in ["reason", "proxy", "failure"] {
            assert!(line[none].is_null(), "{none}: {line}");
        }
        assert!(line["bytesSent"].as_u64() > Some(100), "{line}");
        assert!(line["bytesReceived"].as_u64() > Some(100), "{line}");
        assert!(line["durationMs"].is_u64(), "{line}");
        let grant = line["grant"].as_str().unwrap();
        assert!(
            grant.starts_with(request["method"].as_str().unwrap()),
            "{grant}"
        );
        assert!(grant.contains(world.root()), "{grant}");
    }
    let calls: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["call"].as_str().unwrap(),
                line["route"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        calls,
        [
            ("get-machine", "/api/machines/{id}"),
            ("list-actions", "/api/machineactions"),
            ("offboard-with-external-id", "/api/machines/{id}/offboard"),
        ]
    );
    assert!(lines[2]["grant"].as_str().unwrap().contains(&id));
}

#[test]
fn a_line_shows_how_far_a_request_came() {
    let service = Scripted::posting(Reply::raw(b""));
    let file = service.path("audit.jsonl");
    service.run(&["--audit", file.to_str().unwrap()]);
    let lines = lines(&fs::read_to_string(&file).unwrap());
    let mut ends = lines.iter().filter(|line| line["phase"] == "end");
    let post = ends.find(|line| line["method"] == "POST").unwrap();
    assert_eq!(post["decision"], "allowed");
    assert!(post["status"].is_null(), "{post}");
    assert!(post["bytesSent"].as_u64() > Some(100), "{post}");
    assert_eq!(post["bytesReceived"], 0);
    assert!(!post["failure"].as_str().unwrap().is_empty(), "{post}");

    let closed = ClosedPort::new();
    let file = service.path("closed.jsonl");
    let root = closed.root();
    service.run(&["--api-root", &root, "--audit", file.to_str().unwrap()]);
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.is_empty());
    for line in self::lines(&text) {
        if line["phase"] == "decision" {
            assert!(line["address"].is_null() && line["failure"].is_null());
            continue;
        }
        assert_eq!(
            (&line["decision"], &line["bytesSent"]),
            (&"allowed".into(), &0.into())
        );
        assert_eq!(line["address"], closed.address().to_string());
        assert!(
            line["failure"]
                .as_str()
                .unwrap()
                .contains("does not answer")
        );
    }
}

#[test]
fn runs_append() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let (_, first) = audited(&world, &[&id, "--dry-run"]);
    let (_, second) = audited(&world, &[&id, "--dry-run"]);
    assert!(!first.is_empty());
    assert!(second.starts_with(&first));
    assert_eq!(second.lines().count(), 2 * first.lines().count());
}

#[test]
fn earlier_contents_are_kept() {
    let world = World::new();
    let (_, earlier) = audited(&world, &[&world.online()[0].machine.id, "--dry-run"]);
    let before = format!("{earlier}not JSON at all\n{{\"torn\":");
    fs::write(world.path("audit.jsonl"), &before).unwrap();
    let (_, text) = audited(&world, &[&world.online()[0].machine.id]);
    let rest = text
        .strip_prefix(&before)
        .unwrap()
        .strip_prefix('\n')
        .unwrap();
    assert_eq!(lines(rest).len(), 6, "{text}");
}

/// A wrong name must not mix the audit with a list or with notes.
#[test]
fn a_file_that_is_not_an_audit_is_not_appended_to() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let path = world.path("audit.jsonl");
    let before = format!("machineId,comment\n{id},Retired\n");
    fs::write(&path, &before).unwrap();
    // `resume` needs a ledger.
    fs::write(world.path("ledger.db"), "").unwrap();
    let text = path.to_str().unwrap();
    for command in [
        &["run", &id, "--comment", "x", "--yes"][..],
        &["status", &id],
        &["cancel", &id, "--comment", "x"],
        &["resume", "--yes"],
        &["find", "pc"],
    ] {
        let outcome = world.offboard(&[command, &["--audit", text]].concat());
        assert_eq!(outcome.code, 2, "{outcome:?}");
        assert!(
            outcome.stderr.contains("not an earlier audit"),
            "{outcome:?}"
        );
    }
    assert!(world.requests().is_empty());
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
}

#[cfg(unix)]
#[test]
fn other_users_cannot_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    audited(&world, &[&world.online()[0].machine.id]);
    let mode = fs::metadata(world.path("audit.jsonl"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn it_never_has_the_token_or_the_comment() {
    let world = World::new();
    let (outcome, text) = audited(&world, &[&world.online()[0].machine.id, "-v", "--wait"]);
    let signature = world.token().rsplit('.').next().unwrap();
    let end = &signature[signature.len() - 6..];
    assert!(
        !text.contains(end) && !outcome.stderr.contains(end),
        "{text}"
    );
    assert!(!text.contains("INC-1"), "{text}");
}

#[test]
fn every_command_that_sends_has_one() {
    let world = World::new();
    let id = world.offline().machine.id.clone();
    assert_eq!(world.run(&[&id]).code, 0);
    let file = world.path("audit.jsonl");
    for (command, call) in [
        (&["find", "nobody.example.test"][..], "find-machines"),
        (&["status", &id], "list-actions"),
        (&["cancel", &id, "--comment", "A mistake"], "cancel-action"),
    ] {
        let outcome: Outcome = world
            .command(command)
            .env("OFFBOARD_AUDIT", &file)
            .output()
            .unwrap()
            .into();
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            lines(&text).iter().any(|line| line["call"] == call),
            "{call}: {outcome:?} {text}"
        );
    }
}

#[test]
fn an_audit_that_cannot_be_opened_is_reported_before_anything_is_sent() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    fs::create_dir(world.path("folder")).unwrap();
    for name in ["folder", "missing/audit.jsonl"] {
        let file = world.path(name);
        let outcome = world.run(&[&id, "--audit", file.to_str().unwrap()]);
        assert_eq!(outcome.code, 2, "{name}: {outcome:?}");
        assert!(outcome.stderr.contains("the audit file"), "{outcome:?}");
        assert!(outcome.stderr.contains(name), "{outcome:?}");
    }
    assert!(world.requests().is_empty());
}

#[cfg(unix)]
#[test]
fn the_reason_of_a_failed_open_is_reported_once() {
    let world = World::new();
    let file = world.path("missing/audit.jsonl");
    let outcome = world.run(&[MACHINE, "--audit", file.to_str().unwrap()]);
    let reasons = outcome.stderr.matches("os error").count();
    assert_eq!(reasons, 1, "{outcome:?}");
}

/// Nothing was sent, not even the first request, and that is reported.
#[cfg(unix)]
fn assert_stopped(world: &World, outcome: &Outcome) {
    assert_ne!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.stderr.contains("audit"), "{outcome:?}");
    assert!(world.requests().is_empty(), "{:?}", world.requests());
    assert!(world.offboardings().is_empty());
}

/// The record of a process that is killed includes the request that it was about to send.
#[test]
fn a_line_is_on_the_disk_before_its_request_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    let mut child = command(["run", MACHINE, "--comment", "x", "--yes", "--audit"])
        .arg(&file)
        .env("OFFBOARD_API_ROOT", root)
        .env("OFFBOARD_LEDGER", folder.path().join("ledger.db"))
        .env("OFFBOARD_TOKEN", "a.secret.token")
        .spawn()
        .unwrap();
    let mut stream = accepted(&listener);
    stream.read_exact(&mut [0]).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let lines = lines(&fs::read_to_string(file).unwrap());
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["phase"], "decision");
    assert_eq!(lines[0]["decision"], "allowed");
    assert_eq!(lines[0]["call"], "get-machine");
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_is_sent_if_the_disk_is_full() {
    let world = World::new();
    let outcome = world.run(&[&world.online()[0].machine.id, "--audit", "/dev/full"]);
    assert_stopped(&world, &outcome);
}

#[cfg(unix)]
#[test]
fn nothing_is_sent_if_the_audit_cannot_grow() {
    use std::io::{Seek, SeekFrom, Write};
    let world = World::new();
    let file = world.path("audit.jsonl");
    // Longer than the limit below, which no other file reaches.
    let mut long = fs::File::create(&file).unwrap();
    let first = json!({"time": "", "pluginSha256": "", "call": "", "grant": "", "decision": ""});
    writeln!(long, "{first}").unwrap();
    long.set_len(64 * 1024 * 1024).unwrap();
    long.seek(SeekFrom::End(0)).unwrap();
    long.write_all(b"\n").unwrap();
    let run = world.command(&[
        "run",
        &world.online()[0].machine.id,
        "--comment",
        "Retired",
        "--yes",
        "--output",
        "json",
        "--audit",
        file.to_str().unwrap(),
    ]);
    let mut limited = after("trap '' XFSZ; ulimit -f 32768", &run);
    let outcome: Outcome = limited.output().unwrap().into();
    assert_stopped(&world, &outcome);
    assert_eq!(
        outcome.row()["error"]["message"],
        "the audit cannot be written"
    );
    let messages = outcome.stderr.matches("nothing more is sent").count();
    assert_eq!(messages, 1, "{outcome:?}");
}

#[test]
fn verbose_output_has_a_line_for_each_request() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let outcome = world.run(&[&id, "-v"]);
    let root = world.root();
    for line in [
        format!("get-machine: GET {root}/api/machines/{{id}}, 200, "),
        format!("list-actions: GET {root}/api/machineactions, 200, "),
        format!("offboard-with-external-id: POST {root}/api/machines/{{id}}/offboard, 200, "),
    ] {
        let seen = outcome.stderr.lines().filter(|seen| {
            seen.strip_prefix(&line)
                .is_some_and(|rest| rest.ends_with(" ms"))
        });
        assert_eq!(seen.count(), 1, "{line}: {outcome:?}");
    }
    assert!(!outcome.stderr.contains(world.token()));
    let quiet = world.run(&[&world.online()[1].machine.id]);
    assert!(!quiet.stderr.contains(" ms\n"), "{quiet:?}");
}
