//! A run from its record to its result, whether it begins or is taken up again:
//! look, show, ask, send, follow, report.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    path::Path,
};

use anyhow::{Context, Result, ensure};
use tempfile::NamedTempFile;

use super::{
    announce::{self, announce},
    args::{OutputArgs, SendArgs},
    confirm::{Answer, confirm},
    connect::Connected,
    exit::Exit,
    outcome::Outcome,
    report::Rows,
    screen::Screen,
    signal::Signals,
    tell::Teller,
};
use offboard::{
    contract::{Problem, ProblemKind, Retry, Tag},
    ledger::{Ledger, LedgerError, Plan, RunId, RunRow},
    mask,
    order::{Order, State, Verdict},
    outputs::Files,
    plan::{Confirmation, Method, PlanDigest},
    run::{self, Event, Sending, unrecorded},
    text::clean_error,
};

/// Why a report is not written.
const TAKEN: &str = "it exists and is not an earlier report, so it is not replaced";

/// How a report begins.
const REPORT: &[u8; 15] = b"<!doctype html>";

/// Orders that are read from the ledger at once.
const PAGE: u32 = 500;

/// What a user wants of a run.
pub(super) struct Course<'a> {
    pub(super) send: &'a SendArgs,
    pub(super) dry: bool,
    /// It was begun before.
    pub(super) is_resumed: bool,
    pub(super) again: bool,
    /// What each machine is tagged with before.
    pub(super) tag: Option<&'a Tag>,
    pub(super) resend_unknown: bool,
    /// Where its rows go.
    pub(super) rows: &'a RefCell<Rows>,
}

impl Course<'_> {
    /// The confirmation of a plan that was shown, or else a consent in advance.
    fn confirmation(&self, shown: Option<PlanDigest>) -> Confirmation {
        let method = if shown.is_some() {
            Method::Answer
        } else if self.send.expect.is_some() {
            Method::ExpectedCount
        } else {
            Method::Consent
        };
        Confirmation {
            digest: shown,
            method,
            by: None,
            resend_unknown: self.resend_unknown,
        }
    }
}

/// What could not be put on record, by its number.
pub(super) type Unwritten = RefCell<HashMap<u64, Order>>;

#[derive(Debug, PartialEq, Eq)]
enum Finished {
    Yes,
    Interrupted,
    /// The user was asked, and did not confirm. The answer that would have confirmed, if
    /// the user typed only `y`.
    Declined(Option<String>),
}

/// Drives a run to its end, and shows what became of it.
pub(super) async fn drive(
    course: &Course<'_>,
    connected: &Connected,
    run: RunId,
    signals: &Signals,
    screen: &Screen,
) -> Result<Exit> {
    let unwritten = Unwritten::default();
    let finished = tokio::select! {
        finished = go(course, connected, run, signals, screen, &unwritten) => finished,
        () = signals.at_once() => Ok(Finished::Interrupted),
    };
    Screen::set_bar(None);
    let is_declined = matches!(finished, Ok(Finished::Declined(_)));
    let stopped = matches!(finished, Ok(Finished::Interrupted)) || signals.stopped();
    if stopped {
        connected.leave_unknown(screen).await;
    }
    if let Ok(Finished::Declined(wanted)) = &finished {
        let said = match wanted {
            Some(word) if word == "yes" => "Nothing was sent: type the whole word yes to confirm.",
            Some(count) => &format!("Nothing was sent: type the number {count} to confirm."),
            None => "Nothing was sent.",
        };
        screen.insisting().say(said);
        // Whoever was asked has just seen what it was about; programs have not.
        if course.rows.borrow().is_table() {
            return Ok(Exit::Interrupted);
        }
    }
    let failed = finished.err();
    if let Some(error) = &failed {
        screen.fail(&error.to_string());
    }
    let told = finish(course, connected, run, screen, &unwritten, failed.as_ref());
    // It was done, whatever becomes of the telling.
    let exit = told.await.unwrap_or_else(|error| {
        screen.fail(&clean_error(&format!("{error:#}")));
        Exit::Refused
    });
    Ok(match stopped || is_declined {
        true => Exit::Interrupted,
        false => exit,
    })
}

/// Shows a run as it stands.
pub(super) async fn show(
    course: &Course<'_>,
    connected: &Connected,
    run: RunId,
    screen: &Screen,
) -> Result<Exit> {
    finish(course, connected, run, screen, &Unwritten::default(), None).await
}

