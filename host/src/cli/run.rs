//! `offboard run`: look, show, ask, send, follow, report.

use std::collections::{HashMap, HashSet};

use anyhow::{Result, ensure};
use uuid::Uuid;

use super::{
    args::{Format, RunArgs},
    confirm::confirm,
    connect::Connected,
    exit::Exit,
    hint,
    report::{self, Row},
    screen::Screen,
    signal::Signals,
    wanted::{Wanted, wanted},
};
use crate::{
    connection::TokenClaims,
    contract::{Comment, Machine, MachineId, Problem, Retry},
    grant::Grant,
    journal::Journal,
    order::{Order, State, Verdict},
    run::{Event, MAX_MACHINES, Preflight},
    text::clean,
};

/// An order, and what was known before it was sent.
struct Line {
    preflight: Option<&'static str>,
    machine: Option<Box<Machine>>,
}

impl Line {
    fn platform(&self) -> Option<&str> {
        self.machine
            .as_ref()
            .and_then(|machine| machine.os_platform.as_deref())
    }
}

pub(super) async fn run(mut args: RunArgs, screen: &Screen) -> Result<Exit> {
    let wanted = wanted(&args, screen)?;
    ensure!(
        wanted.len() <= MAX_MACHINES,
        "one run takes at most {MAX_MACHINES} machines, not {}",
        wanted.len()
    );
    ensure!(
        args.yes || args.dry_run || Screen::can_ask(),
        "there is no terminal to ask on: add --yes to go ahead, or --dry-run to see what would happen"
    );
    let signals = Signals::listen(screen);
    let connected = args.connect.connect(args.grace, &signals, screen).await?;
    let run = connected
        .as_ref()
        .map_or_else(Uuid::new_v4, |connected| connected.who.run);
    let numbered = wanted.iter().zip(1..);
    let orders = numbered.map(|(wanted, number)| wanted.order(&args, run, number));
    let mut orders = orders.collect::<Result<Vec<_>>>()?;
    let mut lines = Vec::new();
    let Some(mut connected) = connected else {
        orders.iter_mut().for_each(Order::abandon);
        show(&args, screen, &orders, &lines, None);
        return Ok(Exit::Interrupted);
    };
    let machines = wanted.iter().map(|wanted| &wanted.named);
    connected.expect_tenant_of(machines).await;

    let finished = tokio::select! {
        finished = drive(&args, screen, &signals, &connected, &wanted, &mut orders, &mut lines) => finished,
        () = signals.at_once() => Finished::Interrupted,
    };
    if !(finished == Finished::Yes && args.dry_run) {
        orders.iter_mut().for_each(Order::abandon);
    }

    let claims = connected.claims.as_ref();
    show(&args, screen, &orders, &lines, claims);
    let exit = Exit::of(orders.iter().map(Exit::of_order));
    Ok(match finished {
        Finished::Interrupted => Exit::Interrupted,
        Finished::Yes if signals.stopped() => Exit::Interrupted,
        Finished::Yes => exit,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finished {
    Yes,
    Interrupted,
}

async fn drive(
    args: &RunArgs,
    screen: &Screen,
    signals: &Signals,
    connected: &Connected,
    wanted: &[Wanted],
    orders: &mut [Order],
    lines: &mut Vec<Line>,
) -> Finished {
    if let Some(problem) = &connected.missing {
        orders
            .iter_mut()
            .for_each(|order| order.settle(Verdict::NotSent(problem.clone())));
        return Finished::Yes;
    }
    // Before anybody is asked anything: without a record nothing is sent.
    let mut journal = match connected.journal(&args.journal) {
        Ok(journal) => journal,
        Err(error) => {
            not_recorded(orders, &error.to_string());
            return Finished::Yes;
        }
    };
    look(screen, signals, connected, wanted, orders, lines).await;
    if lines.len() < orders.len() && !signals.stopped() {
        orders.iter_mut().for_each(Order::abandon);
    }
    // What is confirmed is shown, however quiet the rest is to be.
    let asks = !args.yes && !args.dry_run;
    let shown = if asks { screen.insisting() } else { *screen };
    announce(args, &shown, connected, orders, lines);
    let planned = orders
        .iter()
        .filter(|order| order.state() == State::Planned)
        .count();
    if args.dry_run || planned == 0 || signals.stopped() {
        return Finished::Yes;
    }
    if asks {
        let question = match planned {
            1 => "Offboard this machine? It is hard to undo.".to_owned(),
            count => format!("Offboard these {count} machines? It is hard to undo."),
        };
        if !confirm(&question, signals).await {
            screen.say("Nothing was sent.");
            return Finished::Interrupted;
        }
    }
    send(screen, connected, orders, &mut journal).await;
    if let Some(patience) = args.wait.wait {
        let mut observe = |event: Event<'_>| tell(screen, &event);
        connected
            .runner
            .follow(orders, patience, &mut observe)
            .await;
    }
    Finished::Yes
}

/// Preflight: what the service knows about each machine.
async fn look(
    screen: &Screen,
    signals: &Signals,
    connected: &Connected,
    wanted: &[Wanted],
    orders: &mut [Order],
    lines: &mut Vec<Line>,
) {
    let mut known: HashMap<MachineId, Comment> = HashMap::new();
    for (order, wanted) in orders.iter_mut().zip(wanted) {
        if signals.stopped() {
            return;
        }
        screen.detail(&format!("looking up {}", order.target()));
        let mut line = Line {
            preflight: None,
            machine: None,
        };
        match connected.runner.preflight(order).await {
            Preflight::Found(machine) => {
                line.preflight = Some("ok");
                if let Some(problem) = wanted.objection(&machine)
                    && order.state() == State::Planned
                {
                    order.settle(Verdict::Rejected(problem));
                }
                line.machine = Some(machine);
            }
            Preflight::Unavailable(problem) => {
                line.preflight = Some("unavailable");
                if let Some(called) = &wanted.called {
                    screen.say(&format!(
                        "note: whether {} is {}, as the list says, cannot be checked",
                        order.target(),
                        clean(called)
                    ));
                }
                let hint = hint::hint(&problem, connected.claims.as_ref());
                screen.say(&format!(
                    "preflight of {} is unavailable: {}\n  {hint}",
                    order.target(),
                    report::words(&problem)
                ));
            }
            Preflight::Refused => {}
        }
        lines.push(line);
        if order
            .problem()
            .is_some_and(|problem| problem.kind == "unauthorized")
        {
            // The next ones would fail alike.
            break;
        }
        if order.state() == State::Planned
            && let Some(machine) = order.machine()
        {
            match known.get(machine) {
                None => {
                    known.insert(machine.clone(), wanted.comment.clone());
                }
                Some(comment) if *comment == wanted.comment => order.skip(duplicate(
                    "another name of a machine that this run has already",
                )),
                Some(_) => order.settle(Verdict::Rejected(duplicate(
                    "another name of a machine that this run has already, with another comment",
                ))),
            }
        }
    }
}

fn duplicate(message: &str) -> Problem {
    Problem::new("duplicate", Retry::Never, message)
}

/// What will happen, before it does.
fn announce(
    args: &RunArgs,
    screen: &Screen,
    connected: &Connected,
    orders: &[Order],
    lines: &[Line],
) {
    for order in orders {
        if let Some(problem) = order.problem() {
            screen.say(&format!(
                "{}: {}: {}",
                order.state(),
                order.target(),
                report::words(problem)
            ));
        }
    }
    let machines: Vec<&Machine> = orders
        .iter()
        .zip(lines)
        .filter(|(order, _)| order.state() == State::Planned)
        .filter_map(|(_, line)| line.machine.as_deref())
        .collect();
    if !machines.is_empty() {
        screen.say(&report::machines(&machines));
    }
    for machine in machines {
        for doubt in hint::doubts(machine) {
            let name = machine.computer_dns_name.as_deref().unwrap_or(&machine.id);
            screen.say(&format!("note: {}: {}", clean(name), clean(&doubt)));
        }
    }
    let api = &connected.runner.connection.api_root;
    let planned: Vec<&Order> = orders
        .iter()
        .filter(|order| order.state() == State::Planned)
        .collect();
    if planned.is_empty() {
        return;
    }
    let comments: HashSet<&str> = planned
        .iter()
        .map(|order| order.comment().as_str())
        .collect();
    match comments.len() {
        1 => screen.say(&format!(
            "The comment, kept by the service: {}",
            clean(comments.into_iter().next().unwrap_or_default())
        )),
        _ => {
            screen.say("The comments, kept by the service:");
            for order in &planned {
                let comment = clean(order.comment().as_str());
                screen.say(&format!(
                    "  {}: {comment}",
                    clean(&order.target().to_string())
                ));
            }
        }
    }
    if let Some(claims) = &connected.claims
        && !claims.may_offboard()
    {
        screen.say("note: the token does not carry Machine.Offboard: the service will refuse it");
    }
    screen.say(&format!("Signed in {}.", clean(&connected.signed_in())));
    screen.say(match args.dry_run {
        true => "The plugin would be allowed to send:",
        false => "The plugin will be allowed to send:",
    });
    for order in &planned {
        if let Some(machine) = order.machine() {
            let grant = Grant::offboard(api, machine, order.comment());
            screen.say(&format!("  {grant}"));
        }
    }
}

async fn send(screen: &Screen, connected: &Connected, orders: &mut [Order], journal: &mut Journal) {
    let mut observe = |event: Event<'_>| tell(screen, &event);
    let sent = connected.runner.send(orders, journal, &mut observe).await;
    if let Err(error) = sent {
        not_recorded(orders, &error.to_string());
    }
}

/// What cannot be put on record is not sent.
fn not_recorded(orders: &mut [Order], reason: &str) {
    let problem = Problem::new("journal", Retry::Safe, reason);
    for order in orders
        .iter_mut()
        .filter(|order| order.state() == State::Planned)
    {
        order.settle(Verdict::NotSent(problem.clone()));
    }
}

fn tell(screen: &Screen, event: &Event<'_>) {
    match event {
        Event::Changed(order) => {
            let name = order.name().unwrap_or_default();
            let id = order
                .machine()
                .map_or_else(String::new, ToString::to_string);
            let detail = report::detail(order.action(), order.problem());
            screen.say(&format!("{} {id} {}  {detail}", order.state(), clean(name)));
        }
        Event::Asking(order) => screen.say(&format!(
            "the outcome for {} is unknown; asking the service what became of it",
            order.target()
        )),
        Event::Renewed => {
            screen.say("the service refused the token; sending again with a fresh one")
        }
        Event::Waiting(pause) => screen.say(&format!(
            "the service wants a pause: waiting {} before the next machine",
            humantime::format_duration(*pause)
        )),
        Event::Stopped(problem) => {
            screen.say(&format!("nothing more is sent: {}", report::words(problem)));
        }
        Event::NotRecorded(error) => {
            screen.fail(&format!("this was done, and is not on record: {error}"));
        }
        Event::CannotFollow(problem) => {
            screen.say(&format!(
                "the actions cannot be followed: {}",
                report::words(problem)
            ));
        }
    }
}

fn show(
    args: &RunArgs,
    screen: &Screen,
    orders: &[Order],
    lines: &[Line],
    claims: Option<&TokenClaims>,
) {
    match args.output.output {
        Format::Table => screen.line(&report::orders(orders)),
        format => {
            let rows: Vec<Row<'_>> = orders
                .iter()
                .enumerate()
                .map(|(at, order)| {
                    Row::new(
                        order,
                        lines.get(at).and_then(|line| line.preflight),
                        lines.get(at).and_then(Line::platform),
                        claims,
                    )
                })
                .collect();
            report::data(screen, format, &rows);
        }
    }
    advise(screen, orders, lines, claims);
}

/// What to do next, and what a success does not mean.
fn advise(screen: &Screen, orders: &[Order], lines: &[Line], claims: Option<&TokenClaims>) {
    let mut told = HashSet::new();
    for order in orders {
        if let Some(problem) = order.problem() {
            let hint = hint::hint(problem, claims);
            if told.insert(hint.clone()) {
                screen.say(&format!("hint: {}: {hint}", problem.kind));
            }
        }
    }
    for (at, order) in orders.iter().enumerate() {
        let action = order
            .action()
            .map(|action| action.id.clone())
            .unwrap_or_default();
        let name = clean(
            order
                .name()
                .unwrap_or_else(|| order.machine().map_or("", |id| id.as_str())),
        );
        if order.is_joined() {
            screen.say(&format!("{name}: {}", hint::JOINED));
        }
        match order.state() {
            State::Succeeded => {
                let platform = lines.get(at).and_then(Line::platform);
                screen.say(&format!(
                    "{name} is offboarded. {}",
                    hint::aftermath(platform)
                ));
            }
            State::Accepted | State::Pending if order.problem().is_none() => screen.say(&format!(
                "{name} is not done yet; follow it with: offboard status {} --wait",
                clean(&action)
            )),
            _ => {}
        }
    }
}
