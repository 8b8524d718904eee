//! What is known of machines right before their requests leave: their actions,
//! listed for many with one call. It tells a new action from an old one later,
//! without comparing clocks.

use super::{Listing, Runner, Since, preflight::stand_aside};
use crate::{
    contract::{ActionStatus, MachineAction, MachineId, Problem, Retry},
    ledger::{Entry, LedgerError, RunId},
    order::{Order, Verdict},
};

/// Machines of one question: their filter fits into the shortest limit of a URL
/// that servers are known for, 2 KiB.
pub(super) const BATCH: u32 = 20;

const UNKEPT: &str = "the service lists more actions that may be a machine's than are kept, so a \
    request without an answer stays unknown";

/// Orders that are ready to be sent.
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    /// Orders that were settled on the way.
    pub(super) settled: Vec<Entry>,
    /// The last number that was looked at; none where there are no more.
    pub(super) last: Option<u64>,
    /// Why they are not ready after all.
    pub(super) fault: Option<Problem>,
    /// Why a lost answer cannot be looked up later.
    pub(super) unkept: Option<Problem>,
}

impl Runner {
    /// The next orders of a run.
    pub(super) async fn next_batch(
        &self,
        run: RunId,
        after: u64,
        again: bool,
    ) -> Result<Batch, LedgerError> {
        let entries = self.session.planned(run, after, BATCH).await?;
        let mut batch = Batch {
            last: entries.last().map(|entry| entry.number),
            entries: Vec::new(),
            settled: Vec::new(),
            fault: None,
            unkept: None,
        };
        for mut entry in entries {
            // What was not looked at is not sent.
            if entry.order.machine().is_none() || entry.order.look().is_none() {
                continue;
            }
            match self.session.taken(&entry, again).await? {
                None => batch.entries.push(entry),
                Some(taken) => {
                    stand_aside(&mut entry.order, &taken);
                    self.session.save(&mut entry).await?;
                    batch.settled.push(entry);
                }
            }
        }
        self.ask_before(&mut batch, again).await?;
        Ok(batch)
    }

    /// Lists what is known. An order that the service has already, word for word, is
    /// not sent: a ledger can lose its last commits with its disk, and there may
    /// be another one, or none.
    pub(super) async fn ask_before(
        &self,
        batch: &mut Batch,
        again: bool,
    ) -> Result<(), LedgerError> {
        if batch.entries.is_empty() {
            return Ok(());
        }
        let machines = batch
            .entries
            .iter()
            .filter_map(|entry| entry.order.machine());
        let machines: Vec<&MachineId> = machines.collect();
        match self.offboardings(&machines).await {
            Ok(listing) => {
                let mut done = Vec::new();
                for mut entry in std::mem::take(&mut batch.entries) {
                    entry.known = entry
                        .order
                        .machine()
                        .and_then(|machine| listing.known(machine));
                    if entry.known.is_none() {
                        batch.unkept = Some(Problem::new("rejected", Retry::Never, UNKEPT));
                    }
                    let shown = (!again).then(|| shown(&entry.order, &listing)).flatten();
                    let Some(action) = shown else {
                        batch.entries.push(entry);
                        continue;
                    };
                    match self.session.taken(&entry, false).await? {
                        // Another process of this ledger sent it meanwhile.
                        Some(taken) => stand_aside(&mut entry.order, &taken),
                        None => take_on(&mut entry.order, action, &listing),
                    }
                    done.push(entry);
                }
                self.session.save_all(&mut done).await?;
                batch.settled.extend(done);
                batch.fault = None;
            }
            // Without that permission an unknown outcome stays unknown. A filter
            // that the service does not take tells nothing either.
            Err(problem) if problem.kind == "forbidden" || problem.status == Some(400) => {
                for entry in &mut batch.entries {
                    entry.known = None;
                }
                batch.fault = None;
            }
            Err(problem) => batch.fault = Some(problem),
        }
        Ok(())
    }
}

/// This very order as the service shows it: of its machine, with its comment, and
/// under way or carried out.
pub(super) fn shown(order: &Order, listing: &Listing) -> Option<MachineAction> {
    let machine = order.machine()?;
    let comment = Some(order.comment().as_str());
    let find = |fits: fn(&MachineAction) -> bool| {
        let mut same = listing.of(machine);
        same.find(|action| action.requestor_comment.as_deref() == comment && fits(action))
    };
    let under_way = find(|action| !action.status.is_final());
    let carried_out = || find(|action| action.status == ActionStatus::Succeeded);
    under_way.or_else(carried_out).cloned()
}

/// What the service has stands for the order.
fn take_on(order: &mut Order, action: MachineAction, listing: &Listing) {
    if !action.status.is_final() {
        order.settle(Verdict::Accepted(Box::new(action)));
        return order.joined();
    }
    let failed_later = listing.failed_after(&action);
    let what = format!(
        "the service has carried it out with this very comment, by action {}",
        action.id
    );
    let since = Since::of(order.seen(), &action.json).but_failed(failed_later);
    order.skip(since.problem(&what));
}