async fn go(
    course: &Course<'_>,
    connected: &Connected,
    run: RunId,
    signals: &Signals,
    screen: &Screen,
    unwritten: &Unwritten,
) -> Result<Finished, LedgerError> {
    let runner = &connected.runner;
    let ledger = runner.session.ledger();
    let counts = ledger.counts(run).await?;
    let teller = Teller::new(screen, connected, counts.total());
    let (events, mut stream) = run::events();
    let observe = |event: Event| {
        if let Event::NotRecorded { order, .. } = &event {
            unwritten
                .borrow_mut()
                .insert(order.number, order.order.clone());
        }
        teller.tell(&event);
    };
    if counts.of(State::Planned) > 0
        && let Some(problem) = stream
            .during(runner.preflight(run, course.again, &events), observe)
            .await?
    {
        // Every machine would meet it, and not all rules were asked.
        observe(Event::Stopped { problem });
        if course.send.yes && !course.dry {
            let consent = course.confirmation(None);
            let all = !course.is_resumed;
            runner.session.confirm(run, all, &consent).await?;
        }
        return Ok(Finished::Yes);
    }
    let now = ledger.counts(run).await?;
    let doubtful = match course.resend_unknown {
        true => now.of(State::Unknown),
        false => 0,
    };
    let planned = now.of(State::Planned) + doubtful;
    if course.dry && planned > 0 {
        let rehearsed = runner.dry_run(run, planned, course.again).await?;
        announce::rehearsed(screen, &rehearsed);
    }
    // What is confirmed is shown, however quiet the rest is to be.
    let asks = !course.send.yes && !course.dry;
    let shown = if asks { screen.insisting() } else { *screen };
    announce(course, &shown, connected, run).await?;
    let plan = runner.session.plan_of(run, course.resend_unknown).await?;
    if plan.machines > 0 {
        shown.say(&format!("Plan digest: {}", plan.digest));
    }
    if course.dry || signals.stopped() {
        return Ok(Finished::Yes);
    }
    if asks && planned > 0 {
        let max_devices = course.send.max_devices;
        let (question, answer) = announce::question(planned, doubtful, max_devices);
        match confirm(&question, &answer, signals).await {
            Answer::Confirmed => {}
            Answer::Declined => return Ok(Finished::Declined(None)),
            Answer::Short => return Ok(Finished::Declined(Some(answer))),
        }
    }
    let succeeded = runner.succeeded(run).await?;
    // Who takes a run up does so for what was shown: what was left out stays out.
    let all = !asks && !course.is_resumed;
    let shown = asks.then_some(plan.digest);
    let confirmation = course.confirmation(shown);
    runner.session.confirm(run, all, &confirmation).await?;
    let sending = Sending {
        again: course.again,
        resend_unknown: course.resend_unknown,
        tag: course.tag.cloned(),
    };
    teller.begin(planned);
    let sent = runner.send(run, sending, &events);
    stream.during(sent, observe).await?;
    teller.end();
    let is_resumed = counts.of(State::Accepted) + counts.of(State::Pending) > 0;
    let patience = course.send.wait.wait;
    if patience.is_some() || is_resumed {
        let accepted = ledger.counts(run).await?;
        let accepted = accepted.of(State::Accepted) + accepted.of(State::Pending);
        teller.begin_to_follow(accepted);
        let tracked = runner.track(run, patience, &events);
        stream.during(tracked, observe).await?;
        teller.end();
    }
    // What turned out to have ended long ago says little of its machine.
    runner.check_succeeded(run, &succeeded).await?;
    Ok(Finished::Yes)
}

/// The rows, what to do next, the page, and the exit code.
async fn finish(
    course: &Course<'_>,
    connected: &Connected,
    run: RunId,
    screen: &Screen,
    unwritten: &Unwritten,
    failed: Option<&LedgerError>,
) -> Result<Exit> {
    let ledger = connected.runner.session.ledger();
    let claims = connected.claims.as_ref();
    let session = &connected.runner.session;
    // What another process is at keeps the turn that it has there.
    let is_busy = session.is_busy_elsewhere(run).await?;
    let resent = match course.resend_unknown {
        true => session.resent(run).await?,
        false => HashSet::new(),
    };
    let mut resent_names = Vec::new();
    let mut outcome = Outcome::new(course.rows, claims, *screen);
    let mut after = 0;
    loop {
        let mut entries = ledger.entries(run, after, PAGE).await?;
        let Some(last) = entries.last() else {
            break;
        };
        after = last.number;
        let names = entries
            .iter()
            .filter(|entry| resent.contains(&entry.number));
        resent_names.extend(names.map(announce::name));
        for entry in &mut entries {
            if let Some(order) = unwritten.borrow().get(&entry.number) {
                entry.order = order.clone();
            }
            if !is_busy {
                leave(&mut entry.order, course.dry, failed);
            }
        }
        let orders: Vec<&Order> = entries.iter().map(|entry| &entry.order).collect();
        outcome.add(&orders);
    }
    let exit = outcome.end();
    if course.resend_unknown {
        announce::resent(screen, &resent_names);
    }
    let row = ledger.run_at(run).await?.filter(|_| !ledger.is_in_memory());
    if let Some(row) = row {
        // A single order that has ended needs no more words.
        if row.counts.total() > 1
            || row.counts.of(State::Planned) + row.counts.of(State::Unknown) > 0
        {
            outcome.summarize(&row);
        }
        if is_busy {
            screen.say("note: another process is sending orders of this run; they are its own");
        }
        if let Some(file) = &course.send.report
            && let Err(error) = report(ledger, &row, file).await
        {
            screen.fail(&clean_error(&format!("the report: {error:#}")));
        }
    } else if course.send.report.is_some() {
        screen.say("note: a run that is not on record has no report");
    }
    Ok(exit)
}

