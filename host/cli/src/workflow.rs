//! A run from its draft to its result: plan, confirm, execute, and what is shown of each.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, HashSet},
    time::Duration,
};

use anyhow::{Error, Result};
use futures_util::StreamExt;
use tokio::task::AbortHandle;

use super::{
    advice,
    args::SendArgs,
    confirm::{Answer, confirm},
    exit::Exit,
    plan_summary,
    progress::Progress,
    question::question,
    records, report_file,
    rows::Rows,
    run_summary::{RecordedRequests, RunSummary},
    signal::Signals,
    streamed_rows::{self, StreamedRows},
    terminal::Terminal,
    unsent,
};
use offboard::{
    Client,
    client::{PlanError, RunError},
    ledger::{LedgerError, OrderRecord, RunRow},
    mask,
    order::{Order, State},
    outputs::Files,
    plan::{Confirmation, ConfirmedPlan, Draft, Origin, Plan},
    run::{self, Event},
    text::clean_error,
};

/// How long a run that is stopped at once waits for a locked ledger. This is shorter than the
/// time until the forced exit, so that the rows are shown.
const ABORT_WRITE: Duration = Duration::from_secs(2);

/// The options of a run.
pub(super) struct RunOptions<'a> {
    pub(super) send: &'a SendArgs,
    pub(super) is_dry_run: bool,
    /// Receives the rows of the run.
    pub(super) rows: &'a RefCell<Rows>,
}

impl RunOptions<'_> {
    /// Whether the user is asked to confirm the plan.
    fn requires_answer(&self) -> bool {
        !self.send.yes && !self.is_dry_run
    }
}

/// Orders whose outcome could not be recorded, by their numbers.
type Unrecorded = RefCell<HashMap<u64, Order>>;

/// How a workflow ended, unless it failed.
#[derive(Debug, PartialEq, Eq)]
enum Completion {
    Completed,
    Interrupted,
    /// The user did not confirm. Contains the answer that would have confirmed, if the user
    /// typed only `y`.
    Declined(Option<String>),
}

/// A run in progress: its draft, and what is needed to confirm, execute and show it.
struct Workflow<'a> {
    options: &'a RunOptions<'a>,
    client: &'a Client,
    draft: &'a Draft,
    signals: &'a Signals,
    terminal: &'a Terminal,
    unrecorded: Unrecorded,
    /// Whether every order of the plan was worked on.
    is_executed: Cell<bool>,
    /// Aborts the execution.
    execution: RefCell<Option<AbortHandle>>,
}

/// Plans, confirms and executes a draft, and shows the result.
pub(super) async fn run_draft(
    options: &RunOptions<'_>,
    client: &Client,
    draft: &Draft,
    signals: &Signals,
    terminal: &Terminal,
) -> Exit {
    let workflow = Workflow {
        options,
        client,
        draft,
        signals,
        terminal,
        unrecorded: Unrecorded::default(),
        is_executed: Cell::default(),
        execution: RefCell::default(),
    };
    let completion = tokio::select! {
        completion = workflow.confirm_and_execute() => completion,
        () = signals.at_once() => Ok(Completion::Interrupted),
    };
    Terminal::set_progress_bar(None);
    let stopped = matches!(completion, Ok(Completion::Interrupted)) || signals.stopped();
    if stopped {
        workflow.abort().await;
    }
    let is_declined = matches!(completion, Ok(Completion::Declined(_)));
    if let Ok(Completion::Declined(expected)) = &completion {
        terminal
            .unmuted()
            .print(&declined_text(expected.as_deref()));
        // The user has just seen the plan; a program that reads the output has not.
        if options.rows.borrow().is_table() {
            return Exit::Interrupted;
        }
    }
    let error = completion.err();
    if let Some(error) = &error {
        advice::show_failure(error, terminal);
    }
    let ledger_error = error.as_ref().and_then(|error| error.downcast_ref());
    let shown = workflow.show_result(ledger_error).await;
    if stopped || is_declined {
        workflow.show_sent(shown.err());
        return Exit::Interrupted;
    }
    match shown {
        // The run ended early, or the outcome of an order is not in the ledger.
        Ok(Exit::Done) if error.is_some() => workflow.exit_without_ledger(),
        Ok(exit) => Exit::of([exit, workflow.exit_of_unrecorded()]),
        Err(error) => {
            workflow.show_sent(Some(error));
            workflow.exit_without_ledger()
        }
    }
}

/// The message after the user did not confirm. `expected` is the answer that would have
/// confirmed, if the user typed only `y`.
fn declined_text(expected: Option<&str>) -> String {
    match expected {
        Some("yes") => "Nothing was sent. Type the whole word yes to confirm.".to_owned(),
        Some(count) => format!("Nothing was sent. Type the number {count} to confirm."),
        None => "Nothing was sent.".to_owned(),
    }
}

