//! Refusals in the words of public reports, and what the user is advised to do.

use std::{
    io::Read,
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use offboard_simulator::{Config, TokenRequest};
use serde_json::{Value, json};

use crate::support::{MACHINE, Reply, Scripted, World, command};

/// A 403 for a tenant without the product is not about a permission.
#[test]
fn an_unprovisioned_tenant_is_reported() {
    let case = include_str!("cases/403-not-provisioned.json");
    let server = Scripted::posting(Reply::new(403, case));
    let outcome = server.run(&[]);
    let row = outcome.row();
    assert_eq!(
        (outcome.code, &row["state"]),
        (3, &json!("not-sent")),
        "{outcome:?}"
    );
    let hint = row["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("no active Defender for Endpoint"), "{hint}");
    assert!(!hint.contains("consent"), "{hint}");
    // A 401 can be about the licence, too, and a new token does not help.
    let server = Scripted::posting(Reply::error(
        401,
        "Unauthorized",
        "Account mode is inactive",
    ));
    let outcome = server.run(&[]);
    let hint = outcome.row()["error"]["hint"].as_str().unwrap().to_owned();
    assert!(hint.contains("no active Defender for Endpoint"), "{hint}");
}

/// The service reports an action in progress, and lists no offboarding. The advice must not
/// send the user from one command to the other and back.
#[test]
fn an_action_in_progress_that_is_not_listed_is_explained() {
    let case = include_str!("cases/400-in-progress.json");
    let isolation = json!({
        "id": "bbbbbbbb-2222-4333-8444-555555555555",
        "type": "Isolate",
        "status": "Pending",
        "machineId": MACHINE,
    });
    for (other, words) in [
        (None, "lists no such action of the machine"),
        (
            Some(isolation),
            "lists action bbbbbbbb-2222-4333-8444-555555555555 of type Isolate (Pending)",
        ),
    ] {
        let listed: Vec<Value> = other.into_iter().collect();
        let server = Scripted::new(move |request, _| {
            if request.starts_with("POST ") {
                return Some(Reply::new(400, case));
            }
            let list = json!({"value": listed}).to_string();
            request
                .starts_with("GET /api/machineactions?")
                .then(|| Reply::new(200, &list))
        });
        let outcome = server.run(&[]);
        let row = outcome.row();
        assert_eq!(
            (outcome.code, &row["state"]),
            (1, &json!("rejected")),
            "{outcome:?}"
        );
        let message = row["error"]["message"].as_str().unwrap();
        assert!(
            message.starts_with("Action is already in progress; "),
            "{message}"
        );
        assert!(message.contains(words), "{message}");
        let hint = row["error"]["hint"].as_str().unwrap();
        assert!(hint.contains("action center"), "{hint}");
        assert_eq!(server.posts(), 1);
    }
}

/// A server that accepts connections and sends nothing, or only the beginning of an answer.
fn silent(beginning: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let _ = std::io::Write::write_all(&mut stream, beginning.as_bytes());
                let _ = stream.read_to_end(&mut Vec::new());
            });
        }
    });
    root
}

/// The deadline of a call ends while it waits for the service: that is not the plugin's fault.
#[test]
fn a_silent_service_gives_no_answer() {
    let world = World::new();
    for beginning in ["", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"] {
        let args = ["find", "pc", "--limit", "deadline=300ms", "-o", "json"];
        let mut find = command(args);
        world
            .authorize(&mut find)
            .env("OFFBOARD_API_ROOT", silent(beginning));
        let outcome = crate::support::Outcome::from(find.output().unwrap());
        assert_eq!(outcome.code, 5, "{outcome:?}");
        assert!(outcome.stderr.contains("no-answer"), "{outcome:?}");
        assert!(!outcome.stderr.contains("plugin"), "{outcome:?}");
    }
}

/// A service that stops answering after the preflight leaves the outcome unknown, for a reason
/// that is not the plugin.
#[test]
fn a_request_without_an_answer_is_not_the_plugin_s_fault() {
    let world = World::with(|config: &mut Config| {
        let faults = ["offboard:always:delay-after-commit=20s"];
        config.faults = offboard_simulator::FaultPlan::parse(faults).unwrap();
    });
    let id = world.online_ids(1).remove(0);
    let begun = Instant::now();
    let outcome = world.run(&[&id, "--limit", "deadline=3s", "--grace", "0s"]);
    assert!(begun.elapsed() < Duration::from_secs(20));
    let row = outcome.row();
    let error = row["error"].to_string();
    assert!(!error.contains("plugin"), "{outcome:?}");
}

/// A dry run with a token that cannot offboard warns and ends with an error code.
#[test]
fn a_dry_run_without_the_role_exits_with_3() {
    let world = World::new();
    let ids = world.online_ids(2);
    let args = ["run", "--comment", "x", "--dry-run", &ids[0], &ids[1]];
    let dry_run = |more: &[&str]| world.offboard(&[&args[..], more].concat());
    assert_eq!(dry_run(&[]).code, 0);
    world.use_token(TokenRequest::default().roles(["Machine.Read.All"]));
    let outcome = dry_run(&["-o", "json"]);
    assert_eq!(outcome.code, 3, "{outcome:?}");
    for row in outcome.rows() {
        assert_eq!(row["state"], "planned");
        assert!(
            row["warnings"].to_string().contains("Machine.Offboard"),
            "{row}"
        );
    }
    for format in ["table", "csv"] {
        let outcome = dry_run(&["-o", format, "--wide"]);
        assert_eq!(outcome.code, 3, "{outcome:?}");
        assert_eq!(
            outcome.stdout.matches("Machine.Offboard").count(),
            2,
            "{outcome:?}"
        );
    }
    assert!(world.posts().is_empty());
}
