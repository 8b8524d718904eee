//! Tokens that expire or are revoked during a run.

use std::{process::Command, time::Duration};

use offboard_simulator::{FaultPlan, TokenRequest};

use super::{Running, World, assert_contains, outcome, run, script, text, wait_until};
use crate::support::Outcome;

/// The ids of this many machines.
fn machine_ids(world: &World, count: usize) -> Vec<String> {
    let machines = world.online();
    assert!(machines.len() >= count);
    machines
        .into_iter()
        .take(count)
        .map(|truth| truth.machine.id)
        .collect()
}

fn args(machines: &[String]) -> Vec<&str> {
    let mut args = run(&machines[0]).to_vec();
    args.extend(machines[1..].iter().map(String::as_str));
    args
}

fn assert_all(outcome: &Outcome, count: usize, state: &str) {
    let rows = outcome.rows();
    assert_eq!(rows.len(), count);
    assert!(rows.iter().all(|row| row["state"] == state), "{outcome:?}");
}

#[test]
fn a_token_is_renewed_before_it_ends_and_no_more_often() {
    let world = World::with(|config| {
        config.token_lifetime = Duration::from_secs(10);
        config.action_time = Duration::from_secs(22);
    });
    let machines = machine_ids(&world, 3);
    let mut args = args(&machines);
    args.push("--wait=5m");
    let started = std::time::Instant::now();
    let outcome = outcome(&mut world.with_secret(&args));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_all(&outcome, 3, "succeeded");
    assert_eq!(world.answered(401), 0);
    // Each token is used for nine tenths of its lifetime.
    let issued = world.simulator.issued_tokens().client_credentials;
    let most = 1 + started.elapsed().as_millis() / 9000;
    assert!(
        issued >= 3 && u128::from(issued) <= most,
        "{issued} of {most}"
    );
}

#[test]
fn a_tag_that_is_refused_for_its_token_is_set_with_a_fresh_one() {
    let world = World::with(|config| {
        config.roles.push("Machine.ReadWrite.All".to_owned());
        config.faults = FaultPlan::parse(["tags:1:status=401"]).unwrap();
    });
    let machines = machine_ids(&world, 1);
    let mut args = args(&machines);
    args.extend(["--tag", "Retired"]);
    let outcome = outcome(&mut world.with_secret(&args));
    assert_all(&outcome, 1, "accepted");
    let calls = world.calls();
    let posts = calls.iter().filter(|call| call["method"] == "POST");
    let statuses: Vec<_> = posts.map(|post| post["status"].as_u64()).collect();
    assert_eq!(statuses, [401, 200, 200].map(Some), "{outcome:?}");
    assert_eq!(world.issued(), 2);
}

#[test]
fn one_token_serves_a_whole_run() {
    let world = World::new();
    let machines = machine_ids(&world, 3);
    let outcome = outcome(&mut world.with_secret(&args(&machines)));
    assert_all(&outcome, 3, "accepted");
    assert_eq!(world.issued(), 1);
    let mut requests = world.requests();
    requests.retain(|request| !text(request, "path").starts_with("/api/"));
    assert_eq!(requests.len(), 1, "{requests:?}");
}

#[test]
fn a_revoked_token_is_renewed_once_for_the_whole_run() {
    let world = World::new();
    let machines = machine_ids(&world, 4);
    let running = Running::start(&mut world.with_secret(&args(&machines)));
    wait_until("a sign-in", || world.issued() == 1);
    world.simulator.revoke_tokens();
    let outcome = running.end();
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_all(&outcome, 4, "accepted");
    assert_eq!(world.issued(), 2);
    assert_eq!(world.answered(401), 1);
    assert_eq!(world.offboarded(), 4);
}

/// A run whose token command prints these tokens in order, then the last one again, and
/// counts its calls.
fn with_tokens(world: &World, machines: &[String], tokens: &[String]) -> Command {
    let folder = world.path("tokens");
    std::fs::create_dir(&folder).unwrap();
    for (at, token) in tokens.iter().enumerate() {
        world.secret(&format!("tokens/{at}"), token);
    }
    let last = tokens.len() - 1;
    let text = format!(
        "cd '{}'; count=$(cat count 2>/dev/null || echo 0); echo $((count + 1)) > count; \
         [ $count -gt {last} ] && count={last}; cat $count",
        folder.display()
    );
    script(&world.path("program"), &text);
    let mut command = world.command(&args(machines));
    command.env("OFFBOARD_TOKEN_COMMAND", world.path("program"));
    command
}

fn token_calls(world: &World) -> String {
    world.written("tokens/count").trim().to_owned()
}

/// Tokens that were revoked.
fn revoked_tokens(world: &World, count: usize) -> Vec<String> {
    let tokens = (0..count).map(|_| world.token(TokenRequest::default()));
    let tokens = tokens.collect();
    world.simulator.revoke_tokens();
    tokens
}

