//! `offboard demo`: one offboarding and two honest failures, against a
//! simulator, through the same sandbox and over the same HTTP as any other.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use futures_util::StreamExt;
use offboard_simulator::{Config, OnDuplicate, Simulator};

use super::{exit::Exit, hint, report, screen::Screen, signal::Signals};
use offboard::{
    Client,
    client::PlanRequest,
    component::Component,
    connection::Connection,
    contract::{Comment, Problem, ProblemKind},
    grant::Grant,
    identity::{Token, TokenClaims},
    ledger::{Ledger, OrderRecord, RunId, Session, SessionInfo},
    order::State,
    plan::{Confirmation, Plan},
    rate_limit::{Quota, RateLimiter},
    run::{Event, Events, Runner},
    sandbox::{Limits, Sandbox},
    selection::Selection,
};

const ACTION_TIME: Duration = Duration::from_millis(1500);
const PATIENCE: Duration = Duration::from_secs(30);
/// An id that no simulated fleet has.
const NOBODY: &str = "00000000000000000000000000000000deadbeef";

pub(super) async fn demo(screen: &Screen) -> Result<Exit> {
    let signals = Signals::listen(screen);
    let config = Config {
        action_time: ACTION_TIME,
        on_duplicate: OnDuplicate::Refuse,
        ..Config::default()
    };
    let simulator = Simulator::start(config)
        .await
        .context("the simulator does not start")?;
    let done = tokio::select! {
        done = tour(screen, &signals, &simulator) => done.map(|()| Exit::Done),
        () = signals.stopping() => Ok(Exit::Interrupted),
    };
    simulator.stop().await;
    done
}

async fn tour(screen: &Screen, signals: &Signals, simulator: &Simulator) -> Result<()> {
    let component = Component::embedded()?;
    let api_root = simulator.api_root().parse()?;
    let token = Token::new(simulator.token())?;
    let claims = token.claims();
    let connection = Connection::new(api_root, Some(token));
    let sandbox = Sandbox::new(&component, Limits::default())?;
    let who = SessionInfo::new(None, component.digest().as_str(), simulator.api_root());
    let ledger = Ledger::in_memory().await?;
    let session = Arc::new(Session::begin(&ledger, &who, "demo").await?);
    let limiter = RateLimiter::new(Quota::default(), Arc::clone(&session), |_| {});
    let runner = Runner::new(sandbox, connection, limiter, session, signals.stop.clone());
    let client = Client::from_parts(runner, who);
    let fleet = simulator.machines();
    screen.line(&format!(
        "A simulator of Defender for Endpoint listens on {} with {} machines.\n\
         The plugin, {} bytes of WebAssembly, is in its sandbox; the token is not.",
        simulator.api_root(),
        fleet.len(),
        component.bytes().len(),
    ));

    let online = fleet
        .iter()
        .find(|truth| truth.online && truth.supported && truth.machine.health_status == "Active")
        .context("the fleet has no machine that is online")?;
    success(screen, &client, &online.machine.id).await?;

    heading(screen, "2. A machine that nobody knows");
    let unknown = failure(screen, &client, claims.as_ref(), NOBODY).await?;
    ensure!(
        unknown.kind == ProblemKind::MachineNotFound,
        "the simulator took an unknown machine"
    );

    heading(
        screen,
        "3. A machine whose offboarding is already under way",
    );
    let offline = fleet
        .iter()
        .find(|truth| !truth.online && truth.supported)
        .context("the fleet has no machine that is offline")?;
    let first = plan(
        &client,
        &offline.machine.id,
        "Offline since spring, INC-1000",
    )
    .await?;
    let first = send(&client, first).await?;
    screen.line(&format!(
        "{} is offline, so its first offboarding stays pending: {}",
        offline.machine.computer_dns_name,
        first.order.action().map_or("", |action| action.id.as_str()),
    ));
    let again = plan(&client, &offline.machine.id, "Stolen, INC-1234").await?;
    let again = send(&client, again).await?;
    ensure!(
        again.order.is_adopted(),
        "the simulator took a second offboarding"
    );
    screen.line(&format!(
        "The service refuses a second one, and the order takes on the first: {} {}\n{}",
        again.order.state(),
        again.order.action().map_or("", |action| action.id.as_str()),
        hint::JOINED,
    ));
    screen.line(
        "\nNext, step by step, against a simulator of your own (target/debug/offboard, if it is not \
         in your path):\n\
         \n  offboard simulate --listen 127.0.0.1:8400 --write-token target/token\n\
         \nand in another terminal:\n\
         \n  export OFFBOARD_API_ROOT=http://127.0.0.1:8400 OFFBOARD_TOKEN_FILE=target/token\
         \n  offboard find ams-it-00006\
         \n  offboard run ams-fin-00000.corp.contoso.test --comment 'Stolen, INC-1234' --wait",
    );
    Ok(())
}

