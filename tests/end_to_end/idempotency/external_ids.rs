//! An order's action is recognized by the external id of its request, if the service returns the
//! id. Everything also works if the service does not.

use std::{
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use offboard_simulator::{Config, ExternalIds, FaultPlan, OnDuplicate};
use serde_json::{Value, json};

use crate::{
    hostile::component_bytes,
    support::{MACHINE, Outcome, Reply, Scripted, World, until},
};

/// A service whose actions take an hour.
fn world(external_ids: ExternalIds) -> World {
    World::with(|config: &mut Config| {
        config.external_ids = external_ids;
        config.action_time = Duration::from_secs(3600);
    })
}

/// Runs one machine without faults until its action is tracked, so that the account's service is
/// known.
fn learn(world: &World) {
    let id = world.online_ids(9).remove(8);
    let tracked = world.run(&[&id, "--wait=100ms"]);
    assert_eq!(tracked.row()["state"], "pending", "{tracked:?}");
    world.offboard(&["cancel", "--comment", "x", &id]);
}

/// The bodies of the offboardings that the service received.
fn bodies(world: &World) -> Vec<Value> {
    let requests = world.posts().into_iter();
    let bodies = requests.filter(|post| post["path"].as_str().unwrap().ends_with("/offboard"));
    let body = |post: Value| serde_json::from_str(post["body"].as_str().unwrap()).unwrap();
    bodies.map(body).collect()
}

fn ids(world: &World) -> Vec<bool> {
    let bodies = bodies(world);
    let ids = bodies.iter().map(|body| body.get("ExternalId"));
    ids.map(|id| id.is_some()).collect()
}

/// A request for this machine that is not carried out and has no answer.
fn lose(world: &World, id: &str, more: &[&str]) {
    faults(world, &["offboard:1:drop-before-commit"]);
    let lost = world.run(&[&[id, "--grace", "0s"], more].concat());
    assert_eq!(lost.row()["state"], "unknown", "{lost:?}");
    faults(world, &[]);
}

fn faults(world: &World, rules: &[&str]) {
    let plan = FaultPlan::parse(rules.iter().copied()).unwrap();
    world.simulator.set_faults(plan);
}

/// The same order of a colleague, with another ledger.
fn colleague(world: &World, id: &str, more: &[&str]) -> Value {
    let ledger = tempfile::tempdir().unwrap();
    let args = [
        "run",
        id,
        "--comment",
        "Retired, INC-1",
        "--yes",
        "-o",
        "json",
    ];
    let mut command = world.command(&[&args[..], more].concat());
    command.env("OFFBOARD_LEDGER", ledger.path().join("ledger.db"));
    let outcome = Outcome::from(command.output().unwrap());
    assert_eq!(outcome.row()["state"], "accepted", "{outcome:?}");
    outcome.row()
}

fn resume(world: &World, more: &[&str]) -> Value {
    let args = ["resume", "last", "--yes", "--grace", "0s", "-o", "json"];
    world.offboard(&[&args[..], more].concat()).row()
}

#[test]
fn each_order_has_an_id_of_its_own_in_the_request_and_in_every_record() {
    let world = world(ExternalIds::Echo);
    let machines = world.online_ids(2);
    let (audit, page) = (world.path("audit.jsonl"), world.path("report.html"));
    let run = [
        &machines[0],
        &machines[1],
        "--audit",
        audit.to_str().unwrap(),
        "--report",
        page.to_str().unwrap(),
    ];
    let rows = world.run(&run).rows();
    let run = world.recorded_runs()[0]["run"].as_str().unwrap().to_owned();
    let mut expected = [1, 2].map(|number| json!(format!("{run}-{number}")));
    let bodies = bodies(&world);
    for (row, expected) in rows.iter().zip(&expected) {
        assert_eq!(&row["externalId"], expected);
        assert_eq!(&row["action"]["externalId"], expected);
        assert!(bodies.iter().any(|body| &body["ExternalId"] == expected));
    }
    let kept = world.offboardings();
    let mut kept: Vec<&Value> = kept.iter().map(|action| &action["externalId"]).collect();
    kept.sort_by_key(|id| id.to_string());
    expected.sort_by_key(ToString::to_string);
    assert_eq!(kept, expected.iter().collect::<Vec<_>>());

    for order in world.recorded() {
        assert_eq!(order["requests"][0]["externalId"], order["externalId"]);
        let grant = order["requests"][0]["grant"].as_str().unwrap();
        assert!(
            grant.ends_with("exactly this comment and external id"),
            "{grant}"
        );
    }
    let csv = world
        .offboard(&["export", "last", "--output", "csv"])
        .stdout;
    assert!(csv.contains(&format!("{run}-1")), "{csv}");
    let lines = fs::read_to_string(&audit).unwrap();
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let audited: Vec<Value> = lines
        .filter(|line: &Value| line["method"] == "POST")
        .collect();
    assert_eq!(audited.len(), 4);
    for line in audited {
        assert_eq!(line["call"], "offboard-with-external-id");
        assert!(expected.contains(&line["externalId"]), "{line}");
    }
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains(&format!("{run}-2")));
}

