//! A machine that has reported since its offboarding is not reported as done.

use std::{
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
};

use serde_json::{Value, json};

use crate::support::{MACHINE, Outcome, Reply, Scripted};

const ACTION_ENDED: &str = "2026-01-10T10:00:00.1234567Z";
const BEFORE_THE_END: &str = "2026-01-10T09:00:00Z";
const SINCE: &str = "2026-01-12T10:00:00Z";
const FIRST_ACTION: &str = "11111111-2222-3333-4444-000000000001";
const SECOND_ACTION: &str = "11111111-2222-3333-4444-000000000002";

/// A service that carries out each request at once.
struct Service {
    server: Scripted,
    machine: Arc<Mutex<Value>>,
    /// The HTTP status of its lists of actions.
    lists: Arc<AtomicU16>,
    actions: Arc<Mutex<Vec<Value>>>,
}

fn action(id: &str, status: &str, comment: &str) -> Value {
    json!({
        "id": id, "type": "Offboard", "status": status, "machineId": MACHINE,
        "requestorComment": comment, "lastUpdateDateTimeUtc": ACTION_ENDED,
    })
}

impl Service {
    /// Each POST gets the next of these answers. A null machine may not be read.
    fn new(answers: Vec<Value>) -> Self {
        let machine = Arc::new(Mutex::new(json!(null)));
        let lists = Arc::new(AtomicU16::new(200));
        let (shown, may_list) = (Arc::clone(&machine), Arc::clone(&lists));
        let actions: Arc<Mutex<Vec<Value>>> = Arc::default();
        let of_service = Arc::clone(&actions);
        let server = Scripted::new(move |request, posts| {
            let mut listed = actions.lock().unwrap();
            if request.starts_with("POST ") {
                let answer = answers[posts].clone();
                if !listed.contains(&answer) {
                    listed.insert(0, answer.clone());
                }
                return Some(Reply::new(201, &answer.to_string()));
            }
            if request.starts_with("GET /api/machineactions") {
                let status = may_list.load(Ordering::SeqCst);
                if status != 200 {
                    return Some(Reply::error(status, "NotNow", ""));
                }
                let one = listed.iter().find(|action| {
                    let id = action["id"].as_str().unwrap();
                    request.contains(&format!("/machineactions/{id}"))
                });
                let list = json!({"value": *listed});
                return Some(Reply::new(200, &one.unwrap_or(&list).to_string()));
            }
            let machine = shown.lock().unwrap();
            Some(if machine.is_null() {
                Reply::error(403, "Forbidden", "may not")
            } else {
                Reply::new(200, &machine.to_string())
            })
        });
        let service = Self {
            server,
            machine,
            lists,
            actions: of_service,
        };
        service.set_last_seen(json!(BEFORE_THE_END));
        service
    }

    fn set_last_seen(&self, last_seen: Value) {
        *self.machine.lock().unwrap() = json!({
            "id": MACHINE, "computerDnsName": "host1.example.test", "osPlatform": "Windows11",
            "healthStatus": "Inactive", "onboardingStatus": "Onboarded", "lastSeen": last_seen,
        });
    }

    /// All of its actions succeed.
    fn complete(&self) {
        for action in self.actions.lock().unwrap().iter_mut() {
            action["status"] = json!("Succeeded");
        }
    }

    fn lists(&self, lists: u16) {
        self.lists.store(lists, Ordering::SeqCst);
    }

    fn run(&self, args: &[&str]) -> Outcome {
        self.server.run(args)
    }

    fn with_ledger(&self, ledger: &str, args: &[&str]) -> Outcome {
        let ledger = self.server.path(ledger);
        self.run(&[&["--ledger", ledger.to_str().unwrap()], args].concat())
    }
}

fn succeeded() -> Vec<Value> {
    let mut second = action(SECOND_ACTION, "Succeeded", "Retired");
    second["lastUpdateDateTimeUtc"] = json!("2026-01-12T12:00:00Z");
    vec![action(FIRST_ACTION, "Succeeded", "Retired"), second]
}