impl Workflow<'_> {
    async fn confirm_and_execute(&self) -> Result<Completion> {
        let Self {
            options,
            client,
            signals,
            terminal,
            ..
        } = self;
        let ledger = client.ledger();
        let counts = ledger.counts(self.draft.run()).await?;
        if self.draft.origin() == Origin::Repeated && counts.open() == 0 {
            return Ok(Completion::Completed);
        }
        let progress = Progress::new(terminal, client, counts.total());
        let plan = match self.plan(&progress).await {
            Err(error) if matches!(error.downcast_ref(), Some(PlanError::Interrupted)) => {
                return Ok(Completion::Interrupted);
            }
            plan => plan?,
        };
        let consent = options.send.yes.then(Confirmation::consent);
        if plan.problem().is_some() {
            if let Some(consent) = consent.filter(|_| !options.is_dry_run) {
                self.execute(plan.confirm(consent)?, &progress).await?;
            }
            return Ok(Completion::Completed);
        }
        self.show_plan(&plan).await?;
        if options.is_dry_run || signals.stopped() {
            return Ok(Completion::Completed);
        }
        if options.requires_answer() && plan.machines() > 0 {
            let guards = self.draft.guards();
            let (question, answer) = question(self.client, &plan, guards).await?;
            match confirm(&question, &answer, signals).await {
                Answer::Confirmed => {}
                Answer::Short => return Ok(Completion::Declined(Some(answer))),
                Answer::Declined => return Ok(Completion::Declined(None)),
            }
        }
        let confirmation = consent.unwrap_or_else(|| Confirmation::answer(plan.digest()));
        self.execute(plan.confirm(confirmation)?, &progress).await?;
        self.is_executed.set(!signals.stopped());
        Ok(Completion::Completed)
    }

    /// Shows the plan, even with `--quiet` if the user has to confirm it.
    async fn show_plan(&self, plan: &Plan) -> Result<()> {
        let (options, client) = (self.options, self.client);
        if options.is_dry_run && plan.machines() > 0 {
            let dry_run = client.dry_run(plan).await?;
            plan_summary::dry_run(self.terminal, &dry_run);
        }
        let terminal = if options.requires_answer() {
            self.terminal.unmuted()
        } else {
            *self.terminal
        };
        let grace = options.send.grace;
        plan_summary::show(&terminal, client, plan, options.is_dry_run, grace).await?;
        if plan.machines() > 0 {
            terminal.print(&format!("Plan digest: {}", plan.digest()));
        }
        Ok(())
    }

    async fn plan(&self, progress: &Progress<'_>) -> Result<Plan> {
        let (events, mut stream) = run::events();
        let planned = self.client.preflight(self.draft.clone(), &events);
        let plan = stream.during(planned, |event| self.observe(&event, progress));
        plan.await.map_err(|error| match error {
            PlanError::Ledger(error) => error.into(),
            error => error.into(),
        })
    }

    async fn execute(&self, confirmed: ConfirmedPlan, progress: &Progress<'_>) -> Result<()> {
        let wait = self.options.send.wait.wait;
        let mut run = self.client.execute(confirmed, wait);
        *self.execution.borrow_mut() = Some(run.abort_handle());
        let (client, rows) = (self.client, self.options.rows);
        let is_tracked = wait.is_some();
        let mut streamed = None;
        loop {
            let event = tokio::select! {
                event = run.next() => event,
                () = streamed_rows::record(streamed.as_ref()) => continue,
            };
            let Some(event) = event else {
                break;
            };
            self.observe(&event, progress);
            if streamed.is_none() {
                let run = self.draft.run();
                streamed = StreamedRows::new(client, rows, run, is_tracked, *self.terminal).await;
            }
            if let Some(streamed) = &streamed {
                streamed.observe(&event).await;
            }
        }
        progress.end();
        let finished = run.finish().await;
        self.execution.take();
        finished.map(drop).map_err(|error| match error {
            RunError::Ledger(error) => error.into(),
            error => error.into(),
        })
    }

    /// Stops the execution at once. Orders that were being sent become unknown. If the ledger
    /// is locked, they are shown as unknown, and the next session records that.
    async fn abort(&self) {
        if let Some(execution) = self.execution.take() {
            execution.abort();
        }
        let left = tokio::time::timeout(ABORT_WRITE, self.client.leave_unknown());
        if let Ok(Err(error)) = left.await {
            self.terminal.print_detail(&format!("note: {error}"));
        }
    }

    /// Shows the orders that were sent from memory, if the rows could not be read.
    fn show_sent(&self, error: Option<Error>) {
        let Some(error) = error else {
            return;
        };
        advice::show_failure(&error, self.terminal);
        self.signals.sent.show(self.terminal);
    }

    /// The exit code of a run that ended early: an order that was sent may not be recorded.
    fn exit_without_ledger(&self) -> Exit {
        if self.signals.sent.is_empty() && self.draft.origin() != Origin::Resumed {
            Exit::NotSent
        } else {
            Exit::Unknown
        }
    }

    /// The exit code of orders whose outcome could not be recorded: for the ledger, it is
    /// unknown.
    fn exit_of_unrecorded(&self) -> Exit {
        if self.unrecorded.borrow().is_empty() {
            Exit::Done
        } else {
            Exit::Unknown
        }
    }

    fn observe(&self, event: &Event, progress: &Progress<'_>) {
        if let Event::NotRecorded { order, .. } = event {
            self.unrecorded
                .borrow_mut()
                .insert(order.number, order.order.clone());
        }
        self.signals.sent.observe(event);
        progress.observe(event);
    }

    /// Shows the rows, what to do next and the report. Returns the exit code. `failed` is the
    /// error of the ledger that ended the run.
    async fn show_result(&self, failed: Option<&LedgerError>) -> Result<Exit> {
        let (terminal, run) = (self.terminal, self.draft.run());
        let (client, ledger) = (self.client, self.client.ledger());
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
        let plan_digest = self.plan_digest(row.as_ref()).await?;
        let rows = self.options.rows;
        let warning = client.permission_warning();
        let warning = warning.filter(|_| self.options.is_dry_run);
        let mut summary = RunSummary::new(rows, client.known_token(), plan_digest, *terminal)
            .of_run(row.as_ref().filter(|_| self.is_recorded()))
            .with_warning(warning);
        let mut pages = ledger.order_pages(run);
        while let Some(mut entries) = pages.next().await? {
            let resent = |entry: &&OrderRecord| resent.contains(&entry.number);
            resent_names.extend(entries.iter().filter(resent).map(plan_summary::name));
            for entry in &mut entries {
                if let Some(order) = self.unrecorded.borrow().get(&entry.number) {
                    entry.order = order.clone();
                }
                if !is_busy {
                    let is_executed = self.is_executed.get();
                    unsent::settle(entry, self.options.is_dry_run, is_executed, failed);
                }
            }
            let recorded = match &row {
                Some(run) => records::recorded_tags(ledger, run, &entries).await?,
                None => entries
                    .iter()
                    .map(|_| RecordedRequests::default())
                    .collect(),
            };
            let orders: Vec<&Order> = entries.iter().map(|entry| &entry.order).collect();
            summary.add_recorded(&orders, recorded);
        }
        let exit = summary.end();
        self.signals.sent.were_shown();
        if resends {
            plan_summary::resent(terminal, &resent_names);
        }
        match row.filter(|_| !ledger.is_in_memory()) {
            Some(row) => self.show_recorded(&row, &summary, is_busy).await,
            // For example, there is no token.
            None if self.options.send.report.is_some() => {
                terminal.report_failure("the report was not written: the run is not recorded");
            }
            None => {}
        }
        Ok(exit)
    }

    /// Whether the run stays in a ledger.
    fn is_recorded(&self) -> bool {
        !self.options.is_dry_run && !self.client.ledger().is_in_memory()
    }

    /// The digest of the plan that the rows belong to: in a dry run, of what would be sent.
    async fn plan_digest(&self, row: Option<&RunRow>) -> Result<Option<String>> {
        if !self.options.is_dry_run {
            return Ok(row.and_then(RunRow::plan_digest));
        }
        let resends = self.draft.resends_unknown();
        let plan = self
            .client
            .remaining_plan(self.draft.run(), resends)
            .await?;
        Ok((plan.machines > 0).then(|| plan.digest.to_string()))
    }

    /// Shows the counts of a recorded run, and writes its report.
    async fn show_recorded(&self, row: &RunRow, summary: &RunSummary<'_>, is_busy: bool) {
        let terminal = self.terminal;
        let unfinished = [State::Planned, State::Unknown, State::NotSent];
        let unfinished: u64 = unfinished.iter().map(|state| row.counts.of(*state)).sum();
        if row.counts.total() > 1 || unfinished > 0 {
            summary.print_counts(row);
        } else {
            // For a single finished order, its row and its note say how to continue.
            summary.print_run(row);
        }
        if is_busy {
            terminal.print("note: Another process is sending orders of this run.");
        }
        let Some(file) = &self.options.send.report else {
            return;
        };
        match report_file::write(self.client.ledger(), row, file).await {
            Ok(()) => terminal.print(&format!("Report: {}", mask::path(file))),
            Err(error) => {
                terminal.report_failure(&clean_error(&format!("the report: {error:#}")));
            }
        }
    }
}

/// The files that a run writes, in addition to those of the connection.
pub(super) fn files(send: &SendArgs) -> Files {
    let mut files = Files::default();
    if let Some(report) = &send.report {
        files.writes("the report", report);
    }
    files
}
