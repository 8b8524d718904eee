//! Other processes continue while this one waits for a retry-after or the quota: the
//! service's list is read again right before a request is sent.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{MACHINE, Outcome, Reply, Scripted, command, program};

/// Longer than a list counts as fresh.
const TOO_LATE: Duration = Duration::from_millis(5200);

fn action(id: &str, machine: &str, status: &str) -> Value {
    json!({
        "id": id,
        "type": "Offboard",
        "status": status,
        "machineId": machine,
        "requestorComment": "Retired",
    })
}

fn throttled(seconds: &str) -> Reply {
    Reply::with(429, &[("Retry-After", seconds)], "")
}

fn is_list(request: &str) -> bool {
    request.starts_with("GET /api/machineactions")
}

fn list(actions: &[Value]) -> Reply {
    Reply::new(200, &json!({ "value": actions }).to_string())
}

/// The first request is throttled. After it, another run offboards the machine.
#[test]
fn what_was_done_during_a_pause_is_not_done_again() {
    for (status, state) in [("Succeeded", "skipped"), ("InProgress", "accepted")] {
        let server = Scripted::new(move |request, posts| match posts {
            0 if request.starts_with("POST ") => Some(throttled("1")),
            0 => None,
            _ => is_list(request).then(|| list(&[action("a1", MACHINE, status)])),
        });
        let outcome = server.run(&[]);
        assert_eq!(server.posts(), 1, "{status}: {outcome:?}");
        let row = outcome.row();
        assert_eq!(row["state"], state, "{outcome:?}");
        assert!(row.to_string().contains("a1"), "{row}");
    }
}

/// If the list cannot be read again, nothing is sent.
#[test]
fn without_a_new_list_nothing_leaves() {
    let server = Scripted::new(|request, posts| match posts {
        0 if request.starts_with("POST ") => Some(throttled("1")),
        0 => None,
        _ => is_list(request).then(|| Reply::error(503, "ServiceUnavailable", "busy")),
    });
    let outcome = server.run(&[]);
    assert_eq!(server.posts(), 1, "{outcome:?}");
    assert_eq!(outcome.row()["state"], "not-sent", "{outcome:?}");
}

/// An action of another run before the request is not adopted as this request's.
#[test]
fn what_came_before_the_request_is_not_adopted_after_it() {
    let server = Scripted::new(
        |request, posts| match (posts, request.starts_with("POST ")) {
            (0, true) => Some(throttled("1")),
            (0, false) => None,
            (_, true) => Some(Reply::raw(b"")),
            // Another run's, with the same comment.
            (_, false) => is_list(request).then(|| list(&[action("a1", MACHINE, "Cancelled")])),
        },
    );
    let outcome = server.run(&[]);
    assert_eq!(server.posts(), 2, "{outcome:?}");
    assert_eq!(outcome.row()["state"], "unknown", "{outcome:?}");
}

/// A new token may take long, and so may its place in the quota.
#[test]
fn a_token_that_is_renewed_gets_a_new_list() {
    let token: Arc<OnceLock<std::path::PathBuf>> = Arc::default();
    let file = Arc::clone(&token);
    let server = Scripted::new(move |request, posts| match posts {
        0 if request.starts_with("POST ") => {
            std::fs::write(file.get().unwrap(), "another.secret.token").unwrap();
            Some(Reply::error(401, "Unauthorized", "No"))
        }
        0 => None,
        _ => is_list(request).then(|| list(&[action("a1", MACHINE, "Succeeded")])),
    });
    token.set(server.path("token")).unwrap();
    let outcome = server.run(&[]);
    assert_eq!(server.posts(), 1, "{outcome:?}");
    assert_eq!(outcome.row()["state"], "skipped", "{outcome:?}");
}

const OTHERS: [&str; 3] = [
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "cccccccccccccccccccccccccccccccccccccccc",
    "dddddddddddddddddddddddddddddddddddddddd",
];