/// The row has both times, and the machine is not reported as done.
fn assert_seen_since(outcome: &Outcome) {
    let row = outcome.row();
    assert_eq!(row["state"], "skipped", "{outcome:?}");
    assert_eq!(row["error"]["kind"], "seen-since", "{outcome:?}");
    let message = row["error"]["message"].as_str().unwrap();
    assert!(message.contains("2026-01-10T10:00:00"), "{message}");
    assert!(message.contains("2026-01-12T10:00:00"), "{message}");
    let hint = row["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("--again"), "{hint}");
    assert_eq!(outcome.code, 1, "{outcome:?}");
}

#[test]
fn what_this_ledger_offboarded_and_has_reported_since_is_not_done() {
    let service = Service::new(succeeded());
    assert_eq!(service.run(&[]).row()["state"], "succeeded");
    service.set_last_seen(json!(SINCE));
    let page = service.server.path("page.html");
    let second = service.run(&["--report", page.to_str().unwrap()]);
    assert_seen_since(&second);
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("seen-since"), "{page}");
    // A dry run, and later views of the run.
    assert_seen_since(&service.run(&["--dry-run"]));
    let show = |format| service.server.command(&["show", "last", "-o", format]);
    assert_seen_since(&show("json"));
    let table = show("table");
    assert!(table.stdout.contains("seen-since"), "{table:?}");
    assert!(table.stderr.contains("1 of the skipped"), "{table:?}");
    let sheet = show("csv");
    assert!(sheet.stdout.contains("seen-since"), "{sheet:?}");
    assert_eq!(sheet.code, 1);
    assert_eq!(service.server.posts(), 1);
    // With the user's choice, it is sent.
    let again = service.run(&["--again"]);
    assert_eq!(again.row()["action"]["id"], SECOND_ACTION, "{again:?}");
}

#[test]
fn a_success_with_the_same_comment_is_not_done_if_the_machine_has_reported_since() {
    let service = Service::new(succeeded());
    service.run(&[]);
    service.set_last_seen(json!(SINCE));
    let dry = service.with_ledger("other.db", &["--dry-run"]);
    let warnings = dry.row()["warnings"].to_string();
    assert!(warnings.contains("2026-01-12T10:00:00"), "{warnings}");
    assert_seen_since(&service.with_ledger("other.db", &[]));
    assert_eq!(service.server.posts(), 1);
}

/// The message reports only what is known.
#[test]
fn a_machine_that_has_not_reported_since_is_left_out_as_before() {
    let service = Service::new(succeeded());
    service.run(&[]);
    for (last_seen, words) in [
        (json!(BEFORE_THE_END), "had not seen it since"),
        (json!("2026-01-10T13:00:00+03:00"), "had not seen it since"),
        (json!(null), "is not known"),
        (json!(20_260_112), "is not known"),
        (json!("lately"), "is not known"),
    ] {
        service.set_last_seen(last_seen.clone());
        for ledger in ["ledger.db", "other.db"] {
            let outcome = service.with_ledger(ledger, &[]);
            let row = outcome.row();
            assert_eq!(row["error"]["kind"], "already-offboarded", "{outcome:?}");
            let message = row["error"]["message"].as_str().unwrap();
            assert!(message.contains(words), "{last_seen} {message}");
            let hint = row["error"]["hint"].as_str().unwrap();
            assert!(!hint.contains("Nothing to do"), "{hint}");
            assert_eq!(outcome.code, 0, "{outcome:?}");
        }
    }
    // Nor is the time of a machine known that may not be read.
    *service.machine.lock().unwrap() = json!(null);
    let outcome = service.run(&[]);
    let message = outcome.row()["error"]["message"].to_string();
    assert!(message.contains("is not known"), "{message}");
    assert_eq!((outcome.code, service.server.posts()), (0, 1));
}

