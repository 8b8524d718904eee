//! The state of an order after each answer and each kind of failure. The server is
//! scripted; the command and the plugin are the real ones.

use serde_json::json;

use crate::support::{MACHINE, Outcome, Reply, Scripted, program, written_ledger};

fn action(id: &str, status: &str) -> String {
    json!({
        "id": id,
        "type": "Offboard",
        "status": status,
        "machineId": MACHINE,
        "requestorComment": "Retired",
    })
    .to_string()
}

const NEW: &str = "aaaaaaaa-2222-3333-4444-555555555555";
const OLD: &str = "99999999-2222-3333-4444-555555555555";

fn accepted() -> Reply {
    Reply::new(200, &action(NEW, "Pending"))
}

/// Runs against a server that answers the POST with this. In any case, there is exactly
/// one POST.
fn run(reply: Reply) -> Outcome {
    let server = Scripted::posting(reply);
    let outcome = server.run(&[]);
    assert_eq!(server.posts(), 1, "{outcome:?}");
    outcome
}

#[test]
fn every_documented_error_has_its_kind_state_and_exit_code() {
    for (status, code, kind, state, exit, retry) in [
        (400, "BadRequest", "rejected", "rejected", 1, "never"),
        (400, "ODataError", "rejected", "rejected", 1, "never"),
        (400, "InvalidInput", "rejected", "rejected", 1, "never"),
        (
            400,
            "InvalidRequestBody",
            "rejected",
            "rejected",
            1,
            "never",
        ),
        (400, "InvalidHashValue", "rejected", "rejected", 1, "never"),
        (400, "InvalidDomainName", "rejected", "rejected", 1, "never"),
        (400, "InvalidIpAddress", "rejected", "rejected", 1, "never"),
        (400, "InvalidUrl", "rejected", "rejected", 1, "never"),
        (
            400,
            "MaximumBatchSizeExceeded",
            "rejected",
            "rejected",
            1,
            "never",
        ),
        (
            400,
            "MissingRequiredParameter",
            "rejected",
            "rejected",
            1,
            "never",
        ),
        (
            400,
            "OsPlatformNotSupported",
            "unsupported-machine",
            "rejected",
            1,
            "never",
        ),
        (
            400,
            "ClientVersionNotSupported",
            "unsupported-machine",
            "rejected",
            1,
            "never",
        ),
        (
            400,
            "ActiveRequestAlreadyExists",
            "already-in-progress",
            "rejected",
            1,
            "never",
        ),
        (401, "Unauthorized", "unauthorized", "not-sent", 3, "safe"),
        (403, "Forbidden", "forbidden", "not-sent", 3, "safe"),
        (403, "DisabledFeature", "forbidden", "not-sent", 3, "safe"),
        (
            403,
            "DisallowedOperation",
            "forbidden",
            "rejected",
            3,
            "never",
        ),
        (404, "NotFound", "machine-not-found", "rejected", 1, "never"),
        (
            404,
            "ResourceNotFound",
            "machine-not-found",
            "rejected",
            1,
            "never",
        ),
        (
            408,
            "RequestTimeout",
            "outcome-unknown",
            "unknown",
            4,
            "ask-first",
        ),
        (409, "Conflict", "rejected", "rejected", 1, "never"),
        (429, "TooManyRequests", "throttled", "not-sent", 5, "safe"),
        (
            500,
            "InternalServerError",
            "service-failure",
            "unknown",
            4,
            "ask-first",
        ),
        (
            503,
            "ServiceUnavailable",
            "service-failure",
            "unknown",
            4,
            "ask-first",
        ),
    ] {
        let outcome = run(Reply::error(status, code, "The service's own words."));
        let row = outcome.row();
        let error = &row["error"];
        assert_eq!(
            (
                error["kind"].as_str(),
                row["state"].as_str(),
                outcome.code,
                error["retry"].as_str()
            ),
            (Some(kind), Some(state), exit, Some(retry)),
            "{status} {code}: {outcome:?}"
        );
        assert_eq!(error["code"], code);
        // What the service lists of an action in progress follows.
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with("The service's own words."), "{message}");
        assert_eq!(error["target"], "|t-1.");
        assert!(!error["hint"].as_str().unwrap().is_empty());
    }
}

