//! The recorded part of an answer is limited, whatever the service sends.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};

use crate::support::{MACHINE, Outcome, Reply, Scripted};

/// The size of a page that fits into the plugin's memory, with ids of the maximum length.
const LISTED: usize = 1500;

fn listed(machine: &Value) -> String {
    let entry = |number: usize| {
        let id = format!("{number:0>250}");
        json!({"id": id, "type": "Isolate", "status": "Pending", "machineId": machine})
    };
    let actions: Vec<Value> = (0..LISTED).map(entry).collect();
    json!({ "value": actions }).to_string()
}

fn machine(request: &str) -> Option<String> {
    let (_, rest) = request.split_once("/api/machines/")?;
    rest.get(..40).map(ToOwned::to_owned)
}

/// The size of the ledger and its log on disk.
fn ledger_size(server: &Scripted) -> u64 {
    let files = ["ledger.db", "ledger.db-wal"].map(|name| server.path(name));
    let size = |path| fs::metadata(path).map_or(0, |file| file.len());
    files.iter().map(size).sum()
}

/// Runs the command for twenty machines, whose actions are queried with one call.
fn run_twenty(server: &Scripted) -> Outcome {
    let ids: Vec<String> = (0..20).map(|number| format!("{number:040x}")).collect();
    let list = server.path("list");
    fs::write(&list, ids.join("\n")).unwrap();
    let list = list.to_str().unwrap();
    let run = ["run", "--from", list, "--comment", "Retired", "--yes"];
    server.command(&[&run[..], &["--grace=0s", "--output", "json"]].concat())
}

