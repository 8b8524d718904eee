//! An order is sent on the basis of a complete and recent preflight, by any process.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use offboard::{
    Client, Config,
    client::{ConnectOptions, PlanError, PlanRequest, ResumeOptions},
    ledger::OrderCounts,
    order::State,
    plan::Confirmation,
    run::Events,
    selection::Selection,
};
use offboard_simulator::{Config as Simulated, FaultPlan};
use serde_json::json;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::support::{MACHINE, Reply, Scripted, World, in_time, write_secret};

/// A client with the token, the ledger and the configuration file of this folder.
async fn client(root: &str, folder: &Path, change: impl FnOnce(&mut ConnectOptions)) -> Client {
    let file = folder.join("offboard.toml");
    let path = |name: &str| folder.join(name).into_os_string();
    let mut builder = Config::builder()
        .set("api-root", [root], "test")
        .and_then(|builder| builder.set("token-file", [path("token")], "test"))
        .and_then(|builder| builder.set("ledger", [path("ledger.db")], "test"))
        .unwrap();
    if file.exists() {
        builder = builder.environment([("OFFBOARD_CONFIG", file)].into_iter().collect());
    }
    let mut options = ConnectOptions::new("test");
    change(&mut options);
    let config = builder.build().unwrap();
    Client::connect(&config, options).await.unwrap()
}

fn request<'a>(ids: impl IntoIterator<Item = &'a str>) -> PlanRequest {
    let machines = ids.into_iter().map(|id| id.parse().unwrap());
    let mut request = PlanRequest {
        selection: Selection::of(machines, &"Retired".parse().unwrap()),
        ..PlanRequest::default()
    };
    request.guards.max_devices = 100;
    request
}

/// The number of reads of single machines.
fn machine_reads(world: &World) -> usize {
    let requests = world.requests();
    let paths = requests
        .iter()
        .filter_map(|request| request["path"].as_str());
    paths
        .filter(|path| path.starts_with("/api/machines/") && !path.ends_with("/offboard"))
        .count()
}

/// The policy excludes the machine after the plan was made.
#[test]
fn a_machine_whose_preflight_is_too_old_is_read_again() {
    for (age, state) in [
        (Duration::from_secs(900), State::Accepted),
        (Duration::ZERO, State::Rejected),
    ] {
        let is_changed = Arc::new(AtomicBool::new(false));
        let changed = Arc::clone(&is_changed);
        let service = Scripted::new(move |request, _| {
            let (body, status) = if request.starts_with("POST ") {
                let action = json!({
                    "id": "a1", "type": "Offboard", "status": "Pending", "machineId": MACHINE,
                    "requestorComment": "Retired",
                });
                (action, 201)
            } else if request.starts_with("GET /api/machines/") {
                let tags: &[&str] = if changed.load(Ordering::SeqCst) {
                    &["Keep"]
                } else {
                    &[]
                };
                let machine = json!({
                    "id": MACHINE, "computerDnsName": "host1.example.test",
                    "osPlatform": "Windows11", "healthStatus": "Active",
                    "onboardingStatus": "Onboarded", "machineTags": tags,
                });
                (machine, 200)
            } else {
                return None;
            };
            Some(Reply::new(status, &body.to_string()))
        });
        let policy = "[profiles.a.policy]\nnever-tags = [\"Keep\"]\n";
        write_secret(&service.path("offboard.toml"), policy);
        Runtime::new().unwrap().block_on(async {
            let folder = service.path("");
            let aged = |options: &mut ConnectOptions| options.preflight_age = age;
            let client = client(service.root(), &folder, aged).await;
            let plan = client.plan(request([MACHINE]), &Events::none()).await;
            let plan = plan.unwrap();
            assert_eq!(plan.machines(), 1);
            is_changed.store(true, Ordering::SeqCst);
            let confirmed = plan.confirm(Confirmation::consent()).unwrap();
            let run = client.execute(confirmed, None);
            let counts = in_time(run.finish()).await.unwrap().counts;
            assert_eq!(counts.of(state), 1, "{age:?}: {counts:?}");
            let posts = usize::from(state == State::Accepted);
            assert_eq!(service.posts(), posts, "{age:?}");
        });
    }
}

/// The second plan of a draft is as old as the first one.
#[test]
fn a_second_plan_does_not_make_a_preflight_younger() {
    let world = World::new();
    let ids = world.online_ids(2);
    Runtime::new().unwrap().block_on(async {
        let (age, folder) = (Duration::from_secs(2), world.path(""));
        let aged = |options: &mut ConnectOptions| options.preflight_age = age;
        let client = client(world.root(), &folder, aged).await;
        let ids = ids.iter().map(String::as_str);
        let draft = client.record(request(ids)).await.unwrap();
        let events = Events::none();
        let plan = |draft| client.preflight(draft, &events);
        plan(draft.clone()).await.unwrap();
        tokio::time::sleep(age).await;
        let second = plan(draft).await.unwrap();
        assert_eq!(machine_reads(&world), 2);
        let confirmed = second.confirm(Confirmation::consent()).unwrap();
        in_time(client.execute(confirmed, None).finish())
            .await
            .unwrap();
        assert!(machine_reads(&world) >= 4);
        assert_eq!(world.offboardings().len(), 2);
    });
}

