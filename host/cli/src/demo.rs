//! `offboard demo`: a successful offboarding, an unknown machine, and an offboarding that is
//! already in progress. It uses a local simulator, through the same sandbox and over HTTP.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use futures_util::StreamExt;
use offboard_simulator::{Config, Machine, OnDuplicate, Simulator};

use super::{advice, exit::Exit, rows, signal::Signals, terminal::Terminal};
use offboard::{
    Client,
    advice::KnownToken,
    client::PlanRequest,
    component::Component,
    connection::Connection,
    contract::{Comment, Problem, ProblemKind},
    grant::Grant,
    identity::Token,
    ledger::{Ledger, OrderRecord, RunId, Session, SessionInfo},
    order::State,
    plan::{Confirmation, Plan},
    rate_limit::{Quota, RateLimiter},
    run::{Event, Events, Runner},
    sandbox::{Limits, Sandbox},
    selection::Selection,
};

const ACTION_TIME: Duration = Duration::from_millis(1500);
const MAX_WAIT: Duration = Duration::from_secs(30);
/// An id that does not exist in any simulated fleet.
const UNKNOWN_MACHINE: &str = "00000000000000000000000000000000deadbeef";

pub(super) async fn demo(terminal: &Terminal) -> Result<Exit> {
    let signals = Signals::listen(terminal);
    let config = Config {
        action_time: ACTION_TIME,
        on_duplicate: OnDuplicate::Refuse,
        ..Config::default()
    };
    let simulator = Simulator::start(config)
        .await
        .context("the simulator does not start")?;
    let done = tokio::select! {
        done = tour(terminal, &signals, &simulator) => done.map(|()| Exit::Done),
        () = signals.stopping() => Ok(Exit::Interrupted),
    };
    simulator.stop().await;
    done
}

async fn tour(terminal: &Terminal, signals: &Signals, simulator: &Simulator) -> Result<()> {
    let component = Component::embedded()?;
    let client = client(&component, signals, simulator).await?;
    let fleet = simulator.machines();
    terminal.print_data(&format!(
        "A simulator of Defender for Endpoint listens on {} with {} machines.\n\
         The plugin, {} bytes of WebAssembly, runs in a sandbox. It never sees the token.",
        simulator.api_root(),
        fleet.len(),
        component.bytes().len(),
    ));
    let online = fleet
        .iter()
        .find(|truth| truth.online && truth.supported && truth.machine.health_status == "Active")
        .context("the fleet has no machine that is online")?;
    success(terminal, &client, &online.machine.id).await?;
    let claims = Token::new(simulator.token())?.claims();
    unknown_machine(terminal, &client, KnownToken::at_hand(claims.as_ref())).await?;
    let offline = fleet
        .iter()
        .find(|truth| !truth.online && truth.supported)
        .context("the fleet has no machine that is offline")?;
    already_in_progress(terminal, &client, &offline.machine).await?;
    terminal.print_data(
        "\nTo try each step yourself, start a simulator (the command is target/debug/offboard, if \
         it is not in your PATH):\n\
         \n  mkdir -p target\
         \n  offboard simulate --listen 127.0.0.1:8400 --write-token target/token\n\
         \nand in another terminal:\n\
         \n  export OFFBOARD_API_ROOT=http://127.0.0.1:8400 OFFBOARD_TOKEN_FILE=target/token\
         \n  offboard find ams-it-00006\
         \n  offboard run ams-fin-00000.corp.contoso.test --comment 'Retired, INC-1234' --wait",
    );
    Ok(())
}

/// A client of the simulator, with a ledger in memory.
async fn client(component: &Component, signals: &Signals, simulator: &Simulator) -> Result<Client> {
    let token = Token::new(simulator.token())?;
    let connection = Connection::new(simulator.api_root().parse()?, Some(token));
    let sandbox = Sandbox::new(component, Limits::default())?;
    let info = SessionInfo::new(None, component.digest().as_str(), simulator.api_root());
    let ledger = Ledger::in_memory().await?;
    let session = Arc::new(Session::begin(&ledger, &info, "demo").await?);
    let limiter = RateLimiter::new(Quota::default(), Arc::clone(&session), |_| {});
    let runner = Runner::new(sandbox, connection, limiter, session, signals.stop.clone());
    Ok(Client::from_parts(runner, info))
}

/// Shows a machine that does not exist.
async fn unknown_machine(
    terminal: &Terminal,
    client: &Client,
    token: KnownToken<'_>,
) -> Result<()> {
    heading(terminal, "2. A machine that does not exist");
    let problem = failure(terminal, client, token, UNKNOWN_MACHINE).await?;
    ensure!(
        problem.kind == ProblemKind::MachineNotFound,
        "the simulator accepted an unknown machine"
    );
    Ok(())
}