#[test]
fn in_progress_is_recognised_by_its_message_too() {
    let outcome = run(Reply::error(
        400,
        "BadRequest",
        "Action is already in progress",
    ));
    assert_eq!(outcome.row()["error"]["kind"], "already-in-progress");
}

#[test]
fn trap_only_201_taken_for_success() {
    for status in [200, 201, 202] {
        let outcome = run(Reply::new(status, &action(NEW, "Pending")));
        assert_eq!(
            (outcome.code, &outcome.row()["state"]),
            (0, &json!("accepted")),
            "{status}"
        );
    }
}

#[test]
fn a_success_that_makes_no_sense_is_unknown() {
    let other_machine = action(NEW, "Pending").replace(MACHINE, &"b".repeat(40));
    let other_type = action(NEW, "Pending").replace("Offboard", "Isolate");
    for body in [
        "",
        "null",
        "{}",
        "<html>",
        "[]",
        "{\"id\": \"x\"}",
        &other_machine,
        &other_type,
        "\u{0}",
    ] {
        let outcome = run(Reply::new(200, body));
        let row = outcome.row();
        assert_eq!(
            (outcome.code, &row["state"], &row["error"]["kind"]),
            (4, &json!("unknown"), &json!("unreadable-answer")),
            "{body:?}: {outcome:?}"
        );
    }
}

#[test]
fn a_redirect_is_refused_and_not_followed() {
    let target = Scripted::posting(accepted());
    for status in [301, 302, 304, 307, 308] {
        let location = format!("{}/api/machines/{MACHINE}/offboard", target.root());
        let outcome = run(Reply::with(status, &[("Location", &location)], ""));
        let row = outcome.row();
        assert_eq!(
            (outcome.code, &row["error"]["kind"]),
            (1, &json!("rejected")),
            "{status}"
        );
    }
    assert!(target.seen().is_empty());
}

#[test]
fn an_answer_without_the_service_s_body_keeps_its_text() {
    let outcome = run(Reply::new(403, "<html>Blocked by the proxy</html>"));
    assert_eq!(
        outcome.row()["error"]["message"],
        "<html>Blocked by the proxy</html>"
    );
}

#[test]
fn a_connection_that_ends_without_a_status_is_unknown() {
    let reply = accepted();
    for length in [0, 1, 8] {
        let outcome = run(reply.cut(length));
        let row = outcome.row();
        assert_eq!(
            (
                outcome.code,
                &row["state"],
                &row["error"]["kind"],
                &row["error"]["retry"]
            ),
            (
                4,
                &json!("unknown"),
                &json!("outcome-unknown"),
                &json!("ask-first")
            ),
            "after {length} bytes: {outcome:?}"
        );
    }
}

#[test]
fn a_success_that_breaks_off_is_unreadable() {
    let reply = accepted();
    for length in [reply.len() - 1, reply.len() - 20] {
        let outcome = run(reply.cut(length));
        assert_eq!(
            outcome.row()["error"]["kind"],
            "unreadable-answer",
            "{outcome:?}"
        );
        assert_eq!(outcome.code, 4);
    }
}

#[test]
fn a_refusal_that_breaks_off_is_still_a_refusal() {
    let reply = Reply::error(404, "ResourceNotFound", "Machine was not found");
    let outcome = run(reply.cut(reply.len() - 20));
    assert_eq!(
        (outcome.code, &outcome.row()["error"]["kind"]),
        (1, &json!("machine-not-found"))
    );
}

#[test]
fn an_encoded_answer_is_not_trusted() {
    let body = action(NEW, "Pending");
    let outcome = run(Reply::with(200, &[("Content-Encoding", "gzip")], &body));
    assert_eq!(
        outcome.row()["error"]["kind"],
        "unreadable-answer",
        "{outcome:?}"
    );
}

#[test]
fn an_answer_that_is_too_long_is_not_read() {
    let body = action(NEW, "Pending").replace("Retired", &"x".repeat(300_000));
    let outcome = run(Reply::new(200, &body));
    assert_eq!(
        outcome.row()["error"]["kind"],
        "unreadable-answer",
        "{outcome:?}"
    );
}

