//! An unknown order is resent only if the user chooses to: each time with one request
//! that the service may carry out.

use offboard_simulator::{Config, FaultPlan};
use serde_json::{Value, json};

use crate::support::{MACHINE, Outcome, Reply, Scripted, World};

const RESEND: [&str; 7] = [
    "resume",
    "--yes",
    "--resend-unknown",
    "--grace",
    "0s",
    "-o",
    "json",
];

fn faulty(faults: &[&str]) -> World {
    World::with(|config: &mut Config| {
        config.faults = FaultPlan::parse(faults.iter().copied()).unwrap();
    })
}

/// The state changes of an order, with their details.
fn changes(order: &Value) -> Vec<(String, Option<String>)> {
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let moments = order["moments"].as_array().unwrap().iter();
    let changes = moments.map(|moment| (text(&moment["state"]).unwrap(), text(&moment["detail"])));
    changes
        .filter(|(state, _)| state != "planned" || order["attempts"] != 0)
        .collect()
}

fn sent(order: &Value) -> Vec<Option<String>> {
    let sendings = changes(order).into_iter();
    let sendings = sendings.filter(|(state, _)| state == "sending");
    sendings.map(|(_, detail)| detail).collect()
}

#[test]
fn a_resend_is_one_request_for_each_invocation() {
    // The list does not show whether it was carried out.
    for fault in [
        &["offboard:1-5:status=503"][..],
        &[
            "offboard:1-5:drop-after-commit",
            "offboard:1-5:visible-after=1h",
        ],
    ] {
        let world = faulty(fault);
        let id = world.online_ids(1).remove(0);
        let first = world.run(&[&id, "--grace", "0s"]);
        assert_eq!(first.row()["state"], "unknown", "{first:?}");
        let mut posts = 1;
        for _ in 0..2 {
            let resent = world.offboard(&RESEND);
            posts += 1;
            assert_eq!(world.posts().len(), posts, "{resent:?}");
            assert_eq!(resent.row()["state"], "unknown", "{resent:?}");
            assert_eq!(resent.code, 4, "{resent:?}");
            // The choice is not recorded.
            world.offboard(&["resume", "--yes", "--grace", "0s"]);
            assert_eq!(world.posts().len(), posts);
        }
        let order = world.recorded().remove(0);
        let resent = || Some("resent".to_owned());
        assert_eq!(sent(&order), [None, resent(), resent()], "{order}");
        assert_eq!(order["requests"].as_array().unwrap().len(), 3);
    }
}

/// The user's choice covers what was unknown before, not what becomes unknown now.
#[test]
fn what_becomes_unknown_meanwhile_is_not_resent() {
    let world = faulty(&["machine:1-4:status=503", "offboard:1-4:status=503"]);
    let id = world.online_ids(1).remove(0);
    assert_eq!(world.run(&[&id]).row()["state"], "not-sent");
    let resumed = world.offboard(&RESEND);
    assert_eq!(resumed.row()["state"], "unknown", "{resumed:?}");
    assert_eq!(world.posts().len(), 1);
}

fn action(id: &str, comment: &str) -> Value {
    json!({
        "id": id,
        "type": "Offboard",
        "status": "Pending",
        "machineId": MACHINE,
        "requestorComment": comment,
    })
}

fn accepted() -> Reply {
    Reply::new(200, &action("a2", "Retired").to_string())
}

/// The first request is answered with 503, the following ones with these answers, and any
/// further one is carried out.
fn resent(replies: impl Fn(usize) -> Option<Reply> + Send + Sync + 'static) -> (Scripted, Outcome) {
    let server = Scripted::new(move |request, posts| {
        let answer = match posts {
            0 => Reply::error(503, "ServiceUnavailable", "busy"),
            _ => replies(posts).unwrap_or_else(accepted),
        };
        request.starts_with("POST ").then_some(answer)
    });
    let first = server.run(&[]);
    assert_eq!(first.row()["state"], "unknown", "{first:?}");
    let outcome = server.command(&RESEND);
    (server, outcome)
}

fn recorded(server: &Scripted) -> Value {
    let exported = server.command(&["export", "last"]);
    serde_json::from_str(exported.stdout.lines().next().unwrap()).unwrap()
}

