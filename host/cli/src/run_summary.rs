//! The summary of a run: rows, notes, advice and the exit code. Orders are added a page at a
//! time.

use std::{cell::RefCell, collections::BTreeMap};

use super::{
    advice,
    exit::Exit,
    rows::{self, Rows},
    terminal::Terminal,
};
use offboard::{
    advice::KnownToken,
    contract::Problem,
    ledger::{RunRow, TagRecord},
    order::{Order, State},
    output::{CancellationInfo, OrderInRun, OrderRow},
    text::clean,
};

/// The most orders of a run that have notes.
const MAX_NOTED: usize = 25;
/// The most kinds of problems that are counted separately. A plugin may invent kinds.
const MAX_KINDS: usize = 50;

/// What the ledger has recorded beside an order.
#[derive(Default)]
pub(super) struct RecordedRequests {
    /// The requests to cancel its action.
    pub(super) cancellations: Vec<CancellationInfo>,
    /// Its tag.
    pub(super) tag: TagRecord,
}

/// Collects and shows the orders of a run.
pub(super) struct RunSummary<'a> {
    token: KnownToken<'a>,
    terminal: Terminal,
    rows: &'a RefCell<Rows>,
    exit: Exit,
    /// One piece of advice for each kind of problem, and for each state.
    advice: BTreeMap<String, String>,
    /// The number of failed orders with each kind of problem, or else in each state.
    failures: BTreeMap<String, u64>,
    notes: Vec<String>,
    orders: usize,
    /// The digest of the plan that the orders belong to.
    plan: Option<String>,
    /// The recorded run that the orders belong to.
    run: Option<RunRow>,
    /// A warning about every planned order.
    warning: Option<&'static str>,
    /// The number of orders whose actions the service no longer lists.
    not_listed: u64,
    /// The number of skipped orders whose machines have reported since they were offboarded.
    seen_since: u64,
}

impl<'a> RunSummary<'a> {
    /// A summary that adds to `rows`. The caller ends them, because they may be shared by runs.
    pub(super) fn new(
        rows: &'a RefCell<Rows>,
        token: KnownToken<'a>,
        plan: Option<String>,
        terminal: Terminal,
    ) -> Self {
        Self {
            token,
            terminal,
            rows,
            exit: Exit::Done,
            advice: BTreeMap::new(),
            failures: BTreeMap::new(),
            notes: Vec::new(),
            orders: 0,
            plan,
            run: None,
            warning: None,
            not_listed: 0,
            seen_since: 0,
        }
    }

    /// The same summary for the orders of a recorded run.
    pub(super) fn of_run(self, run: Option<&RunRow>) -> Self {
        Self {
            run: run.cloned(),
            ..self
        }
    }

    /// The recorded run that the orders belong to.
    pub(super) fn run(&self) -> Option<&RunRow> {
        self.run.as_ref()
    }

    /// The row of an order for programs.
    pub(super) fn row(&self, order: &Order, recorded: RecordedRequests) -> OrderInRun {
        let hint = |problem: &Problem| advice::for_problem(problem, self.token);
        let row = OrderRow::new(order, &hint)
            .in_plan(self.plan.clone())
            .with_cancellations(recorded.cancellations);
        let row = match self.warning {
            Some(warning) => row.with_warning(warning),
            None => row,
        };
        let row = OrderInRun::from(row).with_tag(recorded.tag);
        match &self.run {
            Some(run) => row.in_run(run),
            None => row,
        }
    }

    /// The same summary with a warning about every planned order, because of the credential.
    pub(super) fn with_warning(self, warning: Option<&'static str>) -> Self {
        Self { warning, ..self }
    }

    /// Prints the rows of orders.
    pub(super) fn add(&mut self, orders: &[&Order]) {
        let none = orders.iter().map(|_| RecordedRequests::default());
        self.add_recorded(orders, none.collect());
    }

    /// Prints the rows of orders, each with its recorded requests.
    pub(super) fn add_recorded(&mut self, orders: &[&Order], recorded: Vec<RecordedRequests>) {
        for cancellation in recorded.iter().flat_map(|recorded| &recorded.cancellations) {
            if self.notes.len() < MAX_NOTED {
                let words = clean(&cancellation.in_words());
                self.notes.push(format!("Cancellation sent {words}"));
            }
        }
        let mut rows = self.rows.borrow_mut();
        if rows.is_table() {
            let cells = orders.iter().map(|order| {
                let warning = self.warning.filter(|_| order.state() == State::Planned);
                rows::cells(order, warning)
            });
            rows.table(&rows::ORDER_COLUMNS, cells);
        } else {
            let orders = orders.iter().zip(recorded);
            let orders = orders.map(|(order, recorded)| self.row(order, recorded));
            rows.add(&orders.collect::<Vec<_>>());
        }
        drop(rows);
        for order in orders {
            self.exit = Exit::of([self.exit, Exit::of_order(order)]);
            if self.warning.is_some() && order.state() == State::Planned {
                self.exit = Exit::of([self.exit, Exit::Credential]);
            }
            self.add_advice(order);
            self.not_listed += u64::from(order.is_not_listed());
            let is_skipped = order.state() == State::Skipped;
            self.seen_since += u64::from(is_skipped && order.has_reported_since());
            self.orders += 1;
            if self.orders <= MAX_NOTED {
                self.notes.extend(notes(order));
            }
        }
    }