/// Plans the offboarding of one machine, and reads the machine.
async fn plan(client: &Client, machine: &str, comment: &str) -> Result<Plan> {
    let comment: Comment = comment.parse()?;
    let request = PlanRequest {
        selection: Selection::of([machine.parse()?], &comment),
        // Each of them is sent, whatever was before.
        again: true,
        ..PlanRequest::default()
    };
    Ok(client.plan(request, &Events::none()).await?)
}

/// Executes a plan without asking. Returns what became of its order.
async fn send(client: &Client, plan: Plan) -> Result<OrderRecord> {
    let run = plan.run();
    let confirmed = plan.confirm(Confirmation::consent())?;
    client.execute(confirmed, None).finish().await?;
    the_order(client, run).await
}

async fn the_order(client: &Client, run: RunId) -> Result<OrderRecord> {
    let orders = client.ledger().entries(run, 0, 1).await?;
    orders.into_iter().next().context("there is no order")
}

fn heading(screen: &Screen, text: &str) {
    screen.line(&format!("\n{text}\n"));
}

/// The whole way: preflight, grant, request, action, end.
async fn success(screen: &Screen, client: &Client, machine: &str) -> Result<()> {
    heading(screen, "1. A machine that is online");
    let plan = plan(client, machine, "Stolen, INC-1234").await?;
    let entry = the_order(client, plan.run()).await?;
    let seen = entry.order.device().context("the preflight failed")?;
    screen.line("Before (preflight):");
    screen.line(&report::planned(&[&entry]));
    let platform = seen.platform.clone();
    let id = entry.order.machine().context("the order has no machine")?;
    let grant = Grant::offboard(client.api_root(), id, entry.order.comment());
    screen.line(&format!(
        "\nWhat the plugin may send, and nothing else:\n  {grant}"
    ));

    let start = Instant::now();
    let since = |start: Instant| format!("{:4.1} s", start.elapsed().as_secs_f32());
    let confirmed = plan.confirm(Confirmation::consent())?;
    let mut run = client.execute(confirmed, Some(PATIENCE));
    let mut ended = None;
    while let Some(event) = run.next().await {
        let Event::Changed { order } = event else {
            continue;
        };
        let action = order.order.action();
        let action = action.context("the service did not take it")?;
        if ended.is_none() {
            screen.line(&format!(
                "\nThe machine action that came back:\n{}\n\nIts way:",
                pretty(&action.json)
            ));
        }
        ended = Some(order.order.state());
        screen.line(&format!("  {}  {}", since(start), action.status.name()));
    }
    run.finish().await?;
    let ended = ended.context("nothing was sent")?;
    ensure!(ended == State::Succeeded, "it ended as {ended}");
    screen.line(&format!(
        "\nOffboarded. {}",
        hint::aftermath(platform.as_deref())
    ));
    Ok(())
}

/// An order that the service refuses, in the service's own words.
async fn failure(
    screen: &Screen,
    client: &Client,
    claims: Option<&TokenClaims>,
    machine: &str,
) -> Result<Problem> {
    let plan = plan(client, machine, "Stolen, INC-1234").await?;
    let entry = the_order(client, plan.run()).await?;
    let problem = entry
        .order
        .problem()
        .context("the service knows it")?
        .clone();
    screen.line(&format!(
        "The service says: {}\nWhat to do: {}",
        report::words(&problem),
        hint::hint(&problem, claims)
    ));
    Ok(problem)
}

fn pretty(json: &str) -> String {
    serde_json::from_str::<serde_json::Value>(json)
        .and_then(|value| serde_json::to_string_pretty(&value))
        .unwrap_or_else(|_| json.to_owned())
}