/// An offboarding that failed, or a later one that failed, is not a success.
#[test]
fn what_failed_is_sent_and_what_failed_later_is_not_done() {
    for status in ["Failed", "TimeOut", "Cancelled"] {
        let first = action(FIRST_ACTION, status, "Retired");
        let service = Service::new(vec![first, action(SECOND_ACTION, "Succeeded", "Retired")]);
        service.run(&[]);
        let second = service.run(&[]);
        assert_eq!(second.row()["state"], "succeeded", "{status} {second:?}");
    }
    let failed = action(SECOND_ACTION, "Failed", "Retired");
    let service = Service::new(vec![action(FIRST_ACTION, "Succeeded", "Retired"), failed]);
    service.run(&[]);
    service.run(&["--again"]);
    for ledger in ["ledger.db", "other.db"] {
        let third = service.with_ledger(ledger, &[]);
        assert_eq!(third.row()["error"]["kind"], "seen-since", "{third:?}");
        assert_eq!((third.code, service.server.posts()), (1, 2));
    }
}

/// The service answers a request with an earlier action.
#[test]
fn an_old_success_is_not_this_order_s() {
    let old = action(FIRST_ACTION, "Succeeded", "Retired");
    let service = Service::new(vec![old.clone(), old.clone(), old]);
    service.run(&[]);
    service.set_last_seen(json!(SINCE));
    // Without the list of earlier actions, the times alone make the outcome unknown.
    for (status, state, kind, code) in [
        (200, "rejected", "seen-since", 1),
        (403, "unknown", "outcome-unknown", 4),
    ] {
        service.lists(status);
        let outcome = service.run(&["--again"]);
        let row = outcome.row();
        assert_eq!(row["state"], state, "{outcome:?}");
        assert_eq!(row["error"]["kind"], kind, "{outcome:?}");
        assert_eq!(outcome.code, code);
    }
    assert_eq!(service.server.posts(), 3);
}

#[test]
fn the_status_of_a_success_reports_that_the_machine_has_reported_since() {
    let service = Service::new(succeeded());
    service.run(&[]);
    for subject in [MACHINE, FIRST_ACTION] {
        let status = |format| service.server.command(&["status", subject, "-o", format]);
        service.set_last_seen(json!(BEFORE_THE_END));
        let silent = status("json");
        assert_eq!((silent.code, &silent.row()["error"]), (0, &json!(null)));
        service.set_last_seen(json!(SINCE));
        let outcome = status("json");
        let row = outcome.row();
        assert_eq!(row["state"], "succeeded", "{outcome:?}");
        assert_eq!(row["error"]["kind"], "seen-since", "{outcome:?}");
        assert_eq!(row["note"], json!(null));
        assert_eq!(outcome.code, 1);
        let table = status("table");
        assert!(table.stdout.contains("seen-since"), "{table:?}");
        assert!(!table.stderr.contains("was offboarded."), "{table:?}");
    }
}

/// The machine of an order that waited is read again: the earlier snapshot precedes its
/// offboarding.
#[test]
fn a_resume_reads_the_machines_of_waiting_orders_again() {
    let service = Service::new(succeeded());
    service.lists(503);
    assert_eq!(service.run(&[]).row()["state"], "not-sent");
    service.lists(200);
    service.with_ledger("other.db", &[]);
    service.set_last_seen(json!(SINCE));
    let resume = ["resume", "--yes", "--output", "json"];
    assert_seen_since(&service.server.command(&resume));
    assert_eq!(service.server.posts(), 1);
}