#[test]
fn a_fresh_token_continues_the_run_after_a_refusal() {
    let world = World::new();
    let machines = machine_ids(&world, 3);
    let mut tokens = revoked_tokens(&world, 1);
    tokens.push(world.token(TokenRequest::default()));
    let outcome = outcome(&mut with_tokens(&world, &machines, &tokens));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_all(&outcome, 3, "accepted");
    assert_eq!(
        (token_calls(&world).as_str(), world.answered(401)),
        ("2", 1)
    );
}

#[test]
fn an_order_that_is_refused_for_its_token_is_sent_again_with_the_next() {
    // The first token is good for the reads, and expires before the POST, which is
    // answered with 401.
    let world = World::new();
    let machines = machine_ids(&world, 2);
    let reads = world.token(TokenRequest::default().lifetime(4));
    let tokens = [reads, world.token(TokenRequest::default())];
    let mut command = with_tokens(&world, &machines, &tokens);
    let outcome = outcome(&mut command);
    assert_all(&outcome, 2, "accepted");
    assert_eq!(world.offboarded(), 2);
}

#[test]
fn a_fresh_token_that_is_refused_too_ends_the_run() {
    let world = World::new();
    let machines = machine_ids(&world, 3);
    let tokens = revoked_tokens(&world, 4);
    let outcome = outcome(&mut with_tokens(&world, &machines, &tokens));
    assert_eq!(outcome.code, 3, "{outcome:?}");
    let rows = outcome.rows();
    let error = &rows[0]["error"];
    assert_eq!(error["kind"], "unauthorized");
    assert_contains(text(error, "hint"), &["licence"]);
    for row in &rows[1..] {
        assert_eq!(row["state"], "not-sent", "{outcome:?}");
    }
    // Two tokens, each tried once, and no POST.
    assert_eq!(
        (token_calls(&world).as_str(), world.calls().len()),
        ("2", 2)
    );
    assert_eq!(world.posts(), 0);
}

#[test]
fn the_same_token_is_not_tried_twice() {
    let world = World::new();
    let machines = machine_ids(&world, 3);
    let tokens = revoked_tokens(&world, 1);
    let refused = outcome(&mut with_tokens(&world, &machines, &tokens));
    assert_eq!(refused.code, 3, "{refused:?}");
    assert_eq!(
        (token_calls(&world).as_str(), world.calls().len()),
        ("2", 1)
    );

    for name in ["OFFBOARD_TOKEN", "OFFBOARD_TOKEN_FILE"] {
        let world = World::new();
        let token = revoked_tokens(&world, 1).remove(0);
        let file = world.secret("token", &token);
        let mut command = world.command(&args(&machines));
        match name {
            "OFFBOARD_TOKEN" => command.env(name, &token),
            _ => command.env(name, &file),
        };
        let refused = outcome(&mut command);
        assert_eq!(refused.code, 3, "{refused:?}");
        assert_eq!(world.calls().len(), 1, "{name}");
    }
}

#[test]
fn a_token_file_that_is_renewed_is_read_again() {
    let world = World::with(|config| config.action_time = Duration::from_secs(6));
    let machine = world.machine();
    // On a busy computer, the order takes seconds.
    let short = world.token(TokenRequest::default().lifetime(4));
    let file = world.secret("token", &short);
    let mut args = run(&machine).to_vec();
    args.push("--wait=5m");
    let mut command = world.command(&args);
    let mut running = Running::start(command.env("OFFBOARD_TOKEN_FILE", &file));
    running.read_until("accepted ");
    world.secret("token", world.token(TokenRequest::default()));
    let outcome = running.end();
    assert_eq!(outcome.row()["state"], "succeeded", "{outcome:?}");
    assert_eq!(world.answered(401), 0);
}

#[test]
fn a_secret_that_is_revoked_during_a_run_does_not_fail_a_sent_order() {
    let world = World::with(|config| {
        config.token_lifetime = Duration::from_secs(3);
        config.action_time = Duration::from_secs(600);
    });
    let machine = world.machine();
    let mut args = run(&machine).to_vec();
    args.push("--wait=5m");
    let mut running = Running::start(&mut world.with_secret(&args));
    running.read_until("accepted ");
    world.simulator.revoke_secret();
    let outcome = running.end();
    // The order was sent and cannot be followed: that is reported with the reason.
    assert_eq!(outcome.code, 4, "{outcome:?}");
    let row = outcome.row();
    assert_eq!(row["state"], "accepted");
    // On a busy computer, a token can expire between its check and the request. Then the service
    // refuses it first.
    let kind = row["error"]["kind"].as_str().unwrap();
    assert!(["no-credential", "unauthorized"].contains(&kind), "{row}");
    assert_eq!(world.posts(), 1);
}

#[test]
fn a_renewal_that_fails_leaves_a_token_that_is_still_good() {
    let world = World::with(|config| {
        config.token_lifetime = Duration::from_secs(30);
        config.action_time = Duration::from_secs(2);
    });
    let machine = world.machine();
    let mut args = run(&machine).to_vec();
    args.push("--wait=5m");
    let mut running = Running::start(&mut world.with_secret(&args));
    running.read_until("accepted ");
    world.simulator.revoke_secret();
    let outcome = running.end();
    assert_eq!(outcome.row()["state"], "succeeded", "{outcome:?}");
}