#[test]
fn a_preflight_that_is_stopped_is_not_a_plan() {
    let world = World::with(|config: &mut Simulated| {
        config.faults = FaultPlan::parse(["machine:3:delay=2s"]).unwrap();
    });
    let ids = world.online_ids(5);
    Runtime::new().unwrap().block_on(async {
        let stop = CancellationToken::new();
        let (token, root) = (stop.clone(), world.root());
        let client = client(root, &world.path(""), |options| options.stop = token).await;
        let ids = ids.iter().map(String::as_str);
        let draft = client.record(request(ids)).await.unwrap();
        let events = Events::none();
        let planned = client.preflight(draft, &events);
        let stopped = async {
            while machine_reads(&world) < 3 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            stop.cancel();
        };
        let (planned, ()) = in_time(async { tokio::join!(planned, stopped) }).await;
        assert!(
            matches!(planned, Err(PlanError::Interrupted)),
            "{planned:?}"
        );
        assert_eq!((machine_reads(&world), world.posts().len()), (3, 0));
    });
}

/// Executes a run of 45 machines, the first of which take long. Meanwhile another client
/// resumes the run, which clears the preflights, and then declines.
fn during_a_resume(faults: &[&str]) -> (World, OrderCounts) {
    let world = World::with(|config: &mut Simulated| {
        config.machines = 400;
        config.quota = "none".parse().unwrap();
        let slow = ["offboard:1-4:delay=6s"];
        config.faults = FaultPlan::parse(slow.iter().chain(faults).copied()).unwrap();
    });
    let ids = world.online_ids(45);
    let counts = Runtime::new().unwrap().block_on(async {
        let (root, folder) = (world.root(), world.path(""));
        let one = client(root, &folder, |_| {}).await;
        let other = client(root, &folder, |_| {}).await;
        let ids = ids.iter().map(String::as_str);
        let plan = one.plan(request(ids), &Events::none()).await.unwrap();
        let (id, run) = (plan.id(), plan.run());
        let answer = Confirmation::answer(plan.digest());
        let sending = one.execute(plan.confirm(answer).unwrap(), None);
        in_time(async {
            while world.posts().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        let rest = other.unfinished(Some(&id.to_string())).await.unwrap();
        let mut options = ResumeOptions {
            will_be_shown: true,
            ..ResumeOptions::default()
        };
        options.guards.max_devices = 100;
        other.reopen(rest.runs, options).await.unwrap();
        other.end().await.unwrap();
        let counts = one.ledger().counts(run).await.unwrap();
        assert!(counts.of(State::Planned) >= 41, "too late: {counts:?}");
        in_time(sending.finish()).await.unwrap().counts
    });
    (world, counts)
}

#[test]
fn a_resume_that_ends_early_takes_no_order_from_the_run() {
    let (world, counts) = during_a_resume(&[]);
    assert_eq!(counts.of(State::Accepted), 45, "{counts:?}");
    assert_eq!(world.offboardings().len(), 45);
}

/// The preflight of the run read the fleet. Only the machines whose preflight was cleared are
/// read one by one.
#[test]
fn an_order_whose_preflight_was_cleared_gets_another_one() {
    let (world, counts) = during_a_resume(&["machine:always:status=404"]);
    let (accepted, rejected) = (counts.of(State::Accepted), counts.of(State::Rejected));
    assert_eq!(accepted + rejected, 45, "{counts:?}");
    assert!(rejected > 0, "{counts:?}");
    assert_eq!(world.offboardings().len() as u64, accepted);
}

/// The time limits the wait, not the number of requests.
#[test]
fn a_run_waits_for_a_limited_time_if_every_request_is_throttled() {
    for fault in [
        "machine:always:status=429,retry-after=0s",
        "offboard:always:status=429,retry-after=0s",
    ] {
        let world = World::with(|config: &mut Simulated| {
            config.faults = FaultPlan::parse([fault]).unwrap();
        });
        let ids = world.online_ids(1);
        Runtime::new().unwrap().block_on(async {
            let folder = world.path("");
            let limit = Some(Duration::from_secs(2));
            let limited = |options: &mut ConnectOptions| options.throttling = limit;
            let client = client(world.root(), &folder, limited).await;
            let ids = ids.iter().map(String::as_str);
            let plan = client.plan(request(ids), &Events::none()).await.unwrap();
            let confirmed = plan.confirm(Confirmation::consent()).unwrap();
            let run = client.execute(confirmed, None);
            let counts = in_time(run.finish()).await.unwrap().counts;
            assert_eq!(counts.of(State::NotSent), 1, "{fault}: {counts:?}");
        });
        let requests = world.requests();
        let throttled = requests.iter().filter(|request| request["status"] == 429);
        // One second is waited, and another one would be too long. On a busy machine, the first
        // request takes a part of the time.
        let count = throttled.count();
        assert!((1..=2).contains(&count), "{fault}: {count} {requests:?}");
        assert!(world.offboardings().is_empty());
    }
}
