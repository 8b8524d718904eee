//! Settings of the plugin: the pinned digest, and the limits that a user sets.

use std::{fs, net::TcpListener, path::PathBuf};

use offboard::component::{Component, Digest};
use serde_json::Value;

use crate::support::{ClosedPort, MACHINE, Outcome, Reply, Scripted, World, command, offboard};

fn built_in_digest() -> String {
    Component::embedded().unwrap().digest().as_str().to_owned()
}

/// The built-in plugin as a file.
fn extracted(world: &World) -> PathBuf {
    let file = world.path("plugin.wasm");
    let outcome = offboard(["inspect".as_ref(), "--extract".as_ref(), file.as_os_str()]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    file
}

#[test]
fn the_plugin_that_is_pinned_runs() {
    let world = World::new();
    let digest = built_in_digest();
    let file = extracted(&world);
    let file = file.to_str().unwrap();
    let spellings = [
        digest.clone(),
        digest.to_uppercase(),
        format!("sha256:{digest}"),
    ];
    for (truth, pinned) in world.online().iter().zip(&spellings) {
        let outcome = world.run(&[&truth.machine.id, "--plugin-sha256", pinned]);
        assert_eq!(outcome.code, 0, "{pinned}: {outcome:?}");
    }
    for more in [&["--plugin-sha256", &digest][..], &[]] {
        let id = &world.online()[4].machine.id;
        let args = [&[id, "--dry-run", "--plugin", file], more].concat();
        let outcome = world.run(&args);
        assert_eq!(outcome.code, 0, "{outcome:?}");
    }
    let named: Outcome = world
        .command(&["run", MACHINE, "--comment", "x", "--dry-run"])
        .env("OFFBOARD_PLUGIN_SHA256", &digest)
        .output()
        .unwrap()
        .into();
    // The plugin ran: the machine is not in the fleet.
    assert_eq!(named.code, 1, "{named:?}");
}

/// Both digests are reported, and nothing else happens.
fn assert_refused(world: &World, outcome: &Outcome, pinned: &str, found: &str) {
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.stderr.contains(pinned), "{outcome:?}");
    assert!(outcome.stderr.contains(found), "{outcome:?}");
    assert!(!outcome.stdout.starts_with('['), "{outcome:?}");
    assert!(world.requests().is_empty());
}

#[test]
fn another_plugin_than_the_one_that_is_pinned_does_not_run() {
    let world = World::new();
    let pinned = "0".repeat(64);
    let outcome = world.run(&[MACHINE, "--plugin-sha256", &pinned]);
    assert_refused(&world, &outcome, &pinned, &built_in_digest());

    let named: Outcome = world
        .command(&["run", MACHINE, "--comment", "x", "--yes"])
        .env("OFFBOARD_PLUGIN_SHA256", &pinned)
        .output()
        .unwrap()
        .into();
    assert_refused(&world, &named, &pinned, &built_in_digest());

    // A plugin with one more section, an invalid one, and an empty file: none is compiled.
    let file = extracted(&world);
    let mut bytes = fs::read(&file).unwrap();
    bytes.extend([0, 2, 1, b'x']);
    for bytes in [bytes, b"\0asm nonsense".to_vec(), Vec::new()] {
        fs::write(&file, &bytes).unwrap();
        let found = Digest::of(&bytes);
        let pinned = built_in_digest();
        let args = [MACHINE, "--plugin", file.to_str().unwrap()];
        let outcome = world.run(&[&args[..], &["--plugin-sha256", &pinned]].concat());
        assert_refused(&world, &outcome, &pinned, found.as_str());
    }
}

#[test]
fn a_refused_plugin_is_not_reported_as_compiled() {
    let world = World::new();
    let file = extracted(&world);
    let args = [MACHINE, "--plugin", file.to_str().unwrap()];
    let outcome = world.run(&[&args[..], &["--plugin-sha256", &"0".repeat(64)]].concat());
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(!outcome.stderr.contains("Compiling"), "{outcome:?}");
}

#[test]
fn an_invalid_digest_is_reported() {
    let world = World::new();
    let digest = built_in_digest();
    for text in [
        "",
        "abc",
        &digest[1..],
        &format!("md5:{digest}"),
        &"g".repeat(64),
    ] {
        let outcome = world.run(&[MACHINE, "--plugin-sha256", text]);
        assert_eq!(outcome.code, 2, "{text:?}: {outcome:?}");
    }
    let outcome = world.run(&[MACHINE, "--plugin-sha256", "abc"]);
    assert!(
        outcome.stderr.contains("64 hexadecimal digits"),
        "{outcome:?}"
    );
    assert!(world.requests().is_empty());
}

#[test]
fn inspect_takes_a_pin_too() {
    let pinned = "0".repeat(64);
    let outcome = offboard(["inspect", "--plugin-sha256", &pinned]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""));
    for words in [&*pinned, "help: Do not run", "docs/embed.md"] {
        assert!(outcome.stderr.contains(words), "{words}: {outcome:?}");
    }
    assert_eq!(
        offboard(["inspect", "--plugin-sha256", &built_in_digest()]).code,
        0
    );
}