#[test]
fn a_refusal_ends_a_resend_and_leaves_the_first_request_unknown() {
    for (status, code, kind) in [
        (400, "BadRequest", "outcome-unknown"),
        (400, "ActiveRequestAlreadyExists", "already-in-progress"),
        (401, "Unauthorized", "outcome-unknown"),
        (403, "Forbidden", "outcome-unknown"),
        (403, "DisallowedOperation", "outcome-unknown"),
        (404, "ResourceNotFound", "outcome-unknown"),
    ] {
        let refusal = Reply::error(status, code, "No");
        let (server, outcome) = resent(move |posts| (posts < 4).then(|| refusal.clone()));
        assert_eq!(server.posts(), 2, "{code}: {outcome:?}");
        let row = outcome.row();
        let result = (&row["state"], &row["error"]["kind"], &row["error"]["retry"]);
        assert_eq!(
            result,
            (&json!("unknown"), &json!(kind), &json!("ask-first")),
            "{code}: {outcome:?}"
        );
        let message = row["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("the first request may have been"),
            "{message}"
        );
        // The request itself is recorded with its own answer.
        let request = &recorded(&server)["requests"][1];
        assert_eq!(request["status"], status, "{request}");
        assert_eq!(request["error"]["message"], "No", "{request}");
    }
}

/// Throttling is an answer, too: the resend was this command's one request.
#[test]
fn a_pause_ends_a_resend() {
    let pause = || Reply::with(429, &[("Retry-After", "1")], "");
    let (server, outcome) = resent(move |posts| (posts < 9).then(pause));
    assert_eq!(server.posts(), 1 + 1, "{outcome:?}");
    assert_eq!(outcome.row()["state"], "unknown", "{outcome:?}");
    let order = recorded(&server);
    let states: Vec<String> = changes(&order)
        .into_iter()
        .map(|(state, _)| state)
        .skip_while(|state| state == "planned")
        .collect();
    assert_eq!(
        states,
        ["sending", "unknown", "sending", "unknown"],
        "{order}"
    );
    // The user's next choice is one more request.
    let outcome = server.command(&RESEND);
    assert_eq!(server.posts(), 1 + 1 + 1, "{outcome:?}");
}

#[test]
fn what_would_meet_every_resend_meets_one() {
    let world = faulty(&["offboard:1-3:status=503", "offboard:4-9:status=403"]);
    let ids = world.online_ids(3);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let first = world.run(&[&ids[..], &["--grace", "0s"]].concat());
    assert_eq!((first.code, world.posts().len()), (4, 3), "{first:?}");
    let resent = world.offboard(&RESEND);
    assert_eq!((resent.code, world.posts().len()), (4, 4), "{resent:?}");
}

/// The action that blocks a resend may be this order's own. If no action is found, the
/// order is not called refused.
#[test]
fn an_action_that_blocks_a_resend_is_adopted_once_it_is_listed() {
    let server = Scripted::new(|request, posts| {
        let is_post = request.starts_with("POST ");
        let list = request.starts_with("GET /api/machineactions") && posts > 1;
        match posts {
            0 if is_post => Some(Reply::error(503, "ServiceUnavailable", "busy")),
            _ if is_post => Some(Reply::error(400, "ActiveRequestAlreadyExists", "No")),
            _ => list.then(|| {
                let listed = json!({"value": [action("a1", "Somebody else's")]});
                Reply::new(200, &listed.to_string())
            }),
        }
    });
    assert_eq!(server.run(&[]).row()["state"], "unknown");
    let outcome = server.command(&RESEND);
    let row = outcome.row();
    assert_eq!(server.posts(), 2, "{outcome:?}");
    assert_eq!(row["state"], "accepted", "{outcome:?}");
    assert_eq!(row["action"]["id"], "a1", "{outcome:?}");
    assert!(
        row["note"].as_str().unwrap().contains("in progress"),
        "{row}"
    );
}

/// Resends that share a query share the last list before they are sent.
#[test]
fn many_resends_share_their_lists() {
    let world = faulty(&["offboard:1-8:status=503"]);
    let ids = world.online_ids(8);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let first = world.run(&[&ids[..], &["--grace", "0s"]].concat());
    assert_eq!((first.code, world.posts().len()), (4, 8), "{first:?}");
    let lists = || {
        let requests = world.requests();
        let is_list = |path: &str| path.contains("/machineactions?");
        let paths = requests.iter().map(|one| one["path"].as_str().unwrap());
        paths.filter(|path| is_list(path)).count()
    };
    let before = lists();
    let resent = world.offboard(&RESEND);
    assert_eq!(
        (resent.code, world.offboardings().len()),
        (0, 8),
        "{resent:?}"
    );
    // Two of the reconciliation, and one or a few for all, but not one for each.
    assert!(lists() - before < 2 + 8, "{resent:?}");
}
