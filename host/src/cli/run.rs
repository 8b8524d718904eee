//! `offboard run`: look, show, ask, send, follow, report.

use std::collections::HashSet;

use anyhow::{Context, Result, ensure};
use uuid::Uuid;

use super::{
    args::{Format, RunArgs},
    confirm::confirm,
    connect::Connected,
    exit::Exit,
    hint,
    list::{self, ListError},
    report::{self, Row},
    screen::Screen,
    signal::Signals,
    target::Named,
};
use crate::{
    connection::TokenClaims,
    contract::{Comment, Machine, Problem, Retry},
    grant::Grant,
    journal::Journal,
    order::{Order, State, Verdict},
    run::{Event, MAX_MACHINES, Preflight},
    text::clean,
};

/// Faults of a list that are told one by one.
const MAX_FAULTS: usize = 50;

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
    let entries = entries(&args, screen)?;
    ensure!(
        entries.len() <= MAX_MACHINES,
        "one run takes at most {MAX_MACHINES} machines, not {}",
        entries.len()
    );
    ensure!(
        args.yes || args.dry_run || Screen::can_ask(),
        "there is no terminal to ask on: add --yes to go ahead, or --dry-run to see what would happen"
    );
    let signals = Signals::listen(screen);
    let Some(mut connected) = args.connect.connect(args.grace, &signals, screen).await? else {
        return Ok(Exit::Interrupted);
    };
    let machines = entries.iter().map(|(named, _)| named);
    connected.expect_tenant_of(machines).await;
    let mut orders = orders(&args, connected.who.run, entries)?;
    let mut lines = Vec::new();

    let finished = tokio::select! {
        finished = drive(&args, screen, &signals, &connected, &mut orders, &mut lines) => finished,
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

/// The machines that were named, each once, and why.
fn entries(args: &RunArgs, screen: &Screen) -> Result<Vec<(Named, Comment)>> {
    let Some(from) = &args.from else {
        let comment = args.comment.as_ref().context("--comment is missing")?;
        let machines = joined(&args.machines).into_iter();
        return Ok(machines.map(|named| (named, comment.clone())).collect());
    };
    let list = list::read(from, args.comment.as_ref()).inspect_err(|error| {
        if let ListError::Faults(_, faults) = error {
            for fault in faults.iter().take(MAX_FAULTS) {
                screen.insisting().say(&clean(&fault.to_string()));
            }
            if let more @ 1.. = faults.len().saturating_sub(MAX_FAULTS) {
                screen.insisting().say(&format!("and {more} more"));
            }
        }
    })?;
    if list.again > 0 {
        let again = list.again;
        screen.say(&format!(
            "note: {again} of the lines name a machine again, which is one order"
        ));
    }
    let entries = list.entries.into_iter();
    Ok(entries.map(|entry| (entry.named, entry.comment)).collect())
}

/// An order for each machine, with its comment.
fn orders(args: &RunArgs, run: Uuid, entries: Vec<(Named, Comment)>) -> Result<Vec<Order>> {
    let run = run.simple();
    let number = |(at, (named, comment)): (usize, (Named, Comment))| {
        let comment = match args.correlate {
            true => format!("{comment} [offboard {run}/{}]", at + 1).parse()?,
            false => comment,
        };
        Ok(Order::new(named.target, comment))
    };
    entries.into_iter().enumerate().map(number).collect()
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
    look(screen, signals, connected, orders, lines).await;
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

/// The same machine once, however often it was named.
fn joined(machines: &[Named]) -> Vec<Named> {
    let mut known = HashSet::new();
    let mut once = |named: &&Named| known.insert(named.target.to_string().to_lowercase());
    machines
        .iter()
        .filter(|named| once(named))
        .cloned()
        .collect()
}

/// Preflight: what the service knows about each machine.
async fn look(
    screen: &Screen,
    signals: &Signals,
    connected: &Connected,
    orders: &mut [Order],
    lines: &mut Vec<Line>,
) {
    let mut known = HashSet::new();
    for order in orders {
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
                line.machine = Some(machine);
            }
            Preflight::Unavailable(problem) => {
                line.preflight = Some("unavailable");
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
        let planned = order.state() == State::Planned;
        let twice = planned
            && order
                .machine()
                .is_some_and(|machine| !known.insert(machine.clone()));
        if twice {
            let message = "another name of a machine that this run has already";
            order.skip(Problem::new("duplicate", Retry::Never, message));
        }
    }
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
    screen.say(&format!(
        "The comment, kept by the service: {}",
        match comments.len() {
            1 => clean(comments.into_iter().next().unwrap_or_default()),
            count if args.from.is_some() => format!("{count} of them, each machine's own"),
            _ => format!(
                "{}, and the ids of the run and of each order",
                clean(args.comment.as_ref().map_or("", Comment::as_str))
            ),
        }
    ));
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