#[test]
fn a_shorter_deadline_ends_a_call_earlier() {
    // The server answers everything but the POST.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = listener.local_addr().unwrap();
    let server = Scripted::new(move |request, _| {
        request.starts_with("POST ").then(|| {
            // Longer than the client waits.
            std::thread::sleep(std::time::Duration::from_secs(8));
            Reply::raw(b"")
        })
    });
    let outcome = server.run(&["--limit", "deadline=3s"]);
    let row = outcome.row();
    assert_eq!(
        (outcome.code, row["state"].as_str()),
        (4, Some("unknown")),
        "{outcome:?}"
    );
    assert_eq!(row["error"]["kind"], "outcome-unknown");
    let message = row["error"]["message"].as_str().unwrap();
    assert!(message.contains("longer than 3s"), "{message}");

    // A service that answers nothing at all is not sent the order.
    let root = format!("http://{silent}");
    let outcome = server.run(&["--limit", "deadline=3s", "--api-root", &root]);
    let row = outcome.row();
    assert_eq!(
        (outcome.code, row["state"].as_str()),
        (5, Some("not-sent")),
        "{outcome:?}"
    );
    drop(listener);
}

#[test]
fn less_memory_than_the_plugin_needs_is_reported_as_a_limit() {
    let world = World::new();
    for limit in ["memory=1", "memory=1MiB", "table-elements=1", "instances=1"] {
        let outcome = world.run(&[MACHINE, "--limit", limit]);
        assert_eq!(outcome.code, 2, "{limit}: {outcome:?}");
        for words in ["the plugin exceeded a limit", "help: Raise the limit"] {
            assert!(outcome.stderr.contains(words), "{limit}: {outcome:?}");
        }
        assert!(!limit.starts_with("memory") || outcome.stderr.contains("bytes of memory"));
    }
    assert!(world.requests().is_empty());
}

#[test]
fn an_invalid_limit_is_reported_before_anything_is_sent() {
    let world = World::new();
    for (limit, words) in [
        ("memory=2GiB", "1073741824"),
        ("memory=0", "1 to"),
        ("deadline=11m", "600000"),
        ("deadline=0s", "1 to"),
        ("handles=10001", "10000"),
        ("deadline=soon", "a duration"),
        ("memory=much", "a number of bytes"),
        ("handles=1KiB", "a number"),
        ("memory", "NAME=VALUE"),
        ("", "NAME=VALUE"),
    ] {
        let outcome = world.run(&[MACHINE, "--limit", limit]);
        assert_eq!(outcome.code, 2, "{limit:?}: {outcome:?}");
        assert!(outcome.stderr.contains(words), "{limit:?}: {outcome:?}");
    }
    let outcome = world.run(&[MACHINE, "--limit", "speed=1"]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    let names = [
        "deadline",
        "memory",
        "memories",
        "tables",
        "table-elements",
        "instances",
        "stack",
        "host-data",
        "handles",
    ];
    for name in names {
        assert!(outcome.stderr.contains(name), "{name}: {outcome:?}");
    }
    assert!(world.requests().is_empty());
}

fn limit(outcome: &Outcome, name: &str) -> u64 {
    let row: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let limits = row["limits"].as_array().unwrap().iter();
    let limit = limits.clone().find(|limit| limit["name"] == name).unwrap();
    limit["value"].as_u64().unwrap()
}

#[test]
fn inspect_shows_the_limits_that_are_in_force() {
    let usual = offboard(["inspect", "--output", "json"]);
    assert_eq!(limit(&usual, "memory"), 96 * 1024 * 1024);
    assert_eq!(limit(&usual, "deadline"), 60_000);

    let given = offboard([
        "inspect",
        "--output",
        "json",
        "--limit",
        "memory=64MiB",
        "--limit",
        "deadline=30s",
    ]);
    assert_eq!(limit(&given, "memory"), 64 * 1024 * 1024);
    assert_eq!(limit(&given, "deadline"), 30_000);
    assert_eq!(limit(&given, "handles"), limit(&usual, "handles"));

    let named: Outcome = command(["inspect", "--output", "json"])
        .env("OFFBOARD_LIMITS", "memory=64MiB,deadline=30s")
        .output()
        .unwrap()
        .into();
    assert_eq!(named.stdout, given.stdout);
    let table = offboard(["inspect", "--limit", "memory=65MiB"]).stdout;
    assert!(table.contains("65MiB"), "{table}");
}

/// An error about a file contains names from that file.
#[test]
fn a_plugin_s_names_cannot_forge_lines_of_output() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("evil.wasm");
    let text = r#"(component (import "x\nconforms    yes\n\n" (func)))"#;
    std::fs::write(&file, wat::parse_str(text).unwrap()).unwrap();
    let closed = ClosedPort::new();
    for command in ["inspect", "find"] {
        let mut args = vec![command, "--plugin", file.to_str().unwrap()];
        if command == "find" {
            args.push("somebody");
        }
        let outcome = crate::support::command(args)
            .env("OFFBOARD_TOKEN", "a.secret.token")
            .env("OFFBOARD_API_ROOT", closed.root())
            .output()
            .unwrap();
        let output =
            String::from_utf8_lossy(&[outcome.stdout, outcome.stderr].concat()).into_owned();
        assert!(output.contains("conforms    yes"), "{output}");
        let forged = output.lines().filter(|line| line.starts_with("conforms"));
        assert_eq!(forged.count(), 0, "{output}");
    }
}