/// A service that has every machine and this list of actions, and answers POSTs with `post`.
fn service(list: String, post: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Scripted {
    Scripted::new(move |request, _| {
        let id = machine(request);
        if request.starts_with("POST ") {
            return id.map(|id| post(&id));
        }
        if request.starts_with("GET /api/machineactions") {
            return Some(Reply::new(200, &list));
        }
        id.map(|id| Reply::new(200, &json!({"id": id, "computerDnsName": "x"}).to_string()))
    })
}

#[test]
fn ids_that_belong_to_no_machine_are_not_copied_into_each_order() {
    let server = service(listed(&json!(null)), |_| Reply::raw(b""));
    let outcome = run_twenty(&server);
    // A lost answer cannot be reconciled: the order stays unknown, and the reason is reported.
    assert_eq!(outcome.rows().len(), 20);
    for row in outcome.rows() {
        assert_eq!(row["state"], "unknown", "{outcome:?}");
    }
    assert_eq!(outcome.code, 4);
    let words = "lists more actions that may belong to a machine than can be kept";
    assert_eq!(outcome.stderr.matches(words).count(), 1, "{outcome:?}");
    // A copy in each order would take 20 × 1,500 × 253 bytes.
    let size = ledger_size(&server);
    assert!(size < 2_000_000, "{size} {outcome:?}");
    // Nor is it sent again, although no list has a new action.
    let posts = server.posts();
    let again = ["resume", "--yes", "--resend-unknown", "--grace=0s"];
    let again = server.command(&again);
    assert_eq!(server.posts(), posts, "{again:?}");
}

#[test]
fn strings_of_an_answer_are_truncated() {
    let long = "x".repeat(30_000);
    let body = json!({"error": {"code": long, "message": "\u{1}".repeat(30_000), "target": long}});
    let server = service(listed(&json!("another")), move |_| {
        Reply::new(400, &body.to_string())
    });
    let outcome = server.run(&[]);
    let row = outcome.row();
    assert_eq!(row["state"], "rejected", "{outcome:?}");
    for (member, bound) in [("code", 300), ("message", 4200), ("target", 300)] {
        let text = row["error"][member].as_str().unwrap();
        assert!(text.len() < bound, "{member} {}", text.len());
    }
    assert!(ledger_size(&server) < 1_000_000);
}

/// Each byte that is not valid UTF-8 would take three bytes in the ledger.
#[test]
fn an_answer_that_is_not_text_is_kept_up_to_the_same_bound() {
    let body = [0xff; 60_000];
    let head = format!("HTTP/1.1 400 X\r\nContent-Length: {}\r\n\r\n", body.len());
    let reply = [head.as_bytes(), &body].concat();
    let server = Scripted::posting(Reply::raw(&reply));
    server.run(&[]);
    let exported = server.command(&["export", "last"]);
    let exported: Value = serde_json::from_str(&exported.stdout).unwrap();
    let answer = exported["requests"][0]["answer"].as_str().unwrap();
    assert!((1..=64 * 1024).contains(&answer.len()), "{}", answer.len());
}

#[test]
fn strings_of_a_machine_are_truncated() {
    let long = "x".repeat(30_000);
    let machine = json!({
        "id": MACHINE, "computerDnsName": long, "osPlatform": long, "version": long,
        "healthStatus": long, "onboardingStatus": long, "lastSeen": long,
        "mergedIntoMachineId": long,
    });
    let server = Scripted::new(move |request, _| {
        let is_machine = request.starts_with("GET /api/machines/");
        is_machine.then(|| Reply::new(200, &machine.to_string()))
    });
    // Rejected, so that only these strings are recorded.
    let outcome = server.run(&[]);
    assert_eq!(outcome.row()["state"], "rejected", "{outcome:?}");
    let name = outcome.row()["name"].as_str().unwrap().len();
    assert!(name < 1100, "{name}");
    let size = ledger_size(&server);
    assert!(size < 400_000, "{size}");
}

/// The start of a next link. Only its query is used.
const NEXT: &str = "https://api.securitycenter.microsoft.com/api/machines";

#[test]
fn a_search_keeps_a_limited_number_of_bytes() {
    let pages = AtomicUsize::new(0);
    let long = "x".repeat(300_000);
    let server = Scripted::new(move |request, _| {
        let is_search = request.starts_with("GET /api/machines?");
        is_search.then(|| {
            let page = pages.fetch_add(1, Ordering::Relaxed);
            let machine = |number: usize| {
                let id = format!("{:040x}", page * 10 + number);
                json!({"id": id, "computerDnsName": "pc", "odd": long})
            };
            let machines: Vec<Value> = (0..10).map(machine).collect();
            let next = format!("{NEXT}?$top=10&$skip={}", (page + 1) * 10);
            let page = json!({"value": machines, "@odata.nextLink": next});
            Reply::new(200, &page.to_string())
        })
    });
    let found = server.command(&["find", "pc", "--output", "json"]);
    assert_eq!(found.stdout, "[]\n");
    assert!(found.stderr.contains("too many machines"), "{found:?}");
    // 3 MB each.
    assert_eq!(server.seen().len(), 3, "{found:?}");
}

/// A policy with `largest-share` needs the size of the fleet, so the whole fleet is read.
#[test]
fn an_endless_fleet_is_not_read_to_its_end() {
    let pages = AtomicUsize::new(0);
    let server = Scripted::new(move |request, _| {
        let is_fleet = request.starts_with("GET /api/machines?");
        is_fleet.then(|| {
            let page = pages.fetch_add(1, Ordering::Relaxed);
            let next = format!("{NEXT}?$top=1000&$skip={page}");
            let page = json!({"value": [], "@odata.nextLink": next});
            Reply::new(200, &page.to_string())
        })
    });
    let config = server.path("offboard.toml");
    fs::write(&config, "[profiles.p.policy]\nlargest-share = 10\n").unwrap();
    let config = config.to_str().unwrap();
    let outcome = server.run(&["--config", config, "--profile", "p", "--quota", "none"]);
    // A later list may have an end, so the order can be resumed.
    assert_eq!(outcome.code, 5, "{outcome:?}");
    assert_eq!(outcome.row()["state"], "not-sent", "{outcome:?}");
    assert_eq!(server.posts(), 0);
    assert!(server.seen().len() < 30, "{}", server.seen().len());
}
