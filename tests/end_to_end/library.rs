//! The library prevents two things, whatever its caller does: sending an unconfirmed plan,
//! and sending another plan than the confirmed one.

use std::{collections::BTreeSet, time::Duration};

use futures_util::StreamExt;
use offboard::{
    Client, Config,
    client::{ConnectOptions, PlanError, PlanRequest, ResumeOptions, Run, RunError},
    ledger::Ledger,
    order::State,
    plan::{ConfirmError, Confirmation, GuardError, Plan},
    run::{Event, Events},
    selection::Selection,
};
use offboard_simulator::{Config as Simulated, FaultPlan};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::support::{World, in_time};

/// A client with a ledger of this name.
async fn client(world: &World, ledger: &str) -> Client {
    client_with(world, ledger, CancellationToken::new()).await
}

/// The same, with the caller's cancellation token.
async fn client_with(world: &World, ledger: &str, stop: CancellationToken) -> Client {
    let path = |name: &str| world.path(name).into_os_string();
    let config = Config::builder()
        .set("api-root", [world.root()], "test")
        .and_then(|builder| builder.set("token-file", [path("token")], "test"))
        .and_then(|builder| builder.set("ledger", [path(ledger)], "test"))
        .and_then(|builder| builder.build())
        .unwrap();
    let mut options = ConnectOptions::new("test");
    options.stop = stop;
    Client::connect(&config, options).await.unwrap()
}

/// Three machines, the first of which cannot be read at once.
fn world_with_an_unreadable_machine() -> (World, Vec<String>) {
    let id = World::new().online_ids(3).remove(0);
    let world = World::with(|config: &mut Simulated| {
        let fault = format!("machine/{id}:1-4:status=503");
        config.faults = FaultPlan::parse([fault.as_str()]).unwrap();
    });
    let ids = world.online_ids(3);
    (world, ids)
}

/// A request for these machines.
fn request(ids: &[String]) -> PlanRequest {
    let machines = ids.iter().map(|id| id.parse().unwrap());
    PlanRequest {
        selection: Selection::of(machines, &"Retired".parse().unwrap()),
        ..PlanRequest::default()
    }
}

async fn plan(client: &Client, request: PlanRequest) -> Plan {
    client.plan(request, &Events::none()).await.unwrap()
}

#[test]
fn a_client_executes_no_plan_of_another_client() {
    let world = World::with(|config: &mut Simulated| config.machines = 200);
    let ids = world.online_ids(30);
    Runtime::new().unwrap().block_on(async {
        let one = client(&world, "one.db").await;
        let other = client(&world, "other.db").await;
        // Both runs have the same number, each in its own ledger.
        let large = plan(&other, request(&ids)).await;
        let small = plan(&one, request(&ids[..1])).await;
        assert_eq!(large.run(), small.run());
        let confirmed = small.clone().confirm(Confirmation::consent()).unwrap();
        let refused = other.execute(confirmed, None).finish().await;
        assert!(
            matches!(refused, Err(RunError::AnotherClient)),
            "{refused:?}"
        );
        let draft = small.draft().clone();
        let refused = other.preflight(draft, &Events::none()).await;
        assert!(
            matches!(refused, Err(PlanError::AnotherClient)),
            "{refused:?}"
        );
        assert!(world.posts().is_empty());
        // Nor can the large plan be confirmed without being shown.
        let refused = large.confirm(Confirmation::consent()).unwrap_err();
        let too_many = GuardError::TooMany {
            count: 30,
            limit: 25,
        };
        assert_eq!(refused, ConfirmError::Guard(too_many));
    });
}

#[test]
fn an_order_that_was_not_shown_is_not_part_of_an_unseen_plan() {
    let (world, ids) = world_with_an_unreadable_machine();
    Runtime::new().unwrap().block_on(async {
        let client = client(&world, "ledger.db").await;
        let first = plan(&client, request(&ids)).await;
        let answer = Confirmation::answer(first.digest());
        let run = client.execute(first.confirm(answer).unwrap(), None);
        run.finish().await.unwrap();
        let sent = world.posts().len();
        // One order was neither shown nor sent, and cannot be resumed without being shown.
        let runs = client.unfinished(None).await.unwrap().runs;
        let unseen = client.reopen(runs.clone(), ResumeOptions::default());
        assert_eq!(unseen.await.unwrap().machines(), 0);
        let shown = ResumeOptions {
            will_be_shown: true,
            ..ResumeOptions::default()
        };
        assert_eq!(client.reopen(runs, shown).await.unwrap().machines(), 1);
        assert_eq!(world.posts().len(), sent);
    });
}

