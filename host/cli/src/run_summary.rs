//! The summary of a run: rows, notes, advice and the exit code. Orders are added a page at a
//! time.

use std::{cell::RefCell, collections::HashSet};

use super::{
    advice,
    exit::Exit,
    rows::{self, Rows},
    terminal::Terminal,
};
use offboard::{
    advice::KnownToken,
    contract::Problem,
    ledger::RunRow,
    order::{Order, State},
    output::{CancellationInfo, OrderRow},
    text::clean,
};

/// The most orders of a run that have notes.
const MAX_NOTED: usize = 25;
/// The most pieces of advice.
const MAX_ADVICE: usize = 50;

/// Collects and shows the orders of a run.
pub(super) struct RunSummary<'a> {
    token: KnownToken<'a>,
    terminal: Terminal,
    rows: &'a RefCell<Rows>,
    exit: Exit,
    advice: HashSet<String>,
    notes: Vec<String>,
    orders: usize,
    /// The digest of the plan that the orders belong to.
    plan: Option<String>,
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
            advice: HashSet::new(),
            notes: Vec::new(),
            orders: 0,
            plan,
            warning: None,
            not_listed: 0,
            seen_since: 0,
        }
    }

    /// The same summary with a warning about every planned order, because of the credential.
    pub(super) fn with_warning(self, warning: Option<&'static str>) -> Self {
        Self { warning, ..self }
    }

    /// Prints the rows of orders.
    pub(super) fn add(&mut self, orders: &[&Order]) {
        let none = orders.iter().map(|_| Vec::new());
        self.add_recorded(orders, none.collect());
    }

    /// Prints the rows of orders. Each has the requests to cancel its action.
    pub(super) fn add_recorded(
        &mut self,
        orders: &[&Order],
        cancellations: Vec<Vec<CancellationInfo>>,
    ) {
        for cancellation in cancellations.iter().flatten() {
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
            let hint = |problem: &Problem| advice::for_problem(problem, self.token);
            let row = |(order, cancellations): (&&Order, _)| {
                let row = OrderRow::new(order, &hint)
                    .in_plan(self.plan.clone())
                    .with_cancellations(cancellations);
                match self.warning {
                    Some(warning) => row.with_warning(warning),
                    None => row,
                }
            };
            let orders = orders.iter().zip(cancellations);
            rows.add(&orders.map(row).collect::<Vec<_>>());
        }
        drop(rows);
        for order in orders {
            self.exit = Exit::of([self.exit, Exit::of_order(order)]);
            if self.warning.is_some() && order.state() == State::Planned {
                self.exit = Exit::of([self.exit, Exit::Credential]);
            }
            if let Some(problem) = order.problem() {
                // Limited, because each problem may contain another time or code.
                if self.advice.len() < MAX_ADVICE {
                    let advice = advice::for_problem(problem, self.token);
                    self.advice.insert(format!("{}: {advice}", problem.kind));
                }
            } else {
                self.advice.extend(advice::for_state(order.state()));
            }
            self.not_listed += u64::from(order.is_not_listed());
            let is_skipped = order.state() == State::Skipped;
            self.seen_since += u64::from(is_skipped && order.has_reported_since());
            self.orders += 1;
            if self.orders <= MAX_NOTED {
                self.notes.extend(notes(order));
            }
        }
    }

    /// Prints advice and notes. Returns the exit code.
    pub(super) fn end(&mut self) -> Exit {
        let mut advice: Vec<&String> = self.advice.iter().collect();
        advice.sort();
        for advice in advice {
            self.terminal.print_advice(advice);
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