/// A service with one machine, whose first request has no answer. Its list then shows the
/// action that `listed` makes of the request's body.
fn without_answer(listed: impl Fn(&Value) -> Vec<Value> + Send + Sync + 'static) -> Scripted {
    let sent: Arc<Mutex<Option<Value>>> = Arc::default();
    Scripted::new(move |request, _| {
        if let Some(rest) = request.strip_prefix("POST ") {
            let (_, body) = rest.split_once(" HTTP/1.1 ")?;
            *sent.lock().unwrap() = serde_json::from_str(body).ok();
            return Some(Reply::raw(b""));
        }
        let sent = sent.lock().unwrap().clone();
        let listed = listed(&sent.filter(|_| request.starts_with("GET /api/machineactions"))?);
        Some(Reply::new(200, &json!({ "value": listed }).to_string()))
    })
}

fn action(id: &str, comment: &str, external_id: &Value) -> Value {
    json!({
        "id": id, "type": "Offboard", "status": "Pending", "machineId": MACHINE,
        "requestorComment": comment, "externalId": external_id,
    })
}

/// The service may shorten or translate a comment. A second action with the order's comment,
/// newer than its own, belongs to another client.
#[test]
fn an_action_with_the_order_s_id_is_its_own_whatever_its_comment() {
    let server = without_answer(|body| {
        let id = &body["ExternalId"];
        let upper = json!(id.as_str().unwrap().to_uppercase());
        vec![
            action("b", "Retired", &Value::Null),
            action("a", "Retired by the help desk", &upper),
        ]
    });
    let row = server.auto(&["--grace", "2s"]).row();
    assert_eq!(row["state"], "accepted", "{row}");
    assert_eq!(row["action"]["id"], "a", "{row}");
    assert!(!row.to_string().contains("already in progress"), "{row}");
}

/// The lists of two clients show the actions of each other.
#[test]
fn an_action_with_the_id_of_another_order_is_never_an_order_s_own() {
    // Nothing is known about the service, or that its lists do not show ids, which it then does.
    for before in [None, Some(ExternalIds::Hide)] {
        let world = world(before.unwrap_or(ExternalIds::Echo));
        if before.is_some() {
            learn(&world);
            world.simulator.set_external_ids(ExternalIds::Echo);
        }
        let id = world.online_ids(1).remove(0);
        for sent in [&[][..], &["--external-id", "off"]] {
            lose(&world, &id, sent);
            let theirs = colleague(&world, &id, &["--again"]);
            let row = resume(&world, &[]);
            assert_eq!(row["state"], "unknown", "{sent:?} {row}");
            // Its action could later be mistaken for the order's own, so nothing is resent.
            let posts = world.posts().len();
            let row = resume(&world, &["--resend-unknown"]);
            assert_eq!(row["state"], "unknown", "{sent:?} {row}");
            assert_eq!(world.posts().len(), posts, "{sent:?}");
            let action = theirs["action"]["id"].as_str().unwrap();
            world.offboard(&["cancel", "--comment", "x", action]);
            fs::remove_file(world.path("ledger.db")).unwrap();
        }
    }
}

