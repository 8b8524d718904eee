//! `offboard resume`: takes up what was not finished. What is unknown is asked
//! for, what was not sent is sent, what was accepted is followed.

use std::cell::RefCell;

use anyhow::{Result, bail};

use super::{
    args::ResumeArgs,
    connect::{Connected, Record, connect},
    drive::{self, Course},
    exit::Exit,
    report::{self, Rows},
    screen::Screen,
    signal::Signals,
};
use offboard::{
    config::Secrets,
    ledger::{LedgerError, RunId, RunRow},
    order::State,
    text::clean_error,
};

const PAGE: u32 = 500;

pub(super) async fn resume(args: ResumeArgs, secrets: Secrets, screen: &Screen) -> Result<Exit> {
    drive::check_report(&args.send)?;
    let signals = Signals::listen(screen);
    let config = args.connect.config(secrets)?;
    let files = drive::files(&args.send);
    let connected = connect(config, files, "resume", Record::Ledger, &signals, screen);
    let Some(mut connected) = connected.await? else {
        return Ok(Exit::Interrupted);
    };
    connected.paced(&args.send);
    let done = all(&args, &connected, &signals, screen).await;
    connected.end(screen).await;
    done
}

async fn all(
    args: &ResumeArgs,
    connected: &Connected,
    signals: &Signals,
    screen: &Screen,
) -> Result<Exit> {
    if let Some(problem) = &connected.missing {
        screen.error(&report::words(problem));
        screen.say(&super::hint::hint(problem, connected.claims.as_ref()));
        return Ok(Exit::of_problem(problem));
    }
    if let Some(error) = &connected.unrecorded {
        bail!("{error}");
    }
    let runs = runs(args, connected, screen).await?;
    if runs.is_empty() {
        screen.say("Nothing is unfinished.");
    }
    let mut to_send = 0;
    for run in &runs {
        // Whoever is asked is asked about what could not be shown before, too.
        put_back(connected, run.id, !args.send.yes).await?;
        let counts = connected.runner.session.ledger().counts(run.id).await?;
        to_send += counts.of(State::Planned);
        if args.resend_unknown {
            to_send += counts.of(State::Unknown);
        }
    }
    drive::guard(&args.send, to_send)?;
    // One table, or one array, of all of them.
    let rows = RefCell::new(Rows::new(*screen, args.output.output));
    let mut exit = Exit::Done;
    for run in runs {
        if signals.stopped() {
            exit = Exit::Interrupted;
            break;
        }
        let done = one(args, connected, &run, signals, screen, &rows).await;
        exit = Exit::of([
            exit,
            done.unwrap_or_else(|error| {
                screen.fail(&clean_error(&format!("{error:#}")));
                Exit::Refused
            }),
        ]);
    }
    rows.borrow_mut().end();
    Ok(exit)
}

/// The run that was named, or all that are not finished.
async fn runs(args: &ResumeArgs, connected: &Connected, screen: &Screen) -> Result<Vec<RunRow>> {
    let session = &connected.runner.session;
    let ledger = session.ledger();
    if let Some(id) = &args.run {
        let run = ledger.run(id).await?;
        if !session.owns(run.id).await? {
            bail!(
                "run {} is of tenant {}, application {}, at {}: sign in there to resume it",
                run.uuid,
                run.tenant.as_deref().unwrap_or("(not named)"),
                run.application.as_deref().unwrap_or("(not named)"),
                run.api_root
            );
        }
        return Ok(vec![run]);
    }
    let mut own = Vec::new();
    let mut others = 0;
    for run in ledger.unfinished().await? {
        match session.owns(run.id).await? {
            true => own.push(run),
            false => others += 1,
        }
    }
    if others > 0 {
        screen.say(&format!(
            "note: {others} unfinished runs are of another tenant, application or API; `offboard \
             runs` lists them"
        ));
    }
    Ok(own)
}

async fn one(
    args: &ResumeArgs,
    connected: &Connected,
    run: &RunRow,
    signals: &Signals,
    screen: &Screen,
    rows: &RefCell<Rows>,
) -> Result<Exit> {
    let id = run.uuid.to_string();
    screen.say(&format!("Run {}", id.split('-').next().unwrap_or(&id)));
    let ledger = connected.runner.session.ledger();
    let counts = ledger.counts(run.id).await?;
    let doubtful = match args.resend_unknown {
        true => counts.of(State::Unknown),
        false => 0,
    };
    let to_send = counts.of(State::Planned) + doubtful;
    let tag = run.tag.as_ref();
    drive::expect_tagging(connected, tag.filter(|_| to_send > 0))?;
    let course = Course {
        send: &args.send,
        dry: false,
        is_resumed: true,
        again: run.again,
        tag,
        resend_unknown: args.resend_unknown,
        rows,
    };
    drive::drive(&course, connected, run.id, signals, screen).await
}

/// What was not sent, or was put off, has its turn again: what somebody said yes
/// to, or all where somebody will be asked. Their machines are read again: they change
/// while a run is stopped, and the policy or an earlier offboarding may then decide
/// otherwise.
pub(super) async fn put_back(
    connected: &Connected,
    run: RunId,
    all: bool,
) -> Result<(), LedgerError> {
    let session = &connected.runner.session;
    for state in [State::NotSent, State::Rejected, State::Planned] {
        let mut after = 0;
        loop {
            let mut entries = session.ledger().entries_in(run, state, after, PAGE).await?;
            let Some(last) = entries.last() else {
                break;
            };
            after = last.number;
            entries.retain(|entry| {
                (entry.confirmed || all)
                    && (entry.order.may_be_replanned() || state == State::Planned)
            });
            for entry in &mut entries {
                entry.order.replan();
                entry.order.clear_preflight();
            }
            session.save_all(&mut entries).await?;
        }
    }
    Ok(())
}
