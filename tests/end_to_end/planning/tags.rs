//! Tags, set by the built-in plugin on simulated machines: alone, and before an
//! offboarding.

use std::fs;

use offboard::{
    component::Component,
    connection::Connection,
    contract::{Problem, Retry, Tag, TagError},
    egress::Delivery,
    identity::Token,
    sandbox::{CallOutcome, Limits, Sandbox},
};
use offboard_simulator::{Config, FaultPlan, Simulator, TokenRequest};
use serde_json::{Value, json};

#[cfg(unix)]
use crate::support::signal;
use crate::{
    hostile::component_bytes,
    support::{Outcome, World, offboard, until_running},
};

async fn start(role: &str) -> Simulator {
    let config = Config {
        roles: vec![role.to_owned()],
        ..Config::default()
    };
    Simulator::start(config).await.unwrap()
}

async fn tag(simulator: &Simulator, machine: &str, tag: &str) -> CallOutcome<Result<(), TagError>> {
    let plugin = Component::embedded().unwrap();
    let sandbox = Sandbox::new(&plugin, Limits::default()).unwrap();
    assert!(sandbox.can_tag());
    let token = Token::new(simulator.token()).unwrap();
    let connection = Connection::new(simulator.api_root().parse().unwrap(), Some(token));
    let tag: Tag = tag.parse().unwrap();
    sandbox
        .tag_machine(&connection, &machine.parse().unwrap(), &tag)
        .await
}

/// The machines that have this tag.
fn with_tag(simulator: &Simulator, tag: &str) -> Vec<String> {
    let mut machines = simulator.machines();
    machines.retain(|machine| machine.machine_tags.iter().any(|known| known == tag));
    machines
        .into_iter()
        .map(|machine| machine.machine.id)
        .collect()
}

fn first(simulator: &Simulator) -> String {
    simulator.machines()[0].machine.id.clone()
}

#[tokio::test]
async fn one_machine_gets_the_tag_and_is_not_offboarded() {
    let simulator = start("Machine.ReadWrite.All").await;
    let id = first(&simulator);
    let text = r#"Retired "2030" \ Überholt"#;
    // The second time changes nothing.
    for _ in 0..2 {
        let called = tag(&simulator, &id, text).await;
        assert!(matches!(called.result, Ok(Ok(()))), "{called:?}");
        assert_eq!(called.record.delivery(), Delivery::Answered(200));
        assert_eq!(with_tag(&simulator, text), [id.as_str()]);
    }
    let machines = simulator.machines();
    assert!(machines.iter().all(|m| m.pending_action_id.is_none()));
}

#[tokio::test]
async fn the_permission_to_offboard_does_not_permit_tags() {
    let simulator = start("Machine.Offboard").await;
    let called = tag(&simulator, &first(&simulator), "Retired").await;
    let Ok(Err(TagError::Forbidden(error))) = called.result else {
        panic!("{called:?}");
    };
    assert!(error.message.unwrap().contains("Machine.ReadWrite.All"));
    assert_eq!(called.record.delivery(), Delivery::Answered(403));
    assert!(with_tag(&simulator, "Retired").is_empty());
}

#[tokio::test]
async fn a_tag_for_an_unknown_machine_is_reported() {
    let simulator = start("Machine.ReadWrite.All").await;
    let called = tag(&simulator, &"a".repeat(40), "Retired").await;
    assert!(
        matches!(called.result, Ok(Err(TagError::MachineNotFound(_)))),
        "{called:?}"
    );
}

#[tokio::test]
async fn a_tag_whose_answer_was_lost_may_be_added_again() {
    let simulator = start("Machine.ReadWrite.All").await;
    let id = first(&simulator);
    let faults = ["tags:1:drop-after-commit", "tags:2:garbage"];
    simulator.set_faults(FaultPlan::parse(faults).unwrap());
    for kind in ["outcome-unknown", "unreadable-answer"] {
        let called = tag(&simulator, &id, "Retired").await;
        let problem: Problem = called.result.unwrap().unwrap_err().into();
        assert_eq!((&*problem.kind, problem.retry), (kind, Retry::Safe));
        assert_eq!(with_tag(&simulator, "Retired"), [id.as_str()]);
    }
    let called = tag(&simulator, &id, "Retired").await;
    assert!(matches!(called.result, Ok(Ok(()))), "{called:?}");
    assert_eq!(with_tag(&simulator, "Retired"), [id.as_str()]);
}

