//! Why an order that is still planned was not sent, as it is shown.

use offboard::{
    contract::{Problem, ProblemKind, Retry},
    ledger::{LedgerError, OrderRecord},
    order::{State, Verdict},
    run::unrecorded,
};

const PLANNED_ELSEWHERE: &str =
    "another process planned it again during this run, and has not sent it";

/// Settles an order that this process no longer works on, as it is shown. The ledger keeps it
/// open. `is_executed`: every order of the plan was worked on. `failed` is the error of the
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