#[test]
fn a_plan_that_is_discarded_leaves_its_request_id() {
    let world = World::new();
    let ids = world.online_ids(2);
    Runtime::new().unwrap().block_on(async {
        let client = client(&world, "ledger.db").await;
        let requested = |again| PlanRequest {
            request_id: Some("night".to_owned()),
            again,
            ..request(&ids)
        };
        let first = plan(&client, requested(false)).await;
        let busy = client.plan(requested(false), &Events::none()).await;
        assert!(
            matches!(busy, Err(PlanError::RequestIdBusy { .. })),
            "{busy:?}"
        );
        client.discard(first.draft()).await.unwrap();
        let second = plan(&client, requested(false)).await;
        let confirmed = second.confirm(Confirmation::consent()).unwrap();
        client.execute(confirmed, None).finish().await.unwrap();
        assert_eq!(world.posts().len(), 2);
        // The same request id with other options is a conflict.
        let conflict = client.plan(requested(true), &Events::none()).await;
        let is_conflict = matches!(conflict, Err(PlanError::RequestIdConflict { .. }));
        assert!(is_conflict, "{conflict:?}");
        let third = plan(&client, requested(false)).await;
        assert_eq!(third.machines(), 0);
        let confirmed = third.confirm(Confirmation::consent()).unwrap();
        client.execute(confirmed, None).finish().await.unwrap();
        assert_eq!(world.posts().len(), 2);
    });
}

/// A simulator where each offboarding takes a while.
fn slow_world() -> World {
    World::with(|config: &mut Simulated| {
        config.machines = 200;
        config.quota = "none".parse().unwrap();
        config.faults = FaultPlan::parse(["offboard:always:delay=200ms"]).unwrap();
    })
}

async fn execute(client: &Client, ids: &[String]) -> Run {
    let plan = plan(client, request(ids)).await;
    client.execute(plan.confirm(Confirmation::consent()).unwrap(), None)
}