#[test]
fn inspect_shows_what_a_tag_may_send() {
    let table = offboard(["inspect"]).stdout;
    let words = "tag: POST /api/machines/{id}/tags, once, with exactly the tag of the order";
    assert!(table.contains(words), "{table}");
    let json = offboard(["inspect", "--output", "jsonl"]).stdout;
    let row: serde_json::Value = serde_json::from_str(&json).unwrap();
    let grants = row["grants"].as_array().unwrap().iter();
    let bodies: Vec<_> = grants
        .filter(|grant| grant["method"] == "POST")
        .map(|grant| grant["body"].as_str().unwrap())
        .collect();
    assert_eq!(
        bodies,
        [
            r#"{"Comment": …}"#,
            r#"{"Comment": …}"#,
            r#"{"Value": …, "Action": "Add"}"#,
            r#"{"Comment": …, "ExternalId": …}"#,
        ]
    );
}

/// A tenant whose application may also tag.
fn world(change: impl FnOnce(&mut Config)) -> World {
    World::with(|config| {
        config.roles.push("Machine.ReadWrite.All".to_owned());
        change(config);
    })
}

fn faulty(faults: &[&str]) -> World {
    world(|config| config.faults = FaultPlan::parse(faults.iter().copied()).unwrap())
}

/// The POSTs: the end of the path, and the machine.
fn posted(world: &World) -> Vec<(String, String)> {
    let post = |post: Value| {
        let path = post["path"].as_str().unwrap().to_owned();
        let (rest, what) = path.rsplit_once('/').unwrap();
        let (_, machine) = rest.rsplit_once('/').unwrap();
        (what.to_owned(), machine.to_owned())
    };
    world.posts().into_iter().map(post).collect()
}

/// The POSTs of these machines in order: the tag, then the offboarding.
fn tag_then_offboard(ids: &[String]) -> Vec<(String, String)> {
    let both = |id: &String| ["tags", "offboard"].map(|what| (what.to_owned(), id.clone()));
    ids.iter().flat_map(both).collect()
}

/// The routes and statuses of an order's recorded requests.
fn recorded_requests(order: &Value) -> Vec<(&str, Option<u64>)> {
    let requests = order["requests"].as_array().unwrap().iter();
    requests
        .map(|request| {
            let (_, what) = request["route"].as_str().unwrap().rsplit_once('/').unwrap();
            (what, request["status"].as_u64())
        })
        .collect()
}

