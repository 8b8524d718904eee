//! A run from its draft to its result: plan, confirm, execute, and what is shown of each.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
};

use anyhow::{Error, Result};
use futures_util::StreamExt;
use tokio::task::AbortHandle;
use uuid::Uuid;

use super::{
    announce::{self, announce},
    args::{OutputArgs, SendArgs},
    confirm::{Answer, confirm},
    exit::Exit,
    hint,
    outcome::Outcome,
    report::Rows,
    report_file,
    screen::Screen,
    signal::Signals,
    tell::Teller,
};
use offboard::{
    Client,
    client::{PlanError, RunError},
    contract::{Problem, ProblemKind, Retry},
    ledger::{LedgerError, RunRow},
    order::{Order, State, Verdict},
    outputs::Files,
    plan::{Confirmation, ConfirmedPlan, Draft, GuardError, Guards, Origin, Plan},
    run::{self, Event, unrecorded},
    selection::Selection,
    text::clean_error,
};

/// Orders that are read from the ledger at once.
const PAGE: u32 = 500;

/// What the user wants of a run.
pub(super) struct Course<'a> {
    pub(super) send: &'a SendArgs,
    pub(super) dry: bool,
    /// Where its rows go.
    pub(super) rows: &'a RefCell<Rows>,
}

impl Course<'_> {
    /// Whether the user is asked to confirm the plan.
    fn asks(&self) -> bool {
        !self.send.yes && !self.dry
    }
}

/// What could not be recorded, by its number.
type Unwritten = RefCell<HashMap<u64, Order>>;

#[derive(Debug, PartialEq, Eq)]
enum Finished {
    Yes,
    Interrupted,
    /// The user was asked, and did not confirm. The answer that would have confirmed, if
    /// the user typed only `y`.
    Declined(Option<String>),
}

/// A run under way, as the terminal knows it.
struct Progress<'a> {
    course: &'a Course<'a>,
    client: &'a Client,
    draft: &'a Draft,
    signals: &'a Signals,
    screen: &'a Screen,
    unwritten: Unwritten,
    /// How to end the execution at once.
    execution: RefCell<Option<AbortHandle>>,
}

/// Drives a run to its end, and shows what became of it.
pub(super) async fn drive(
    course: &Course<'_>,
    client: &Client,
    draft: &Draft,
    signals: &Signals,
    screen: &Screen,
) -> Result<Exit> {
    let progress = Progress {
        course,
        client,
        draft,
        signals,
        screen,
        unwritten: Unwritten::default(),
        execution: RefCell::default(),
    };
    let finished = tokio::select! {
        finished = progress.go() => finished,
        () = signals.at_once() => Ok(Finished::Interrupted),
    };
    Screen::set_bar(None);
    let is_declined = matches!(finished, Ok(Finished::Declined(_)));
    let stopped = matches!(finished, Ok(Finished::Interrupted)) || signals.stopped();
    if stopped {
        if let Some(execution) = progress.execution.take() {
            execution.abort();
        }
        if let Err(error) = client.leave_unknown().await {
            screen.detail(&format!("note: {error}"));
        }
    }
    if let Ok(Finished::Declined(wanted)) = &finished {
        let said = match wanted {
            Some(word) if word == "yes" => "Nothing was sent: type the whole word yes to confirm.",
            Some(count) => &format!("Nothing was sent: type the number {count} to confirm."),
            None => "Nothing was sent.",
        };
        screen.insisting().say(said);
        // The user has just seen the plan; a program that reads the output has not.
        if course.rows.borrow().is_table() {
            return Ok(Exit::Interrupted);
        }
    }
    let failed = finished.err();
    if let Some(error) = &failed {
        hint::show_failure(error, screen);
    }
    let failed = failed.as_ref().and_then(|error| error.downcast_ref());
    let shown = progress.finish(failed).await;
    // It was done, even if the result cannot be shown.
    let exit = shown.unwrap_or_else(|error| {
        hint::show_failure(&error, screen);
        Exit::Refused
    });
    Ok(if stopped || is_declined {
        Exit::Interrupted
    } else {
        exit
    })
}