async fn until_sent(world: &World) {
    in_time(async {
        while world.posts().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[test]
fn stopping_a_run_leaves_the_other_runs_of_its_client_alone() {
    let world = slow_world();
    let ids = world.online_ids(24);
    Runtime::new().unwrap().block_on(async {
        let client = client(&world, "ledger.db").await;
        let large = execute(&client, &ids[..20]).await;
        until_sent(&world).await;
        large.stop();
        let small = execute(&client, &ids[20..]).await;
        let large = in_time(large.finish()).await.unwrap().counts;
        let small = in_time(small.finish()).await.unwrap().counts;
        assert_eq!(small.of(State::Accepted), 4, "{small:?}");
        assert!(large.of(State::Accepted) > 0, "{large:?}");
        assert_eq!(large.of(State::Accepted) + large.of(State::Planned), 20);
        assert!(large.of(State::Planned) > 0, "{large:?}");
    });
}

#[test]
fn a_client_ends_after_its_runs_also_if_their_handles_are_dropped() {
    let world = slow_world();
    let ids = world.online_ids(20);
    Runtime::new().unwrap().block_on(async {
        let stop = CancellationToken::new();
        let client = client_with(&world, "ledger.db", stop.clone()).await;
        let run = execute(&client, &ids).await;
        until_sent(&world).await;
        let id = run.run();
        drop(run);
        in_time(client.end()).await.unwrap();
        assert!(!stop.is_cancelled(), "the caller's token was cancelled");
        let sent = world.posts().len();
        let ledger = Ledger::view(&world.path("ledger.db")).await.unwrap();
        let counts = ledger.counts(id).await.unwrap();
        // Every answer is recorded.
        assert_eq!(counts.of(State::Accepted), sent as u64, "{counts:?}");
        assert_eq!(counts.of(State::Planned), 20 - sent as u64, "{counts:?}");
    });
}

/// While one client still sends, another client may plan the machines again that the first
/// one could not read.
#[test]
fn an_order_that_was_planned_again_during_a_run_is_not_sent_unconfirmed() {
    let machines = |config: &mut Simulated| {
        config.machines = 400;
        config.quota = "none".parse().unwrap();
    };
    let last = World::with(machines).online_ids(45).remove(44);
    let world = World::with(|config: &mut Simulated| {
        machines(config);
        let unread = format!("machine/{last}:1-4:status=503");
        let whole = "machines:1:status=400";
        let faults = [whole, unread.as_str(), "offboard:1-4:delay=6s"];
        config.faults = FaultPlan::parse(faults).unwrap();
    });
    let ids = world.online_ids(45);
    Runtime::new().unwrap().block_on(async {
        let mut large = request(&ids);
        large.guards.max_devices = 100;
        let one = client(&world, "ledger.db").await;
        let other = client(&world, "ledger.db").await;
        let plan = plan(&one, large).await;
        let (id, run) = (plan.id(), plan.run());
        assert_eq!(plan.machines(), 44);
        let answer = Confirmation::answer(plan.digest());
        let sending = one.execute(plan.confirm(answer).unwrap(), None);
        // The first requests are slow, so that all others wait.
        until_sent(&world).await;
        let rest = other.unfinished(Some(&id.to_string())).await.unwrap();
        let mut options = ResumeOptions {
            will_be_shown: true,
            ..ResumeOptions::default()
        };
        options.guards.max_devices = 100;
        let drafts = other.reopen(rest.runs, options).await.unwrap();
        let draft = drafts.drafts()[0].clone();
        other.preflight(draft, &Events::none()).await.unwrap();
        let counts = other.ledger().counts(run).await.unwrap();
        assert!(counts.of(State::Planned) >= 41, "too late: {counts:?}");
        let counts = in_time(sending.finish()).await.unwrap().counts;
        assert_eq!(counts.of(State::Accepted), 44, "{counts:?}");
        assert_eq!(counts.of(State::Planned), 1, "{counts:?}");
        assert!(
            world
                .posts()
                .iter()
                .all(|post| !post.to_string().contains(&last))
        );
    });
}

/// The events of a resumed run announce every order that they report on.
#[test]
fn unresolved_orders_are_announced_beside_those_of_the_plan() {
    let world = World::with(|config: &mut Simulated| {
        let faults = [
            "offboard:1:drop-after-commit",
            "offboard:1:visible-after=3s",
            "offboard:2:status=403",
        ];
        config.faults = FaultPlan::parse(faults).unwrap();
    });
    let ids = world.online_ids(4);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let stopped = world.run(&[&ids[..], &["--jobs", "1", "--grace", "0s"]].concat());
    let states: Vec<_> = stopped
        .rows()
        .iter()
        .map(|row| row["state"].clone())
        .collect();
    assert_eq!(states, ["unknown", "not-sent", "not-sent", "not-sent"]);
    Runtime::new().unwrap().block_on(async {
        let client = client(&world, "ledger.db").await;
        let runs = client.unfinished(None).await.unwrap().runs;
        let reopened = client.reopen(runs, ResumeOptions::default()).await.unwrap();
        let draft = reopened.drafts()[0].clone();
        let plan = client.preflight(draft, &Events::none()).await.unwrap();
        // The missing permission may have been granted since.
        assert_eq!(plan.machines(), 3);
        let confirmed = plan.confirm(Confirmation::consent()).unwrap();
        let mut run = client.execute(confirmed, None);
        let (mut announced, mut changed) = (0, BTreeSet::new());
        while let Some(event) = run.next().await {
            match event {
                Event::Sending {
                    machines,
                    unresolved,
                } => announced = machines + unresolved,
                Event::Changed { order } => {
                    changed.insert(order.number);
                }
                _ => {}
            }
        }
        assert_eq!((announced, changed.len()), (4, 4), "{changed:?}");
    });
}

/// A user of another client sees the order and declines: a consent that was given before
/// that does not cover it.
#[test]
fn a_consent_covers_no_order_that_another_client_planned_again() {
    let (world, ids) = world_with_an_unreadable_machine();
    Runtime::new().unwrap().block_on(async {
        let one = client(&world, "ledger.db").await;
        let first = plan(&one, request(&ids)).await;
        let run = first.run();
        let answer = Confirmation::answer(first.digest());
        let sending = one.execute(first.confirm(answer).unwrap(), None);
        sending.finish().await.unwrap();
        assert_eq!(world.posts().len(), 2);

        let consents = one.unfinished(None).await.unwrap().runs;
        let consented = one.reopen(consents, ResumeOptions::default());
        let consented = consented.await.unwrap().drafts()[0].clone();
        let other = client(&world, "ledger.db").await;
        let shown = ResumeOptions {
            will_be_shown: true,
            ..ResumeOptions::default()
        };
        let runs = other.unfinished(None).await.unwrap().runs;
        let declined = other.reopen(runs, shown).await.unwrap();
        let declined = declined.drafts()[0].clone();
        let declined = other.preflight(declined, &Events::none()).await.unwrap();
        assert_eq!(declined.machines(), 1);

        let plan = one.preflight(consented, &Events::none()).await.unwrap();
        let confirmed = plan.confirm(Confirmation::consent()).unwrap();
        let refused = one.execute(confirmed, None).finish().await;
        assert!(matches!(refused, Err(RunError::Ledger(_))), "{refused:?}");
        assert_eq!(world.posts().len(), 2);
        let orders = one.ledger().entries(run, 0, 3).await.unwrap();
        let confirmed = orders.iter().filter(|order| order.confirmed).count();
        assert_eq!(confirmed, 2);
    });
}