#[test]
fn each_machine_is_tagged_right_before_it_is_offboarded_and_both_are_on_record() {
    let world = world(|_| {});
    let ids = world.online_ids(2);
    let outcome = world.run(&[&ids[0], &ids[1], "--tag", "Retired 2030", "--jobs=1"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(posted(&world), tag_then_offboard(&ids));
    let body: Value = serde_json::from_str(world.posts()[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body, json!({"Value": "Retired 2030", "Action": "Add"}));
    assert_eq!(world.recorded_runs()[0]["tag"], "Retired 2030");
    for (order, id) in world.recorded().iter().zip(&ids) {
        assert_eq!(
            recorded_requests(order),
            [("tags", Some(200)), ("offboard", Some(200))]
        );
        let grant = order["requests"][0]["grant"].as_str().unwrap();
        let words = format!("/api/machines/{id}/tags, once, with exactly this tag");
        assert!(grant.ends_with(&words), "{grant}");
        assert_eq!(order["attempts"], 1);
    }
}

#[test]
fn a_missing_tag_permission_is_reported_once_and_all_are_offboarded() {
    let world = World::new();
    let ids = world.online_ids(3);
    let outcome = world.run(&[&ids[0], &ids[1], &ids[2], "--tag", "Retired", "--quiet"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(world.offboardings().len(), 3);
    let posted = posted(&world);
    let tags = posted.iter().filter(|(what, _)| what == "tags").count();
    assert_eq!(tags, 1, "{posted:?}");
    let warnings = outcome
        .stderr
        .matches("The remaining machines are offboarded without the tag")
        .count();
    assert_eq!(warnings, 1, "{outcome:?}");
    let permission = "A tag needs the permission Machine.ReadWrite.All";
    assert!(outcome.stderr.contains(permission), "{outcome:?}");
    let recorded = world.recorded();
    let expected = [("tags", Some(403)), ("offboard", Some(200))];
    assert_eq!(recorded_requests(&recorded[0]), expected);
    assert_eq!(recorded_requests(&recorded[1]), expected[1..]);
}

#[test]
fn a_tag_that_fails_does_not_stop_the_offboarding_and_is_reported() {
    let answers = [
        ("drop-after-commit", None),
        ("status=503", Some(503)),
        ("status=400", Some(400)),
    ];
    for (fault, status) in answers {
        let world = faulty(&[&format!("tags:1:{fault}")]);
        let id = world.online_ids(1).remove(0);
        // No row reports it, so the warning is printed under --quiet, too.
        let outcome = world.run(&[&id, "--tag", "Retired", "--quiet"]);
        assert_eq!(outcome.code, 0, "{fault}: {outcome:?}");
        assert_eq!(posted(&world), tag_then_offboard(&[id]), "{fault}");
        let words = "is offboarded without the tag: ";
        assert!(outcome.stderr.starts_with("warning: "), "{outcome:?}");
        assert!(outcome.stderr.contains(words), "{fault}: {outcome:?}");
        let recorded = world.recorded();
        let expected = [("tags", status), ("offboard", Some(200))];
        assert_eq!(recorded_requests(&recorded[0]), expected, "{fault}");
    }
}

#[test]
fn a_throttled_tag_waits_for_its_retry_after_and_is_tried_again_once() {
    for (throttled, tags) in [("1", [429, 200]), ("1-2", [429, 429])] {
        let fault = format!("tags:{throttled}:status=429,retry-after=1s");
        let world = faulty(&[&fault]);
        let id = world.online_ids(1).remove(0);
        let outcome = world.run(&[&id, "--tag", "Retired"]);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        let order = world.recorded().remove(0);
        let [first, second] = tags.map(|status| ("tags", Some(status)));
        assert_eq!(
            recorded_requests(&order),
            [first, second, ("offboard", Some(200))]
        );
        let at = |at: usize, what: &str| -> jiff::Timestamp {
            order["requests"][at][what]
                .as_str()
                .unwrap()
                .parse()
                .unwrap()
        };
        for next in 1..=tags.iter().filter(|status| **status == 429).count() {
            let waited = at(next, "sent").duration_since(at(next - 1, "answered"));
            assert!(waited.as_millis() >= 990, "{throttled}: {order}");
        }
    }
}

#[test]
fn a_run_that_is_resumed_keeps_its_tag() {
    let world = World::with(|config| config.roles = vec!["Machine.Read.All".to_owned()]);
    let ids = world.online_ids(2);
    // Nothing can be sent yet.
    let stopped = world.run(&[&ids[0], &ids[1], "--tag", "Retired"]);
    assert_eq!(stopped.code, 3, "{stopped:?}");
    let before = world.posts().len();
    let roles = [
        "Machine.Offboard",
        "Machine.Read.All",
        "Machine.ReadWrite.All",
    ];
    world.use_token(TokenRequest::default().roles(roles));
    let resumed = world.offboard(&["resume", "--yes", "--jobs=1", "-o", "json"]);
    assert_eq!(resumed.code, 0, "{resumed:?}");
    assert_eq!(posted(&world)[before..], tag_then_offboard(&ids)[..]);
}

#[test]
fn nothing_is_sent_by_a_dry_run_which_shows_the_tag_and_its_grant() {
    let world = world(|_| {});
    let id = world.online_ids(1).remove(0);
    let args = [
        "run",
        &id,
        "--comment",
        "x",
        "--tag",
        "Retired",
        "--dry-run",
    ];
    let outcome = world.offboard(&args);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let grant = format!(
        "POST {}/api/machines/{id}/tags, once, with exactly this tag",
        world.root()
    );
    for words in ["Tag, set before the offboarding: Retired", &grant] {
        assert!(outcome.stderr.contains(words), "{words}: {outcome:?}");
    }
    assert!(world.posts().is_empty());
}

#[test]
fn of_many_machines_the_tag_has_one_line() {
    let world = world(|config| config.machines = 120);
    let ids = world.online_ids(26);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let args = ["run", "--comment", "x", "--tag", "Retired", "--dry-run"];
    let outcome = world.offboard(&[&args[..], &ids].concat());
    let line = "/api/machines/{id}/tags, once for each of the 26 machines, with exactly this tag";
    assert_eq!(outcome.stderr.matches("/tags").count(), 1, "{outcome:?}");
    assert!(outcome.stderr.contains(line), "{outcome:?}");
}

#[test]
fn while_its_tag_is_under_way_an_order_is_planned() {
    let world = faulty(&["tags:1:delay=20s"]);
    let id = world.online_ids(1).remove(0);
    let args = ["run", &id, "--comment", "x", "--yes", "--tag", "Retired"];
    let mut running = world.command(&args).spawn().unwrap();
    until_running(&mut running, "a request", || !world.posts().is_empty());
    running.kill().unwrap();
    running.wait().unwrap();
    let order = world.recorded().remove(0);
    assert_eq!(order["state"], "planned", "{order}");
    assert_eq!(recorded_requests(&order), [("tags", None)]);
    let resumed = world.offboard(&["resume", "--yes"]);
    assert_eq!(resumed.code, 0, "{resumed:?}");
    assert_eq!(world.offboardings().len(), 1);
}

#[cfg(unix)]
#[test]
fn a_run_that_is_to_end_offboards_nothing_after_the_tag_that_is_under_way() {
    let world = faulty(&["tags:1:delay=2s"]);
    let id = world.online_ids(1).remove(0);
    let args = ["run", &id, "--comment", "x", "--yes", "--tag", "Retired"];
    let mut running = world.command(&args).spawn().unwrap();
    until_running(&mut running, "a request", || !world.posts().is_empty());
    signal(&running, "INT");
    let outcome = Outcome::from(running.wait_with_output().unwrap());
    assert_eq!(outcome.code, 130, "{outcome:?}");
    assert!(world.offboardings().is_empty());
    let order = world.recorded().remove(0);
    assert_eq!(order["state"], "planned", "{order}");
    assert_eq!(recorded_requests(&order), [("tags", Some(200))]);
}

#[test]
fn a_plugin_that_cannot_tag_is_found_out_before_anything_is_sent() {
    let world = world(|_| {});
    let plugin = world.path("plugin.wasm");
    fs::write(&plugin, component_bytes("results")).unwrap();
    let id = world.online_ids(1).remove(0);
    let plugin = plugin.to_str().unwrap();
    let outcome = world.run(&[&id, "--tag", "Retired", "--plugin", plugin]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(
        outcome.stderr.contains("does not export `tagging`"),
        "{outcome:?}"
    );
    assert!(world.requests().is_empty());
}

#[test]
fn an_invalid_tag_is_reported_before_anything_is_sent() {
    let world = world(|_| {});
    let id = world.online_ids(1).remove(0);
    for (tag, why) in [
        (" ", "blank"),
        ("a\nb", "control character"),
        (" a", "white space"),
    ] {
        let outcome = world.run(&[&id, "--tag", tag]);
        assert_eq!(outcome.code, 2, "{outcome:?}");
        assert!(outcome.stderr.contains(why), "{outcome:?}");
    }
    assert!(world.requests().is_empty());
}

#[test]
fn the_same_request_with_another_tag_is_another_one() {
    let world = world(|_| {});
    let id = world.online_ids(1).remove(0);
    let order = |tag| world.run(&[&id, "--request-id", "step-7", "--tag", tag]);
    assert_eq!(order("Retired").code, 0);
    let posts = world.posts().len();
    assert_eq!(order("Retired").code, 0);
    assert_eq!(order("Returned").code, 2);
    assert_eq!(world.posts().len(), posts);
}
