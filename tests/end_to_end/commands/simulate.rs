//! `offboard simulate`.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command},
};

use serde_json::Value;

use crate::support::{Outcome, command, get_json, offboard};

struct Started {
    child: Child,
    ready: Value,
}

fn start(args: &[&str]) -> Started {
    ready(command([&["simulate"], args].concat()))
}

fn ready(mut command: Command) -> Started {
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    Started {
        child,
        ready: serde_json::from_str(&line).unwrap(),
    }
}

impl Started {
    fn root(&self) -> &str {
        self.ready["apiRoot"].as_str().unwrap()
    }

    #[cfg(unix)]
    fn stop(mut self, signal: &str) -> Option<i32> {
        crate::support::signal(&self.child, signal);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_first_line_is_all_that_a_client_needs() {
    let simulator = start(&["--action-time", "0s"]);
    let root = simulator.root();
    assert!(
        root.starts_with("http://127.0.0.1:") && !root.ends_with('/'),
        "{root}"
    );
    let fleet = get_json(root, "/_simulator/machines");
    let machine = fleet
        .as_array()
        .unwrap()
        .iter()
        .find(|machine| {
            machine["osPlatform"]
                .as_str()
                .unwrap()
                .starts_with("Windows1")
                && machine["healthStatus"] == "Active"
                && machine["onboardingStatus"] == "Onboarded"
        })
        .unwrap();
    let id = machine["id"].as_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut run = command(["run", id, "--comment", "x", "--yes", "--wait", "-o", "json"]);
    run.env("OFFBOARD_API_ROOT", root)
        .env("OFFBOARD_TOKEN", simulator.ready["token"].as_str().unwrap())
        .env("OFFBOARD_LEDGER", folder.path().join("ledger.db"));
    let outcome = Outcome::from(run.output().unwrap());
    assert_eq!(outcome.row()["state"], "succeeded", "{outcome:?}");
    assert_eq!(
        get_json(root, &format!("/_simulator/machines/{id}"))["offboarded"],
        true
    );
}

/// As `nohup`, or a shell in the background, starts it. The test reads the signal mask from
/// the kernel, because a signal that is not ignored ends the process only after some time.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_the_caller_had_ignored_stays_ignored() {
    const INTERRUPT: u64 = 1 << 1;
    const TERMINATE: u64 = 1 << 14;
    for (before, expected) in [
        ("trap '' INT", INTERRUPT),
        ("trap '' INT TERM", INTERRUPT | TERMINATE),
        ("true", 0),
    ] {
        let run = command(["simulate"]);
        let simulator = ready(crate::support::after(before, &run));
        let status = format!("/proc/{}/status", simulator.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let ignored = u64::from_str_radix(ignored.unwrap().trim(), 16).unwrap();
        assert_eq!(
            ignored & (INTERRUPT | TERMINATE),
            expected,
            "{before}: {status}"
        );
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_and_sigterm_stop_it() {
    for signal in ["INT", "TERM"] {
        assert_eq!(start(&[]).stop(signal), Some(0), "{signal}");
    }
}

/// A second start replaces the files of the first one, and no other file.
#[cfg(unix)]
#[test]
fn files_of_another_kind_are_not_replaced() {
    use std::{fs, os::unix::fs::PermissionsExt as _};
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (token, ca, assertion) = (at("token"), at("ca.pem"), at("assertion"));
    let all = ["--tls", "--write-token", &token, "--write-ca", &ca];
    let all = [&all[..], &["--write-federated-token", &assertion]].concat();
    for _ in 0..2 {
        let simulator = start(&all);
        assert_eq!(
            fs::read_to_string(&token).unwrap(),
            simulator.ready["token"]
        );
        assert_eq!(simulator.stop("TERM"), Some(0));
    }
    let private = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n";
    let both = format!("{}{private}", fs::read_to_string(&ca).unwrap());
    // A token of a tenant that exists.
    const REAL: &str = "e30.eyJ0aWQiOiI3MmY5ODhiZi04NmYxLTQxYWYtOTFhYi0yZDdjZDAxMWRiNDcifQ.c2ln";
    for content in ["a ledger", private, &both, REAL, "a.b.c"] {
        for flag in ["--write-token", "--write-ca", "--write-federated-token"] {
            let file = at("other");
            fs::write(&file, content).unwrap();
            let outcome = offboard(["simulate", "--tls", flag, &file]);
            assert_eq!(outcome.code, 2, "{flag}: {outcome:?}");
            for words in [
                "is not a file of a simulator",
                "help: Use another file name",
            ] {
                assert!(outcome.stderr.contains(words), "{flag}: {outcome:?}");
            }
            assert!(outcome.stdout.is_empty(), "{flag}: {outcome:?}");
            assert_eq!(fs::read_to_string(&file).unwrap(), content, "{flag}");
        }
    }
    let other = at("other");
    fs::set_permissions(&other, fs::Permissions::from_mode(0o644)).unwrap();
    let simulator = start(&["--write-token", &other, "--force"]);
    assert_eq!(
        fs::read_to_string(&other).unwrap(),
        simulator.ready["token"]
    );
    let mode = fs::metadata(&other).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let outcome = offboard(["simulate", "--write-token", &at("missing/token")]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(
        outcome.stderr.contains("help: Create the folder"),
        "{outcome:?}"
    );
}

#[test]
fn it_listens_on_loopback_alone() {
    let outcome = offboard(["simulate", "--listen", "0.0.0.0:0"]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.stdout.is_empty(), "{outcome:?}");
}

#[test]
fn the_same_number_and_seed_make_the_same_fleet() {
    let ids = |args: &[&str]| {
        let simulator = start(args);
        let fleet = get_json(simulator.root(), "/_simulator/machines");
        fleet
            .as_array()
            .unwrap()
            .iter()
            .map(|machine| machine["id"].clone())
            .collect::<Vec<_>>()
    };
    let first = ids(&["--machines", "40", "--seed", "7"]);
    assert_eq!(first.len(), 40);
    assert_eq!(first, ids(&["--machines", "40", "--seed", "7"]));
    assert_ne!(first, ids(&["--machines", "40", "--seed", "8"]));
}