/// A server that fails the POST, and lists these actions before and after it.
fn unknown_then(before: &'static [&'static str], after: &'static [&'static str]) -> Scripted {
    Scripted::new(move |request, posts| {
        if request.starts_with("POST ") {
            return Some(Reply::error(500, "InternalServerError", ""));
        }
        if !request.starts_with("GET /api/machineactions") {
            return None;
        }
        let known = if posts == 0 { before } else { after };
        let actions: Vec<_> = known
            .iter()
            .map(|id| serde_json::from_str::<serde_json::Value>(&action(id, "Pending")).unwrap())
            .collect();
        Some(Reply::new(200, &json!({"value": actions}).to_string()))
    })
}

#[test]
fn an_unknown_outcome_is_reconciled_by_a_query() {
    let server = unknown_then(&[OLD], &[NEW, OLD]);
    let outcome = server.run(&["--again"]);
    let row = outcome.row();
    assert_eq!(
        (outcome.code, &row["state"]),
        (0, &json!("accepted")),
        "{outcome:?}"
    );
    assert_eq!(row["action"]["id"], NEW);
    assert_eq!(row["error"], json!(null));
    assert_eq!(server.posts(), 1);
}

#[test]
fn another_user_s_action_is_not_adopted() {
    let server = Scripted::new(move |request, posts| {
        if request.starts_with("POST ") {
            return Some(Reply::error(500, "InternalServerError", ""));
        }
        let other = action(NEW, "Succeeded").replace("Retired", "Another ticket");
        (request.starts_with("GET /api/machineactions") && posts > 0)
            .then(|| Reply::new(200, &format!("{{\"value\": [{other}]}}")))
    });
    let outcome = server.run(&[]);
    assert_eq!(
        (outcome.code, &outcome.row()["state"]),
        (4, &json!("unknown")),
        "{outcome:?}"
    );
}

#[test]
fn an_action_that_was_listed_before_in_another_shape_is_not_adopted() {
    let server = Scripted::new(move |request, posts| {
        if request.starts_with("POST ") {
            return Some(Reply::error(500, "InternalServerError", ""));
        }
        // Before the POST: without a machine, and in capital letters.
        let known = match posts {
            0 => action(&NEW.to_uppercase(), "Pending").replace("machineId", "other"),
            _ => action(NEW, "Succeeded"),
        };
        request
            .starts_with("GET /api/machineactions")
            .then(|| Reply::new(200, &format!("{{\"value\": [{known}]}}")))
    });
    let outcome = server.run(&[]);
    assert_eq!(
        (outcome.code, &outcome.row()["state"]),
        (4, &json!("unknown")),
        "{outcome:?}"
    );
}

#[test]
fn nothing_is_sent_before_earlier_actions_are_listed() {
    let server = Scripted::new(move |request, _| {
        request
            .starts_with("GET /api/machineactions")
            .then(|| Reply::with(429, &[("Retry-After", "3600")], "{}"))
    });
    let outcome = server.run(&[]);
    assert_eq!(
        (outcome.code, &outcome.row()["state"]),
        (5, &json!("not-sent")),
        "{outcome:?}"
    );
    assert_eq!(server.posts(), 0);
}

#[test]
fn an_action_that_was_listed_before_is_not_adopted() {
    let server = unknown_then(&[OLD], &[OLD]);
    let outcome = server.run(&["--again"]);
    assert_eq!(
        (outcome.code, &outcome.row()["state"]),
        (4, &json!("unknown"))
    );
    assert_eq!(server.posts(), 1);
}

#[test]
fn a_late_action_is_found_within_the_grace_time() {
    let lists = std::sync::atomic::AtomicUsize::new(0);
    let server = Scripted::new(move |request, posts| {
        if request.starts_with("POST ") {
            return Some(Reply::raw(b""));
        }
        let late = request.starts_with("GET /api/machineactions")
            && posts == 1
            && lists.fetch_add(1, std::sync::atomic::Ordering::SeqCst) >= 2;
        late.then(|| {
            Reply::new(
                200,
                &format!("{{\"value\": [{}]}}", action(NEW, "Succeeded")),
            )
        })
    });
    let outcome = server.run(&["--grace=20s"]);
    let row = outcome.row();
    assert_eq!(
        (outcome.code, &row["state"]),
        (0, &json!("succeeded")),
        "{outcome:?}"
    );
    assert_eq!(server.posts(), 1);
}