#[test]
fn where_ids_are_returned_an_action_without_one_is_not_an_order_s_own() {
    let world = world(ExternalIds::Echo);
    learn(&world);
    let id = world.online_ids(1).remove(0);
    lose(&world, &id, &[]);
    colleague(&world, &id, &["--external-id", "off"]);
    let row = resume(&world, &[]);
    assert_eq!(row["state"], "unknown", "{row}");
    let posts = world.posts().len();
    let row = resume(&world, &["--resend-unknown"]);
    assert_eq!(
        (&row["state"], world.posts().len()),
        (&json!("unknown"), posts)
    );
    let status = world.offboard(&["status", &id]);
    assert!(
        !status.stderr.contains("belongs to this order"),
        "{status:?}"
    );
}

/// As before this setting: the comment decides if nothing is known about the service, or if it
/// does not return ids.
#[test]
fn where_ids_are_not_returned_the_comment_decides() {
    for external_ids in [ExternalIds::Hide, ExternalIds::Ignore, ExternalIds::Cut] {
        for is_learned in [false, true] {
            let world = world(external_ids);
            if is_learned {
                learn(&world);
            }
            let id = world.online_ids(1).remove(0);
            faults(&world, &["offboard:1:drop-after-commit"]);
            let row = world.run(&[&id]).row();
            assert_eq!(row["state"], "accepted", "{external_ids:?} {row}");
            assert_eq!(ids(&world), vec![true; 1 + usize::from(is_learned)]);
        }
    }
}

#[test]
fn an_order_that_was_sent_without_an_id_keeps_the_comparison_by_comment() {
    let world = world(ExternalIds::Echo);
    learn(&world);
    let id = world.online_ids(1).remove(0);
    faults(&world, &["offboard:1:drop-after-commit"]);
    let row = world.run(&[&id, "--external-id", "off"]).row();
    assert_eq!(row["state"], "accepted", "{row}");
    assert_eq!(row["externalId"], Value::Null, "{row}");
    assert_eq!(ids(&world), [true, false]);
}

/// The list has the action of one request with an id, and that of the other without.
#[test]
fn an_order_whose_first_request_had_no_id_keeps_the_comparison_by_comment() {
    let world = world(ExternalIds::Echo);
    learn(&world);
    let id = world.online_ids(1).remove(0);
    faults(
        &world,
        &[
            "offboard:1:drop-after-commit",
            "offboard:1:visible-after=1s",
            "offboard:2:drop-before-commit",
        ],
    );
    let first = world.run(&[&id, "--external-id", "off", "--grace", "0s"]);
    assert_eq!(first.row()["state"], "unknown", "{first:?}");
    let row = resume(&world, &["--resend-unknown"]);
    assert!(
        ["unknown", "accepted"].contains(&row["state"].as_str().unwrap()),
        "{row}"
    );
    until("the action is listed", || {
        resume(&world, &[])["state"] == "accepted"
    });
}

#[test]
fn what_was_learned_changes_with_the_service() {
    let world = world(ExternalIds::Echo);
    learn(&world);
    // It no longer returns ids: the comment decides again.
    world.simulator.set_external_ids(ExternalIds::Hide);
    learn(&world);
    let machines = world.online_ids(3);
    faults(&world, &["offboard:1:drop-after-commit"]);
    let row = world.run(&[&machines[0]]).row();
    assert_eq!(row["state"], "accepted", "{row}");
    // It returns them again, in another case.
    world.simulator.set_external_ids(ExternalIds::UpperCase);
    learn(&world);
    lose(&world, &machines[1], &[]);
    colleague(&world, &machines[1], &["--external-id", "off"]);
    let row = resume(&world, &[]);
    assert_eq!(row["state"], "unknown", "{row}");
    faults(&world, &["offboard:1:drop-after-commit"]);
    let row = world.run(&[&machines[2]]).row();
    assert_eq!(row["state"], "accepted", "{row}");
}

