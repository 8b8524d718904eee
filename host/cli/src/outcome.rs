//! What became of a run's orders: rows, what to do next, and the exit code.
//! Orders come a page at a time, however many there are.

use std::{cell::RefCell, collections::HashSet};

use super::{
    exit::Exit,
    hint,
    report::{self, Rows},
    screen::Screen,
};
use offboard::{
    contract::Problem,
    identity::TokenClaims,
    ledger::RunRow,
    order::{Order, State},
    output::OrderRow,
    text::clean,
};

/// Of more orders than these, what each means is not told one by one.
const FEW: usize = 25;
/// More hints are of no use.
const MAX_HINTS: usize = 50;

/// What is shown of a run.
pub(super) struct Outcome<'a> {
    claims: Option<&'a TokenClaims>,
    screen: Screen,
    rows: &'a RefCell<Rows>,
    exits: Exit,
    hints: HashSet<String>,
    notes: Vec<String>,
    orders: usize,
    /// The digest of the plan that the orders belong to.
    plan: Option<String>,
    /// Orders that are not worth waiting for.
    not_listed: u64,
    /// Skipped orders whose machines have reported since they were offboarded.
    seen_since: u64,
}

impl<'a> Outcome<'a> {
    /// Among rows that may be those of other runs, too; whoever made them ends them.
    pub(super) fn new(
        rows: &'a RefCell<Rows>,
        claims: Option<&'a TokenClaims>,
        plan: Option<String>,
        screen: Screen,
    ) -> Self {
        Self {
            claims,
            screen,
            rows,
            exits: Exit::Done,
            hints: HashSet::new(),
            notes: Vec::new(),
            orders: 0,
            plan,
            not_listed: 0,
            seen_since: 0,
        }
    }

    /// Shows these.
    pub(super) fn add(&mut self, orders: &[&Order]) {
        let is_table = self.rows.borrow().is_table();
        match is_table {
            true => self
                .rows
                .borrow_mut()
                .table(&report::ORDER_HEAD, orders.iter().map(|o| report::cells(o))),
            false => {
                let hint = |problem: &Problem| hint::hint(problem, self.claims);
                let rows: Vec<OrderRow> = orders
                    .iter()
                    .map(|order| OrderRow::new(order, &hint).in_plan(self.plan.clone()))
                    .collect();
                self.rows.borrow_mut().add(&rows);
            }
        }
        for order in orders {
            self.exits = Exit::of([self.exits, Exit::of_order(order)]);
            if let Some(problem) = order.problem() {
                // A service may name other times, or codes, each time.
                if self.hints.len() < MAX_HINTS {
                    let hint = hint::hint(problem, self.claims);
                    self.hints.insert(format!("{}: {hint}", problem.kind));
                }
            }
            self.not_listed += u64::from(order.is_not_listed());
            let is_skipped = order.state() == State::Skipped;
            self.seen_since += u64::from(is_skipped && order.has_reported_since());
            self.orders += 1;
            if self.orders <= FEW {
                self.notes.extend(notes(order));
            }
        }
    }

    /// Shows what is to be said of all of them, and what that means for the exit
    /// code.
    pub(super) fn end(&mut self) -> Exit {
        let mut hints: Vec<&String> = self.hints.iter().collect();
        hints.sort();
        for hint in hints {
            self.screen.advise(hint);
        }
        if self.orders <= FEW {
            for note in &self.notes {
                self.screen.say(note);
            }
        }
        self.exits
    }

    /// How many are how far, and how to go on.
    pub(super) fn summarize(&self, run: &RunRow) {
        let id = run.uuid.to_string();
        let short = id.split('-').next().unwrap_or_default();
        let counts: Vec<String> = run
            .counts
            .each()
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        self.screen
            .say(&format!("Run {short}: {}", counts.join(", ")));
        if self.seen_since > 0 {
            self.screen.say(&format!(
                "{} of the skipped machines reported after being offboarded. Check them. To \
                 offboard them again, use `offboard run` with --again.",
                self.seen_since
            ));
        }
        if let Some(advice) = advice(run, self.not_listed) {
            self.screen.advise(&advice.replace("RUN", short));
        }
        if run.counts.of(State::Succeeded) > 0 && self.orders > FEW {
            self.screen.say(hint::aftermath(None));
        }
    }
}

fn advice(run: &RunRow, not_listed: u64) -> Option<&'static str> {
    let of = |state| run.counts.of(state);
    let unknown = of(State::Unknown) + of(State::Sending);
    if of(State::Planned) > 0 {
        return Some("Go on with: offboard resume RUN");
    }
    if unknown > 0 {
        return Some(
            "To query the unknown outcomes again: offboard resume RUN. Those that stay unknown \
             after the grace time are resent only with --resend-unknown, once each.",
        );
    }
    if of(State::NotSent) > 0 {
        return Some("What was not sent is tried again by: offboard resume RUN");
    }
    (of(State::Accepted) + of(State::Pending) > not_listed)
        .then_some("Follow it with: offboard resume RUN --wait")
}

/// What a state means, and what a success does not mean.
fn notes(order: &Order) -> Vec<String> {
    let mut notes = Vec::new();
    let action = order.action().map_or("", |action| action.id.as_str());
    let id = order.machine().map_or("", |id| id.as_str());
    let name = clean(order.name().unwrap_or(id));
    if order.is_adopted() {
        notes.push(format!("{name}: {}", hint::JOINED));
    }
    match order.state() {
        State::Succeeded => {
            let platform = order.device().and_then(|device| device.platform.as_deref());
            notes.push(format!(
                "{name} was offboarded. {}",
                hint::aftermath(platform)
            ));
        }
        State::Accepted | State::Pending if order.problem().is_none() => notes.push(format!(
            "{name} is not done yet; follow it with: offboard status {} --wait",
            clean(action)
        )),
        _ => {}
    }
    notes
}