    /// Adds the advice on an order, and counts it if it has failed.
    fn add_advice(&mut self, order: &Order) {
        let problem = order.problem();
        let kind = problem.map_or_else(
            || order.state().name().to_owned(),
            |problem| problem.kind.to_string(),
        );
        if has_failed(order) {
            let is_known = self.failures.contains_key(&kind) || self.failures.len() < MAX_KINDS;
            let kind = if is_known { kind.as_str() } else { "other" };
            *self.failures.entry(kind.to_owned()).or_default() += 1;
        }
        if self.advice.contains_key(&kind) || self.advice.len() >= MAX_KINDS {
            return;
        }
        let advice = match problem {
            Some(problem) => Some(advice::for_problem(problem, self.token)),
            None => advice::for_state(order.state()),
        };
        if let Some(advice) = advice {
            self.advice.insert(kind, advice);
        }
    }

    /// Prints advice and notes. Returns the exit code.
    pub(super) fn end(&mut self) -> Exit {
        for (kind, advice) in &self.advice {
            self.terminal.print_advice(&format!("{kind}: {advice}"));
        }
        if self.orders <= MAX_NOTED {
            for note in &self.notes {
                self.terminal.print(note);
            }
        }
        self.exit
    }

    /// Prints the run, the number of orders in each state, and how to continue.
    pub(super) fn print_counts(&self, run: &RunRow) {
        let short = self.print_run(run);
        if self.orders > MAX_NOTED && !self.failures.is_empty() {
            self.terminal.print(&format!(
                "Problems: {}. To see them: offboard show {short} --failed",
                in_words(&self.failures)
            ));
        }
        if self.seen_since > 0 {
            self.terminal.print(&format!(
                "{} of the skipped machines have reported since they were offboarded. Check these \
                 machines. To offboard them again, use `offboard run` with --again.",
                self.seen_since
            ));
        }
        if let Some(advice) = next_step(run, self.not_listed) {
            self.terminal.print_advice(&advice.replace("RUN", &short));
        }
        if run.counts.of(State::Succeeded) > 0 && self.orders > MAX_NOTED {
            self.terminal.print(advice::aftermath(None));
        }
    }

    /// Prints the run and the number of its orders in each state. Returns the beginning of the
    /// run's id, by which commands find it.
    pub(super) fn print_run(&self, run: &RunRow) -> String {
        let id = run.uuid.to_string();
        let short = id.split('-').next().unwrap_or_default();
        let counts: Vec<String> = run
            .counts
            .each()
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        self.terminal
            .print(&format!("Run {short}: {}", counts.join(", ")));
        short.to_owned()
    }
}

/// Whether an order ended without the offboarding, or its outcome is unknown.
pub(super) fn has_failed(order: &Order) -> bool {
    !matches!(
        order.state(),
        State::Planned | State::Accepted | State::Pending | State::Succeeded | State::Skipped
    )
}

/// The numbers of failures, the largest first.
fn in_words(failures: &BTreeMap<String, u64>) -> String {
    let mut failures: Vec<(&String, &u64)> = failures.iter().collect();
    failures.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let words = failures
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"));
    words.collect::<Vec<_>>().join(", ")
}

/// How to continue the run, with `RUN` for its id.
fn next_step(run: &RunRow, not_listed: u64) -> Option<&'static str> {
    let of = |state| run.counts.of(state);
    let unknown = of(State::Unknown) + of(State::Sending);
    if of(State::Planned) > 0 {
        return Some("To continue: offboard resume RUN");
    }
    if unknown > 0 {
        return Some(
            "To query the unknown outcomes again: offboard resume RUN. Orders that stay unknown \
             after the grace time are resent only with --resend-unknown, once each.",
        );
    }
    if of(State::NotSent) > 0 {
        return Some("To retry the orders that were not sent: offboard resume RUN");
    }
    (of(State::Accepted) + of(State::Pending) > not_listed)
        .then_some("To track the actions: offboard resume RUN --wait")
}

/// Notes about the state of an order.
fn notes(order: &Order) -> Vec<String> {
    let mut notes = Vec::new();
    let action = order.action().map_or("", |action| action.id.as_str());
    let id = order.machine().map_or("", |id| id.as_str());
    let name = clean(order.name().unwrap_or(id));
    if order.is_adopted() {
        notes.push(format!("{name}: {}", advice::ADOPTED));
    }
    match order.state() {
        State::Succeeded => {
            let platform = order.device().and_then(|device| device.platform.as_deref());
            notes.push(format!(
                "{name} was offboarded. {}",
                advice::aftermath(platform)
            ));
        }
        State::Accepted | State::Pending if order.problem().is_none() => notes.push(format!(
            "{name} is not offboarded yet. To track it: offboard status {} --wait",
            clean(action)
        )),
        _ => {}
    }
    notes
}
