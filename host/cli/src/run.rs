//! `offboard run`: put on record, look, show, ask, send, follow, report.

use std::{borrow::Borrow, cell::RefCell, collections::HashSet, time::Duration};

use anyhow::{Context, Result, ensure};

use super::{
    args::RunArgs,
    connect::{Connected, Record, connect},
    drive::{self, Course},
    exit::Exit,
    report::Rows,
    resume,
    screen::Screen,
    signal::Signals,
    wanted::{ListSource, Wanted, wanted},
};
use offboard::{
    config::Secrets,
    contract::Problem,
    ledger::{LedgerErrorKind, Plan, RunRow},
    order::Verdict,
    run::unrecorded,
};

/// How long a process with the same request id may take until it is confirmed.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
const PAUSE: Duration = Duration::from_millis(200);

pub(super) async fn run(args: RunArgs, secrets: Secrets, screen: &Screen) -> Result<Exit> {
    args.connect.check_no_ledger(args.no_ledger.no_ledger)?;
    let wanted = wanted(&args, screen)?;
    let count = wanted.len() as u64;
    guard(&args, count)?;
    let signals = Signals::listen(screen);
    let record = match args.no_ledger.no_ledger {
        true => Record::Nowhere,
        false => Record::Ledger,
    };
    let mut files = drive::files(&args.send);
    if let Some(ListSource::File(path)) = &args.from {
        files.reads("the list", path);
    }
    let config = args.connect.config(secrets)?;
    let connected = connect(config, files, "run", record, &signals, screen);
    let Some(mut connected) = connected.await? else {
        let plans = plans(&args, &wanted, uuid::Uuid::new_v4());
        drive::nothing_was_done(&args.output, plans, screen)?;
        return Ok(Exit::Interrupted);
    };
    connected.paced(&args.send);
    let machines = wanted.iter().map(|wanted| &wanted.named);
    connected.expect_tenant_of(machines).await;
    let rows = RefCell::new(Rows::new(*screen, args.output.output));
    let done = order(&args, &connected, wanted, &signals, screen, &rows).await;
    if done.is_ok() {
        rows.borrow_mut().end();
    }
    connected.end(screen).await;
    done
}

/// What can be said before anybody is asked anything.
fn guard(args: &RunArgs, count: u64) -> Result<()> {
    let send = &args.send;
    drive::check_report(send)?;
    if let Some(expected) = send.expect {
        ensure!(
            expected == count,
            "{expected} machines are expected, and {count} are named: nothing was sent"
        );
    }
    ensure!(
        count <= send.max_devices || !send.yes || send.expect.is_some() || args.dry_run,
        "{count} machines are more than {} (--max-devices): if so many are meant, add --expect {count}",
        send.max_devices
    );
    ensure!(
        send.yes || args.dry_run || Screen::can_ask(),
        "there is no terminal to ask on: add --yes to go ahead, or --dry-run to see what would happen"
    );
    ensure!(
        count == 1 || !args.no_ledger.no_ledger || args.dry_run,
        "--no-ledger is for one machine, not for {count}: what became of several has to be on record"
    );
    Ok(())
}

/// The orders, one after the other: what they are made of is gone when they are,
/// where it is given away.
fn plans<W: Borrow<Wanted>>(
    args: &RunArgs,
    wanted: impl IntoIterator<Item = W>,
    run: uuid::Uuid,
) -> impl Iterator<Item = Result<Plan>> {
    let plan = move |(number, wanted): (usize, W)| {
        let wanted: &Wanted = wanted.borrow();
        wanted.plan(args.correlate, run, number)
    };
    (1..).zip(wanted).map(plan)
}

async fn order(
    args: &RunArgs,
    connected: &Connected,
    wanted: Vec<Wanted>,
    signals: &Signals,
    screen: &Screen,
    rows: &RefCell<Rows>,
) -> Result<Exit> {
    let session = &connected.runner.session;
    drive::expect_tagging(connected, args.tag.as_ref())?;
    let course = Course {
        send: &args.send,
        dry: args.dry_run,
        is_resumed: false,
        again: args.again,
        tag: args.tag.as_ref(),
        resend_unknown: false,
        rows,
    };
    let run = connected.who.session;
    let key = args.request_id.as_deref();
    let asks = connected.unrecorded.is_none() && connected.missing.is_none();
    let mut waited = Duration::ZERO;
    let run = loop {
        if let Some(key) = key.filter(|_| asks) {
            match session.run_of_request(key).await? {
                Some((run, false)) => {
                    let ledger = session.ledger();
                    let known = ledger.run_at(run).await?.context("that run is gone")?;
                    let count = wanted.len() as u64;
                    let plans = plans(args, &wanted, known.uuid);
                    let same = drive::are_same(ledger, run, count, plans).await?
                        && known.tag.as_ref() == course.tag;
                    drop(wanted);
                    ensure!(
                        same,
                        "the request id {key:?} is that of run {}, which is about other machines or \
                         has another comment or tag: nothing was sent",
                        known.uuid
                    );
                    return repeat(&course, connected, &known, signals, screen).await;
                }
                // Its process is still about to send.
                Some((_, true)) => {
                    if waited >= PATIENCE {
                        screen.fail(&format!(
                            "another process has not confirmed its run with the request id {key:?}: \
                             nothing was sent here; try again when it has ended"
                        ));
                        return Ok(Exit::NotSent);
                    }
                    tokio::select! {
                        () = tokio::time::sleep(PAUSE) => waited += PAUSE,
                        () = signals.stopping() => return Ok(Exit::Interrupted),
                    }
                    session.end_stale_sessions().await?;
                    continue;
                }
                None => {}
            }
        }
        let mut failed = None;
        let plans = plans(args, &wanted, run)
            .map_while(|plan| plan.map_err(|error| failed = Some(error)).ok());
        let planned = session.plan(run, key, args.again, args.tag.as_ref(), plans);
        let planned = planned.await;
        if let Some(error) = failed {
            // A draft, which nobody will ever confirm.
            return Err(error);
        }
        match planned {
            // Another process was first, since the question.
            Err(error) if asks && matches!(error.kind(), LedgerErrorKind::Requested) => {}
            planned => break planned?,
        }
    };
    drop(wanted);
    if let Some(problem) = unusable(connected) {
        let verdict = Verdict::NotSent(problem);
        connected.runner.settle_planned(run, &verdict).await?;
        return drive::show(&course, connected, run, screen).await;
    }
    drive::drive(&course, connected, run, signals, screen).await
}

/// Why nothing can be sent.
fn unusable(connected: &Connected) -> Option<Problem> {
    let missing = connected.missing.clone();
    missing.or_else(|| connected.unrecorded.as_ref().map(unrecorded))
}

/// The key is known: its first result is given again, as far as it is there, and
/// what is missing of it is done.
async fn repeat(
    course: &Course<'_>,
    connected: &Connected,
    known: &RunRow,
    signals: &Signals,
    screen: &Screen,
) -> Result<Exit> {
    screen.say(&format!(
        "note: the request id is that of run {}: nothing is sent twice",
        known.uuid
    ));
    resume::put_back(connected, known.id, !course.send.yes).await?;
    let runner = &connected.runner;
    runner.check_succeeded(known.id, &HashSet::new()).await?;
    let counts = connected.runner.session.ledger().counts(known.id).await?;
    match counts.open() {
        0 => drive::show(course, connected, known.id, screen).await,
        _ => drive::drive(course, connected, known.id, signals, screen).await,
    }
}