#[test]
fn trap_post_repeated_after_5xx() {
    for reply in [
        Reply::error(500, "InternalServerError", ""),
        Reply::new(502, ""),
        Reply::raw(b""),
    ] {
        run(reply);
    }
}

#[test]
fn an_echo_of_the_token_is_cut_out() {
    let outcome = run(Reply::error(
        400,
        "BadRequest",
        "You sent: Bearer a.secret.token",
    ));
    assert_eq!(
        outcome.row()["error"]["message"],
        "You sent: Bearer [redacted]"
    );
    assert!(!format!("{outcome:?}").contains("a.secret.token"));

    let escaped = r#"{"error":{"code":"BadRequest","message":"a\u002esecret\u002Etoken"}}"#;
    let server = Scripted::posting(Reply::new(400, escaped));
    let outcome = server.run(&[]);
    let ledger = written_ledger(&server.path("ledger.db"));
    assert!(!format!("{outcome:?}{ledger}").contains("a.secret.token"));
}

#[test]
fn a_303_does_not_prove_that_nothing_was_done() {
    let outcome = run(Reply::with(
        303,
        &[("Location", "/api/machineactions/x")],
        "",
    ));
    assert_eq!(
        (outcome.code, &outcome.row()["state"]),
        (4, &json!("unknown")),
        "{outcome:?}"
    );
}

#[test]
fn the_service_s_text_cannot_control_the_terminal() {
    let server = Scripted::posting(Reply::error(
        400,
        "BadRequest",
        "\u{1b}[2J\u{9b}31mred\u{202e}",
    ));
    for format in ["table", "json", "jsonl"] {
        let outcome = server.run(&["--output", format]);
        let text = format!("{}{}", outcome.stdout, outcome.stderr);
        let is_control = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!text.contains(is_control), "{format}: {text:?}");
    }
}

/// An action that was accepted earlier and that the service no longer has, both if the
/// service supports the list's filter and if it does not.
#[test]
fn an_action_that_is_no_longer_listed_is_reported_and_not_waited_for() {
    for supports_filter in [true, false] {
        let server = Scripted::new(move |request, _| match request {
            post if post.starts_with("POST ") => Some(accepted()),
            list if list.contains("machineactions?$filter") && !supports_filter => {
                Some(Reply::error(400, "BadRequest", "no such filter"))
            }
            one if one.starts_with(&format!("GET /api/machineactions/{NEW}")) => {
                Some(Reply::error(404, "ResourceNotFound", "no such action"))
            }
            _ => None,
        });
        assert_eq!(server.run(&[]).row()["state"], "accepted");
        let resume = |wait: &str| server.command(&["resume", wait, "-o", "json"]);
        // A new action may be listed late.
        let soon = resume("--wait=1s");
        assert_eq!(soon.row()["state"], "pending", "{soon:?}");
        assert_eq!(soon.row()["error"], json!(null));
        let script = "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); \
                      c.execute('UPDATE orders SET sent = sent - 60000'); c.commit()";
        let aged = program("python3")
            .args(["-c", script])
            .arg(server.path("ledger.db"))
            .status();
        assert!(aged.unwrap().success());
        for _ in 0..2 {
            let began = std::time::Instant::now();
            let late = resume("--wait=20m");
            assert!(began.elapsed() < std::time::Duration::from_secs(600));
            let row = late.row();
            assert_eq!((late.code, &row["state"]), (4, &json!("pending")));
            assert_eq!(row["error"]["kind"], "not-listed", "{row}");
            let message = row["error"]["message"].as_str().unwrap();
            assert!(
                message.contains(&format!("does not list action {NEW}")),
                "{row}"
            );
            assert_eq!(row["note"], json!(null));
        }
        let table = server.command(&["show", "last"]);
        assert!(
            table
                .stdout
                .contains("not-listed: the service does not list")
        );
        assert!(!table.stderr.contains("To track the actions"), "{table:?}");
        assert_eq!(server.posts(), 1);
    }
}