/// Shows a second offboarding of a machine that is offline.
async fn already_in_progress(
    terminal: &Terminal,
    client: &Client,
    machine: &Machine,
) -> Result<()> {
    heading(terminal, "3. A machine that is already being offboarded");
    let first = plan(client, &machine.id, "Offline since spring, INC-1000").await?;
    let first = send(client, first).await?;
    terminal.print_data(&format!(
        "{} is offline, so its first offboarding stays pending: {}",
        machine.computer_dns_name,
        first.order.action().map_or("", |action| action.id.as_str()),
    ));
    let second = plan(client, &machine.id, "Retired, INC-1234").await?;
    let second = send(client, second).await?;
    ensure!(
        second.order.is_adopted(),
        "the simulator accepted a second offboarding"
    );
    terminal.print_data(&format!(
        "The service rejects a second one, and the order adopts the first: {} {}\n{}",
        second.order.state(),
        second
            .order
            .action()
            .map_or("", |action| action.id.as_str()),
        advice::ADOPTED,
    ));
    Ok(())
}

/// Plans the offboarding of one machine, and reads the machine.
async fn plan(client: &Client, machine: &str, comment: &str) -> Result<Plan> {
    let comment: Comment = comment.parse()?;
    let request = PlanRequest {
        selection: Selection::of([machine.parse()?], &comment),
        // Sent even if the ledger has an earlier offboarding.
        again: true,
        ..PlanRequest::default()
    };
    Ok(client.plan(request, &Events::none()).await?)
}

/// Executes a plan without a question. Returns its order.
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

fn heading(terminal: &Terminal, text: &str) {
    terminal.print_data(&format!("\n{text}\n"));
}

/// Shows a successful offboarding: preflight, grant, request, action, end.
async fn success(terminal: &Terminal, client: &Client, machine: &str) -> Result<()> {
    heading(terminal, "1. A machine that is online");
    let plan = plan(client, machine, "Retired, INC-1234").await?;
    let entry = the_order(client, plan.run()).await?;
    let device = entry.order.device().context("the preflight failed")?;
    terminal.print_data("Before (preflight):");
    terminal.print_data(&rows::planned(terminal, &[&entry]));
    let platform = device.platform.clone();
    let id = entry.order.machine().context("the order has no machine")?;
    let grant = Grant::offboard(client.api_root(), id, entry.order.comment());
    terminal.print_data(&format!(
        "\nThe plugin is allowed to send only this:\n  {grant}"
    ));

    let start = Instant::now();
    let since = |start: Instant| format!("{:4.1} s", start.elapsed().as_secs_f32());
    let confirmed = plan.confirm(Confirmation::consent())?;
    let mut run = client.execute(confirmed, Some(MAX_WAIT));
    let mut ended = None;
    while let Some(event) = run.next().await {
        let Event::Changed { order } = event else {
            continue;
        };
        let action = order.order.action();
        let action = action.context("the service did not accept it")?;
        if ended.is_none() {
            terminal.print_data(&format!(
                "\nThe machine action in the response:\n{}\n\nIts status:",
                pretty(&action.json)
            ));
        }
        ended = Some(order.order.state());
        terminal.print_data(&format!("  {}  {}", since(start), action.status.name()));
    }
    run.finish().await?;
    let ended = ended.context("nothing was sent")?;
    ensure!(ended == State::Succeeded, "it ended as {ended}");
    terminal.print_data(&format!(
        "\nOffboarded. {}",
        advice::aftermath(platform.as_deref())
    ));
    Ok(())
}

/// Shows an order that the service rejects, and its error.
async fn failure(
    terminal: &Terminal,
    client: &Client,
    token: KnownToken<'_>,
    machine: &str,
) -> Result<Problem> {
    let plan = plan(client, machine, "Retired, INC-1234").await?;
    let entry = the_order(client, plan.run()).await?;
    let problem = entry.order.problem().context("the machine exists")?.clone();
    terminal.print_data(&format!(
        "Error: {}\nHelp: {}",
        rows::words(&problem),
        advice::for_problem(&problem, token)
    ));
    Ok(problem)
}

fn pretty(json: &str) -> String {
    serde_json::from_str::<serde_json::Value>(json)
        .and_then(|value| serde_json::to_string_pretty(&value))
        .unwrap_or_else(|_| json.to_owned())
}
