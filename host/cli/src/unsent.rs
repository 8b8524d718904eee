//! Orders that were not sent, as they are shown: why a planned order was left, and a run that was
//! interrupted before it was recorded.

use std::cell::RefCell;

use anyhow::Result;
use uuid::Uuid;

use super::{rows::Rows, run_summary::RunSummary, terminal::Terminal};
use offboard::{
    advice::KnownToken,
    contract::{Problem, ProblemKind, Retry},
    ledger::{LedgerError, OrderRecord},
    order::{Order, State, Verdict},
    run::unrecorded,
    selection::Selection,
};

/// The number of orders that are shown at once.
const ROWS_PAGE: usize = 500;

const PLANNED_ELSEWHERE: &str =
    "another process planned it again during this run, and has not sent it";

/// Settles an order that this process will not continue, only for the output: in the ledger it
/// stays open. `is_executed`: every order of the plan was worked on. `failed` is the error of the
/// ledger that ended the run.
pub(super) fn settle(
    entry: &mut OrderRecord,
    is_dry_run: bool,
    is_executed: bool,
    failed: Option<&LedgerError>,
) {
    // The plan has no order without a machine, and after its execution each of its orders is
    // confirmed.
    let is_of_plan = entry.confirmed && entry.order.machine().is_some();
    let order = &mut entry.order;
    match failed {
        Some(error) if order.state() == State::Planned => {
            order.settle(Verdict::NotSent(unrecorded(error)));
        }
        _ if is_dry_run && order.state() == State::Planned => {}
        _ if is_executed && !is_of_plan && order.state() == State::Planned => {
            order.settle(Verdict::NotSent(Problem::new(
                ProblemKind::Interrupted,
                Retry::Safe,
                PLANNED_ELSEWHERE,
            )));
        }
        _ => order.abandon(),
    }
}

/// The problem of an order of a run that was interrupted before it was recorded.
pub(super) fn interrupted() -> Problem {
    Problem::new(
        ProblemKind::Interrupted,
        Retry::Safe,
        "interrupted before it was sent",
    )
}

/// Shows a run that was not recorded: none of its orders was sent, because of this problem.
///
/// # Errors
/// A comment is invalid.
pub(super) fn show_unsent(
    rows: &RefCell<Rows>,
    selection: &Selection,
    correlate: bool,
    problem: &Problem,
    terminal: &Terminal,
) -> Result<()> {
    let mut summary = RunSummary::new(rows, KnownToken::NotAtHand, None, *terminal);
    let run = Uuid::new_v4();
    let mut orders = Vec::new();
    for (number, selected) in (1..).zip(selection) {
        let comment = if correlate {
            selected.correlated_comment(run, number)?
        } else {
            selected.comment.comment()?
        };
        let mut order = Order::new(selected.machine.target.clone(), comment);
        order.settle(Verdict::NotSent(problem.clone()));
        orders.push(order);
        if orders.len() == ROWS_PAGE {
            summary.add(&orders.iter().collect::<Vec<_>>());
            orders.clear();
        }
    }
    summary.add(&orders.iter().collect::<Vec<_>>());
    summary.end();
    Ok(())
}