/// The process ends between the request and the record of its answer.
#[test]
fn an_order_whose_process_was_killed_is_found_by_its_id() {
    let world = world(ExternalIds::Echo);
    learn(&world);
    let id = world.online_ids(1).remove(0);
    faults(&world, &["offboard:1:delay-after-commit=1m"]);
    let before = world.offboardings().len();
    let args = ["run", &id, "--comment", "Retired", "--yes", "--quiet"];
    let mut running = world.command(&args).spawn().unwrap();
    until("the offboarding", || world.offboardings().len() > before);
    running.kill().unwrap();
    running.wait().unwrap();
    faults(&world, &[]);
    let row = resume(&world, &["--grace", "5s"]);
    assert_eq!(row["state"], "accepted", "{row}");
    assert_eq!(row["externalId"], row["action"]["externalId"], "{row}");
    assert_eq!(world.offboardings().len(), before + 1);
}

#[test]
fn a_refused_external_id_is_remembered() {
    let world = world(ExternalIds::Refuse);
    let machines = world.online_ids(4);
    let outcome = world.run(&[&machines[0], &machines[1]]);
    assert_eq!(
        (outcome.code, world.offboardings().len()),
        (0, 2),
        "{outcome:?}"
    );
    assert!(
        outcome.stderr.contains("Sending it without one"),
        "{outcome:?}"
    );
    assert_eq!(ids(&world), [true, false, false]);
    for order in world.recorded() {
        assert_eq!(order["externalId"], Value::Null, "{order}");
    }
    // The refused request is recorded with its own answer, and each of the two is counted.
    let order = &world.recorded()[0];
    let requests = order["requests"].as_array().unwrap();
    let statuses: Vec<&Value> = requests.iter().map(|request| &request["status"]).collect();
    assert_eq!(statuses, [&json!(400), &json!(200)], "{order}");
    assert_eq!(order["attempts"], 2, "{order}");
    assert!(requests[0]["externalId"].is_string(), "{order}");
    assert_eq!(requests[1]["externalId"], Value::Null, "{order}");
    // The next process reads it from the ledger.
    world.run(&[&machines[2]]);
    assert_eq!(ids(&world), [true, false, false, false]);
    // Another account has its own entry.
    world.run(&[&machines[3], "--external-id", "off"]);
    assert_eq!(ids(&world)[4..], [false]);
}

#[test]
fn with_on_nothing_is_repeated_and_with_off_nothing_is_tried() {
    let world = world(ExternalIds::Refuse);
    let machines = world.online_ids(2);
    let row = world.run(&[&machines[0], "--external-id", "on"]).row();
    assert_eq!(row["state"], "rejected", "{row}");
    assert_eq!(ids(&world), [true]);
    let mut command = world.command(&["run", &machines[1], "--comment", "x", "--yes"]);
    command.env("OFFBOARD_EXTERNAL_ID", "off");
    let outcome = Outcome::from(command.output().unwrap());
    assert_eq!(
        (outcome.code, ids(&world)),
        (0, vec![true, false]),
        "{outcome:?}"
    );
}