/// A service with four machines. The first requests get this answer, and after this
/// number of them, another run has offboarded all machines but the first.
fn fleet(first: Option<Reply>, done_after: usize) -> Scripted {
    Scripted::new(move |request, posts| {
        let mut all = [MACHINE].into_iter().chain(OTHERS);
        let machine = all.find(|id| request.contains(id))?;
        if request.contains("/offboard ") {
            let accepted = action(&format!("new-{posts}"), machine, "Pending");
            let accepted = Reply::new(200, &accepted.to_string());
            let is_first = posts < done_after;
            return Some(first.clone().filter(|_| is_first).unwrap_or(accepted));
        }
        if is_list(request) {
            let done = OTHERS.map(|id| action(&format!("a-{}", &id[..1]), id, "Succeeded"));
            return (posts >= done_after).then(|| list(&done));
        }
        let found = json!({
            "id": machine,
            "computerDnsName": format!("host-{}", &machine[..1]),
            "osPlatform": "Windows11",
            "healthStatus": "Active",
            "onboardingStatus": "Onboarded",
        });
        Some(Reply::new(200, &found.to_string()))
    })
}

fn states(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|r| r["state"].as_str().unwrap()).collect()
}

/// The orders that were not sent yet waited for the retry-after, too: the list that they
/// share is older than a few seconds.
#[test]
fn an_old_list_is_read_again_for_those_that_waited() {
    let server = fleet(Some(throttled("6")), 1);
    let outcome = server.run(&[&OTHERS[..], &["--quota", "none"]].concat());
    let rows = outcome.rows();
    let expected = ["accepted", "skipped", "skipped", "skipped"];
    assert_eq!(states(&rows), expected, "{outcome:?}");
    assert_eq!(server.posts(), 2, "{outcome:?}");
}

/// The list is also stale after a wait for the quota.
#[test]
fn what_was_done_while_the_quota_was_used_up_is_not_done_again() {
    let server = fleet(None, 2);
    let outcome = server.run(&[&OTHERS[..], &["--quota", "2/6s"]].concat());
    let rows = outcome.rows();
    let expected = ["accepted", "accepted", "skipped", "skipped"];
    assert_eq!(states(&rows), expected, "{outcome:?}");
    assert_eq!(server.posts(), 2, "{outcome:?}");
}

/// A machine that another run offboarded is not tagged by the run that skips it.
#[test]
fn what_was_done_during_a_pause_is_not_tagged() {
    // The first machine's tag, and its request.
    let server = fleet(Some(throttled("6")), 2);
    let outcome = server.run(&[&OTHERS[..], &["--quota", "none", "--tag", "old"]].concat());
    let rows = outcome.rows();
    let expected = ["accepted", "skipped", "skipped", "skipped"];
    assert_eq!(states(&rows), expected, "{outcome:?}");
    let seen = server.seen();
    let tags = seen.iter().filter(|one| one.contains("/tags ")).count();
    assert_eq!((tags, server.posts()), (1, 3), "{seen:?} {outcome:?}");
}

/// The age of a list counts from its request: what happens before a slow answer may be
/// missing.
#[test]
fn a_list_that_comes_late_is_read_again() {
    let lists = AtomicUsize::new(0);
    let server = Scripted::new(move |request, _| {
        if !is_list(request) {
            return None;
        }
        if lists.fetch_add(1, Ordering::SeqCst) == 0 {
            std::thread::sleep(TOO_LATE);
            return None;
        }
        Some(list(&[action("a1", MACHINE, "Succeeded")]))
    });
    let outcome = server.run(&[]);
    assert_eq!(server.posts(), 0, "{outcome:?}");
    assert_eq!(outcome.row()["state"], "skipped", "{outcome:?}");
}

/// If no list is fresh, nothing is sent, and the run ends.
#[test]
fn lists_that_always_come_late_let_nothing_leave() {
    let server = Scripted::new(|request, _| {
        if is_list(request) {
            std::thread::sleep(TOO_LATE);
        }
        None
    });
    let outcome = server.run(&[]);
    assert_eq!(server.posts(), 0, "{outcome:?}");
    let row = outcome.row();
    assert_eq!(row["state"], "not-sent", "{outcome:?}");
    assert_eq!(row["error"]["kind"], "not-sent", "{outcome:?}");
    assert!(
        row.to_string().contains("the deadline passed before"),
        "{row}"
    );
    assert_eq!(outcome.code, 5, "{outcome:?}");
    let show = server.command(&["show", "last", "-o", "json"]);
    assert_eq!(show.row()["state"], "not-sent", "{show:?}");
}