impl Progress<'_> {
    async fn go(&self) -> Result<Finished> {
        let Self {
            course,
            client,
            signals,
            screen,
            ..
        } = self;
        let ledger = client.ledger();
        let counts = ledger.counts(self.draft.run()).await?;
        if self.draft.origin() == Origin::Repeated && counts.open() == 0 {
            return Ok(Finished::Yes);
        }
        let teller = Teller::new(screen, client, counts.total());
        let plan = self.plan(&teller).await?;
        let consent = course.send.yes.then(Confirmation::consent);
        if plan.problem().is_some() {
            if let Some(consent) = consent.filter(|_| !course.dry) {
                self.execute(plan.confirm(consent)?, &teller).await?;
            }
            return Ok(Finished::Yes);
        }
        if course.dry && plan.machines() > 0 {
            let dry_run = client.dry_run(&plan).await?;
            announce::dry_run(screen, &dry_run);
        }
        // What is confirmed is shown, even with --quiet.
        let shown = if course.asks() {
            screen.insisting()
        } else {
            **screen
        };
        announce(course, &shown, client, &plan).await?;
        if plan.machines() > 0 {
            shown.say(&format!("Plan digest: {}", plan.digest()));
        }
        if course.dry || signals.stopped() {
            return Ok(Finished::Yes);
        }
        if course.asks() && plan.machines() > 0 {
            let (question, answer) = announce::question(&plan, course.send.max_devices);
            match confirm(&question, &answer, signals).await {
                Answer::Confirmed => {}
                Answer::Short => return Ok(Finished::Declined(Some(answer))),
                Answer::Declined => return Ok(Finished::Declined(None)),
            }
        }
        let confirmation = consent.unwrap_or_else(|| Confirmation::answer(plan.digest()));
        self.execute(plan.confirm(confirmation)?, &teller).await?;
        Ok(Finished::Yes)
    }

    async fn plan(&self, teller: &Teller<'_>) -> Result<Plan> {
        let (events, mut stream) = run::events();
        let planned = self.client.preflight(self.draft.clone(), &events);
        let plan = stream.during(planned, |event| self.observe(&event, teller));
        plan.await.map_err(|error| match error {
            PlanError::Ledger(error) => error.into(),
            error => error.into(),
        })
    }

    async fn execute(&self, confirmed: ConfirmedPlan, teller: &Teller<'_>) -> Result<()> {
        let mut run = self.client.execute(confirmed, self.course.send.wait.wait);
        *self.execution.borrow_mut() = Some(run.abort_handle());
        while let Some(event) = run.next().await {
            self.observe(&event, teller);
        }
        teller.end();
        let finished = run.finish().await;
        self.execution.take();
        finished.map(drop).map_err(|error| match error {
            RunError::Ledger(error) => error.into(),
            error => error.into(),
        })
    }

    fn observe(&self, event: &Event, teller: &Teller<'_>) {
        if let Event::NotRecorded { order, .. } = event {
            self.unwritten
                .borrow_mut()
                .insert(order.number, order.order.clone());
        }
        teller.tell(event);
    }

    /// The rows, what to do next, the report, and the exit code.
    async fn finish(&self, failed: Option<&LedgerError>) -> Result<Exit> {
        let (course, screen, run) = (self.course, self.screen, self.draft.run());
        let (client, ledger) = (self.client, self.client.ledger());
        let claims = client.claims();
        let resends = self.draft.resends_unknown();
        // An order that another process is sending keeps its state.
        let is_busy = client.is_sent_elsewhere(run).await?;
        let resent = if resends {
            client.resent(run).await?
        } else {
            HashSet::new()
        };
        let mut resent_names = Vec::new();
        let row = ledger.run_at(run).await?;
        let plan = if course.dry {
            let plan = client.remaining_plan(run, resends).await?;
            (plan.machines > 0).then(|| plan.digest.to_string())
        } else {
            row.as_ref().and_then(RunRow::plan_digest)
        };
        let mut outcome = Outcome::new(course.rows, claims, plan, *screen);
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
                if let Some(order) = self.unwritten.borrow().get(&entry.number) {
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
        if resends {
            announce::resent(screen, &resent_names);
        }
        if let Some(row) = row.filter(|_| !ledger.is_in_memory()) {
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
                && let Err(error) = report_file::write(ledger, &row, file).await
            {
                screen.fail(&clean_error(&format!("the report: {error:#}")));
            }
        } else if course.send.report.is_some() {
            screen.say("note: a run that is not on record has no report");
        }
        Ok(exit)
    }
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
    selection: &Selection,
    correlate: bool,
    screen: &Screen,
) -> Result<()> {
    let rows = RefCell::new(Rows::new(*screen, output.output));
    let mut outcome = Outcome::new(&rows, None, None, *screen);
    let run = Uuid::new_v4();
    let mut orders = Vec::new();
    for (number, selected) in (1..).zip(selection) {
        let comment = if correlate {
            selected.correlated_comment(run, number)?
        } else {
            selected.comment.comment()?
        };
        let mut order = Order::new(selected.machine.target.clone(), comment);
        order.settle(Verdict::NotSent(Problem::new(
            ProblemKind::Interrupted,
            Retry::Safe,
            "the run ended before its turn",
        )));
        orders.push(order);
        if orders.len() == PAGE as usize {
            outcome.add(&orders.iter().collect::<Vec<_>>());
            orders.clear();
        }
    }
    outcome.add(&orders.iter().collect::<Vec<_>>());
    rows.borrow_mut().end();
    outcome.end();
    Ok(())
}

/// The files that a run writes, besides those of the connection.
pub(super) fn files(send: &SendArgs) -> Files {
    let mut files = Files::default();
    if let Some(report) = &send.report {
        files.writes("the report", report);
    }
    files
}

/// Checks what can be checked before the client connects.
///
/// # Errors
/// The user has to name the number of machines, or cannot be asked.
pub(super) fn guard(guards: Guards, send: &SendArgs, count: u64, dry: bool) -> Result<()> {
    let checked = if send.yes && !dry {
        guards.check_consent(count)
    } else {
        guards.check(count)
    };
    checked.map_err(explain)
}

/// Why a run without `--yes` does not begin.
pub(super) const NO_TERMINAL: &str = "there is no terminal to ask for confirmation";

/// The error of a guard, with the flag that changes it.
pub(super) fn explain(error: GuardError) -> Error {
    match error {
        GuardError::TooMany { count, limit } => hint::advised(
            format!("{count} machines exceed the limit of {limit} (--max-devices)"),
            format!("To offboard all of them, add --expect {count}."),
        ),
        error => error.into(),
    }
}

/// The limits that the user gave.
pub(super) fn guards(send: &SendArgs) -> Guards {
    Guards {
        max_devices: send.max_devices,
        expected: send.expect,
    }
}
