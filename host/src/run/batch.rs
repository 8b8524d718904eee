//! What is known of machines right before their requests leave: their actions,
//! listed for many with one call. It tells a new action from an old one later,
//! without comparing clocks.

use super::{Runner, preflight::stands_in_the_way};
use crate::{
    contract::{MachineId, Problem},
    ledger::{Entry, LedgerError, RunId},
};

/// Machines of one question: their filter fits into the shortest limit of a URL
/// that servers are known for, 2 KiB.
pub(super) const BATCH: u32 = 20;

/// Orders that are ready to be sent.
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    /// Orders that were settled on the way.
    pub(super) settled: Vec<Entry>,
    /// The last number that was looked at; none where there are no more.
    pub(super) last: Option<u64>,
    /// Why they are not ready after all.
    pub(super) fault: Option<Problem>,
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
        };
        for mut entry in entries {
            // What was not looked at is not sent.
            if entry.order.machine().is_none() || entry.order.look().is_none() {
                continue;
            }
            match self.session.taken(&entry, again).await? {
                None => batch.entries.push(entry),
                Some(taken) => {
                    entry.order.skip(stands_in_the_way(&taken));
                    self.session.save(&mut entry).await?;
                    batch.settled.push(entry);
                }
            }
        }
        self.ask_before(&mut batch).await;
        Ok(batch)
    }

    /// Lists what is known.
    pub(super) async fn ask_before(&self, batch: &mut Batch) {
        if batch.entries.is_empty() {
            return;
        }
        let machines = batch
            .entries
            .iter()
            .filter_map(|entry| entry.order.machine());
        let machines: Vec<&MachineId> = machines.collect();
        match self.offboardings(&machines).await {
            Ok(listing) => {
                for entry in &mut batch.entries {
                    entry.known = entry.order.machine().map(|machine| listing.known(machine));
                }
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
    }
}