/// Another process locks the ledger after the list, before the request is recorded.
#[test]
fn what_was_done_while_the_ledger_was_locked_is_not_done_again() {
    let ledger: Arc<OnceLock<std::path::PathBuf>> = Arc::default();
    let path = Arc::clone(&ledger);
    let lists = AtomicUsize::new(0);
    let server = Scripted::new(move |request, _| {
        if !is_list(request) {
            return None;
        }
        match lists.fetch_add(1, Ordering::SeqCst) {
            // Nothing has to be recorded before the first and the second list.
            0 => std::thread::sleep(TOO_LATE),
            1 => lock(path.get().unwrap()),
            _ => return Some(list(&[action("a1", MACHINE, "Succeeded")])),
        }
        None
    });
    ledger.set(server.path("ledger.db")).unwrap();
    let outcome = server.run(&[]);
    assert_eq!(server.posts(), 0, "{outcome:?}");
    assert_eq!(outcome.row()["state"], "skipped", "{outcome:?}");
}

/// A sign-in between the list and the request takes longer than a list counts as fresh.
#[cfg(unix)]
#[test]
fn what_was_done_during_a_slow_sign_in_is_not_done_again() {
    let listed: Arc<OnceLock<std::path::PathBuf>> = Arc::default();
    let is_listed = Arc::clone(&listed);
    let lists = AtomicUsize::new(0);
    let server = Scripted::new(move |request, _| {
        if !is_list(request) {
            return None;
        }
        if lists.fetch_add(1, Ordering::SeqCst) > 0 {
            return Some(list(&[action("a1", MACHINE, "Succeeded")]));
        }
        // From now on, a sign-in is slow. The present token expires meanwhile.
        std::fs::write(is_listed.get().unwrap(), "").unwrap();
        std::thread::sleep(Duration::from_millis(1500));
        None
    });
    listed.set(server.path("listed")).unwrap();
    let script = server.path("sign-in");
    let text = r#"
        folder=$(dirname "$0")
        life=1
        if [ -e "$folder/listed" ]; then sleep 6; life=3600; fi
        echo >> "$folder/signed-in"
        echo "{\"access_token\": \"a.secret.token\", \"expires_in\": $life}"
    "#;
    std::fs::write(&script, text).unwrap();
    let mut run = command([
        "run",
        MACHINE,
        "--comment",
        "Retired",
        "--yes",
        "-o",
        "json",
    ]);
    let outcome = Outcome::from(
        run.env("OFFBOARD_API_ROOT", server.root())
            .env("OFFBOARD_TOKEN_COMMAND", format!("sh {}", script.display()))
            .env("OFFBOARD_LEDGER", server.path("ledger.db"))
            .output()
            .unwrap(),
    );
    let signed_in = std::fs::read_to_string(server.path("signed-in")).unwrap();
    assert!(signed_in.lines().count() >= 2, "{outcome:?}");
    assert_eq!(server.posts(), 0, "{outcome:?}");
    assert_eq!(outcome.row()["state"], "skipped", "{outcome:?}");
    let seen = server.seen();
    assert_eq!(
        seen.iter().filter(|one| is_list(one)).count(),
        2,
        "{seen:?}"
    );
}

/// Locks the ledger until the present list is stale.
fn lock(ledger: &std::path::Path) {
    const WRITING_SCRIPT: &str = "import sqlite3, sys, time\n\
        c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)\n\
        c.execute('BEGIN IMMEDIATE')\n\
        print('locked', flush=True)\n\
        time.sleep(6)\n\
        c.execute('ROLLBACK')\n";
    let mut child = program("python3")
        .args(["-c", WRITING_SCRIPT])
        .arg(ledger)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "locked\n");
    std::thread::spawn(move || child.wait());
}