#[test]
fn a_refusal_with_another_reason_is_not_repeated() {
    let blocked = World::with(|config: &mut Config| {
        config.action_time = Duration::from_secs(3600);
        config.on_duplicate = OnDuplicate::Refuse;
    });
    let id = blocked.online_ids(1).remove(0);
    colleague(&blocked, &id, &["--external-id", "off"]);
    let row = blocked.offboard(&[
        "run",
        &id,
        "--comment",
        "Stolen",
        "--yes",
        "--grace",
        "0s",
        "-o",
        "json",
    ]);
    assert_eq!(ids(&blocked), [false, true], "{row:?}");

    for (code, message) in [
        ("InvalidInput", "Comment is too long"),
        ("OsPlatformNotSupported", "no"),
        ("BadRequest", "Action is already in progress"),
    ] {
        let server = Scripted::posting(Reply::error(400, code, message));
        let outcome = server.auto(&[]);
        assert_eq!(server.posts(), 1, "{code} {outcome:?}");
    }
}

#[test]
fn a_refusal_without_a_reason_is_repeated_once() {
    let refusal = Reply::error(400, "BadRequest", "no");
    let server = Scripted::posting(refusal);
    let outcome = server.auto(&[]);
    let row = outcome.row();
    assert_eq!(server.posts(), 2, "{outcome:?}");
    assert_eq!(row["state"], "rejected", "{outcome:?}");
    assert_eq!(row["error"]["message"], "no", "{outcome:?}");
    // Nothing was learned: both were refused.
    server.auto(&[]);
    assert_eq!(server.posts(), 4);
}

/// Only a 400 proves that the request was not carried out.
#[test]
fn another_answer_that_names_the_id_is_not_repeated() {
    for (status, state) in [(500, "unknown"), (403, "not-sent"), (409, "rejected")] {
        let server = Scripted::posting(Reply::error(status, "X", "ExternalId"));
        let outcome = server.auto(&[]);
        assert_eq!(server.posts(), 1, "{status} {outcome:?}");
        assert_eq!(outcome.row()["state"], state, "{status} {outcome:?}");
    }
}

/// A service that accepts ids refuses two machines of a run for another reason.
#[test]
fn where_ids_are_accepted_refusals_are_repeated_once_in_a_run() {
    let world = world(ExternalIds::Echo);
    learn(&world);
    let before = world.posts().len();
    faults(&world, &["offboard:1-3:status=400"]);
    let machines = world.online_ids(3);
    let machines: Vec<&str> = machines.iter().map(String::as_str).collect();
    let outcome = world.run(&[&machines[..], &["--jobs", "1"]].concat());
    // With and without an id, then with one.
    assert_eq!(world.posts().len() - before, 4, "{outcome:?}");
    let states: Vec<Value> = outcome
        .rows()
        .iter()
        .map(|row| row["state"].clone())
        .collect();
    assert_eq!(states, ["rejected", "rejected", "accepted"], "{outcome:?}");
}

/// The service is known to accept ids, so the resent request has one.
#[test]
fn a_resend_is_one_request_also_if_its_id_is_refused() {
    let world = world(ExternalIds::Echo);
    learn(&world);
    let id = world.online_ids(1).remove(0);
    lose(&world, &id, &[]);
    let posts = world.posts().len();
    world.simulator.set_external_ids(ExternalIds::Refuse);
    let row = resume(&world, &["--resend-unknown"]);
    assert_eq!(row["state"], "unknown", "{row}");
    assert_eq!(world.posts().len() - posts, 1, "{row}");
    assert_eq!(ids(&world).last(), Some(&true));
}

/// A plugin of an earlier version. This one sends what was ordered, and reports something else.
#[test]
fn a_plugin_that_cannot_send_ids_still_works() {
    let world = world(ExternalIds::Echo);
    let plugin = world.path("plugin.wasm");
    fs::write(&plugin, component_bytes("results")).unwrap();
    let plugin = plugin.to_str().unwrap();
    let id = world.online_ids(1).remove(0);
    let args = [
        "run",
        &id,
        "--comment",
        "claims_not_sent",
        "--yes",
        "--plugin",
        plugin,
    ];
    let refused = world.offboard(&[&args[..], &["--external-id", "on"]].concat());
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(
        refused.stderr.contains("does not export `external-id`"),
        "{refused:?}"
    );
    assert!(world.posts().is_empty());
}