/// A success that is read much later, or returned again, does not show the machine's
/// present state.
#[test]
fn a_success_that_is_shown_later_reports_that_the_machine_has_reported_since() {
    let is_warned = |outcome: &Outcome| {
        let row = outcome.row();
        assert_eq!(row["state"], "succeeded", "{outcome:?}");
        assert_eq!(row["error"]["kind"], "seen-since", "{outcome:?}");
        assert_eq!(row["action"]["id"], FIRST_ACTION, "{outcome:?}");
        assert_eq!(outcome.code, 1, "{outcome:?}");
    };
    // The first result is returned again.
    let service = Service::new(succeeded());
    let request = ["--request-id", "K"];
    assert_eq!(service.run(&request).code, 0);
    assert_eq!(service.run(&request).code, 0);
    service.set_last_seen(json!(SINCE));
    is_warned(&service.run(&request));
    is_warned(&service.server.command(&["show", "last", "-o", "json"]));
    assert_eq!(service.server.posts(), 1);

    // It was accepted, and its success is read later.
    let service = Service::new(vec![action(FIRST_ACTION, "Pending", "Retired")]);
    assert_eq!(service.run(&[]).row()["state"], "accepted");
    service.complete();
    service.set_last_seen(json!(SINCE));
    let resume = ["resume", "--yes", "--grace", "0s", "-o", "json"];
    is_warned(&service.server.command(&resume));
    assert_eq!(service.server.posts(), 1);
}

/// An unknown order whose offboarding ended long ago.
#[test]
fn a_reconciled_success_reports_that_the_machine_has_reported_since() {
    for is_resumed in [true, false] {
        let is_listed = Arc::new(AtomicU16::new(u16::from(!is_resumed)));
        let listed = Arc::clone(&is_listed);
        let server = Scripted::new(move |request, posts| {
            let is_over = posts > 0 && listed.load(Ordering::SeqCst) > 0;
            Some(match request {
                _ if request.starts_with("POST ") => Reply::raw(b""),
                _ if request.starts_with("GET /api/machineactions") => {
                    let done = is_over.then(|| action(FIRST_ACTION, "Succeeded", "Retired"));
                    let list = json!({"value": done.into_iter().collect::<Vec<_>>()});
                    Reply::new(200, &list.to_string())
                }
                _ => {
                    let last_seen = if is_over { SINCE } else { BEFORE_THE_END };
                    let machine = json!({
                        "id": MACHINE, "computerDnsName": "host1.example.test",
                        "osPlatform": "Windows11", "healthStatus": "Inactive",
                        "onboardingStatus": "Onboarded", "lastSeen": last_seen,
                    });
                    Reply::new(200, &machine.to_string())
                }
            })
        });
        let grace = if is_resumed {
            "--grace=0s"
        } else {
            "--grace=5s"
        };
        let mut outcome = server.run(&[grace]);
        if is_resumed {
            assert_eq!(outcome.row()["state"], "unknown", "{outcome:?}");
            is_listed.store(1, Ordering::SeqCst);
            let resume = ["resume", "--yes", "--grace", "0s", "-o", "json"];
            outcome = server.command(&resume);
        }
        let row = outcome.row();
        assert_eq!(row["state"], "succeeded", "{outcome:?}");
        assert_eq!(row["action"]["id"], FIRST_ACTION, "{outcome:?}");
        assert_eq!(row["error"]["kind"], "seen-since", "{outcome:?}");
        assert_eq!((outcome.code, server.posts()), (1, 1), "{outcome:?}");
    }
}

#[test]
fn a_status_reports_that_it_does_not_know_whether_the_machine_has_reported() {
    let service = Service::new(succeeded());
    service.run(&[]);
    service.set_last_seen(json!(null));
    for is_readable in [true, false] {
        if !is_readable {
            *service.machine.lock().unwrap() = json!(null);
        }
        let status = |format| {
            service
                .server
                .command(&["status", FIRST_ACTION, "-o", format])
        };
        let outcome = status("json");
        let note = outcome.row()["note"].to_string();
        assert!(note.contains("is not known"), "{outcome:?}");
        assert_eq!(outcome.code, 0, "{outcome:?}");
        let table = status("table");
        assert!(table.stderr.contains("is not known"), "{table:?}");
    }
}