async fn report(ledger: &Ledger, run: &RunRow, file: &Path) -> Result<()> {
    let context = || mask::path(file);
    // Whole or not at all, and nobody else's to read: it names machines and people.
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let out = NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).with_context(context)?;
    let written = out.reopen().with_context(context)?;
    offboard::report::write_run(ledger, run, written)
        .await
        .with_context(context)?;
    // What another process wrote there during the run is not replaced either.
    ensure!(is_free(file), "{}: {TAKEN}", context());
    out.persist(file).map(|_| ()).with_context(context)
}

/// What nobody works on any more, as it is shown; on record it keeps its turn.
fn leave(order: &mut Order, dry: bool, failed: Option<&LedgerError>) {
    match failed {
        Some(error) if order.state() == State::Planned => {
            order.settle(Verdict::NotSent(unrecorded(error)));
        }
        _ if dry && order.state() == State::Planned => {}
        _ => order.abandon(),
    }
}

/// A run that ended before it was on record.
///
/// # Errors
/// An order that is none.
pub(super) fn nothing_was_done(
    output: &OutputArgs,
    mut plans: impl Iterator<Item = Result<Plan>>,
    screen: &Screen,
) -> Result<()> {
    let rows = RefCell::new(Rows::new(*screen, output.output));
    let mut outcome = Outcome::new(&rows, None, *screen);
    loop {
        let page = plans.by_ref().take(PAGE as usize);
        let orders: Vec<Order> = page
            .map(|plan| {
                let plan = plan?;
                let mut order = Order::new(plan.target, plan.comment);
                order.settle(Verdict::NotSent(Problem::new(
                    ProblemKind::Interrupted,
                    Retry::Safe,
                    "the run ended before its turn",
                )));
                Ok(order)
            })
            .collect::<Result<_>>()?;
        if orders.is_empty() {
            break;
        }
        outcome.add(&orders.iter().collect::<Vec<_>>());
    }
    rows.borrow_mut().end();
    outcome.end();
    Ok(())
}

/// Whether a run is about these machines, so many, for these reasons.
pub(super) async fn are_same(
    ledger: &Ledger,
    run: RunId,
    count: u64,
    mut plans: impl Iterator<Item = Result<Plan>>,
) -> Result<bool> {
    if ledger.counts(run).await?.total() != count {
        return Ok(false);
    }
    let mut after = 0;
    loop {
        let entries = ledger.entries(run, after, PAGE).await?;
        let Some(last) = entries.last() else {
            return Ok(plans.next().is_none());
        };
        after = last.number;
        for entry in &entries {
            let order = &entry.order;
            let plan = plans.next().transpose()?;
            let same = plan.is_some_and(|plan| {
                // The ids of the run are in comments that are correlated.
                plan.target == *order.target() && plan.comment == *order.comment()
            });
            if !same {
                return Ok(false);
            }
        }
    }
}

/// Whether a report can be written, before anything is sent.
pub(super) fn check_report(send: &SendArgs) -> Result<()> {
    let Some(file) = &send.report else {
        return Ok(());
    };
    let context = || format!("--report {}", mask::path(file));
    ensure!(is_free(file), "{}: {TAKEN}: name another file", context());
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    tempfile::tempfile_in(folder.unwrap_or(Path::new(".")))
        .map(|_| ())
        .with_context(context)
}

/// The files that a run writes, besides those of the connection.
pub(super) fn files(send: &SendArgs) -> Files {
    let mut files = Files::default();
    if let Some(report) = &send.report {
        files.writes("the report", report);
    }
    files
}

/// Whether nothing is there, or an earlier report.
fn is_free(file: &Path) -> bool {
    use std::io::Read as _;
    let Ok(there) = std::fs::symlink_metadata(file) else {
        return true;
    };
    let mut begin = [0; REPORT.len()];
    there.is_file()
        && std::fs::File::open(file).is_ok_and(|mut file| file.read_exact(&mut begin).is_ok())
        && begin.eq_ignore_ascii_case(REPORT)
}

/// Whoever wants a tag wants it on every machine: a plugin that has none to set
/// is found out before the first one.
pub(super) fn expect_tagging(connected: &Connected, tag: Option<&Tag>) -> Result<()> {
    ensure!(
        tag.is_none() || connected.runner.sandbox.can_tag(),
        "a tag takes a plugin that exports `tagging`, and this one does not (`offboard inspect` \
         shows what it exports): nothing was sent"
    );
    Ok(())
}

/// What can be said of a run that is taken up, before anybody is asked.
pub(super) fn guard(send: &SendArgs, planned: u64) -> Result<()> {
    if let Some(expected) = send.expect {
        ensure!(
            expected == planned,
            "{expected} machines are expected, and {planned} are to be sent: nothing was sent"
        );
    }
    ensure!(
        planned <= send.max_devices || !send.yes || send.expect.is_some(),
        "{planned} machines are more than {} (--max-devices): if so many are meant, add --expect {planned}",
        send.max_devices
    );
    ensure!(
        planned == 0 || send.yes || Screen::can_ask(),
        "there is no terminal to ask on: add --yes to go ahead"
    );
    Ok(())
}
