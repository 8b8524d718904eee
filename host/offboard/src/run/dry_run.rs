//! What a run would meet, without sending anything: offboardings of its machines that are
//! in progress, or that were carried out for the same order. A run itself queries them
//! right before it sends.

use super::{
    batch::{BATCH, shown},
    runner::Runner,
};
use crate::{
    contract::{MachineId, Problem},
    ledger::{LedgerError, OrderRecord, RunId},
};

/// Of more machines it is not asked: each call takes from the quota of the run
/// that comes after.
const MOST: u64 = 1000;

/// Whether the service was queried.
#[derive(Debug)]
pub enum DryRun {
    /// The orders have what the service lists.
    Queried,
    /// There are too many machines: the queries would use the quota of the run itself.
    TooMany,
    /// It could not be queried.
    Unavailable(Problem),
}

impl Runner {
    /// Puts beside each planned order of a run which offboarding of its machine
    /// is under way, or carried out with its comment. Such an order is for looking at, and not for sending.
    ///
    /// # Errors
    /// The ledger cannot be used.
    pub async fn dry_run(
        &self,
        run: RunId,
        planned: u64,
        again: bool,
    ) -> Result<DryRun, LedgerError> {
        if planned > MOST {
            return Ok(DryRun::TooMany);
        }
        let mut after = 0;
        loop {
            let mut entries = self.session.planned(run, after, BATCH).await?;
            let Some(last) = entries.last().filter(|_| !self.stopped()) else {
                return Ok(DryRun::Queried);
            };
            after = last.number;
            let machines: Vec<MachineId> = entries
                .iter()
                .filter_map(|entry| entry.order.machine().cloned())
                .collect();
            if machines.is_empty() {
                continue;
            }
            let listing = match self
                .offboardings(&machines.iter().collect::<Vec<_>>())
                .await
            {
                Ok(listing) => listing,
                Err(problem) => return Ok(DryRun::Unavailable(problem)),
            };
            entries.retain_mut(|OrderRecord { order, .. }| {
                let pending = order.machine().and_then(|machine| listing.pending(machine));
                let stands = || shown(order, &listing).filter(|_| !again);
                let pending = pending.cloned().or_else(stands);
                let is_blocked = pending.is_some();
                pending
                    .into_iter()
                    .for_each(|action| order.blocked_by(action));
                is_blocked
            });
            self.session.save_all(&mut entries).await?;
        }
    }
}
