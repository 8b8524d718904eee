//! A dry run: finds offboardings of its machines that are pending, or were carried out for the
//! same order. A run compares its orders again, right before each request.

use super::{
    batch::{MAX_BATCH, shown},
    runner::Runner,
};
use crate::{
    contract::{MachineId, Problem},
    ledger::{LedgerError, OrderRecord, RunId},
};

/// With more machines, the service is not queried: the calls would use the quota of the run
/// that follows.
const MAX_MACHINES: u64 = 1000;

/// Whether the service was queried.
#[derive(Debug)]
pub enum DryRun {
    /// The orders have the actions that block them.
    Complete,
    /// There are too many machines to query.
    TooMany,
    /// The service could not be queried.
    Unavailable(Problem),
}

impl Runner {
    /// Records for each planned order of a run which offboarding of its machine is pending,
    /// or was carried out with its comment. Such orders are for display, not for sending.
    ///
    /// # Errors
    /// The ledger cannot be used.
    pub(crate) async fn dry_run(
        &self,
        run: RunId,
        planned: u64,
        again: bool,
    ) -> Result<DryRun, LedgerError> {
        if planned > MAX_MACHINES {
            return Ok(DryRun::TooMany);
        }
        let mut after = 0;
        loop {
            let mut entries = self.session.planned(run, after, MAX_BATCH).await?;
            let Some(last) = entries.last().filter(|_| !self.stopped()) else {
                return Ok(DryRun::Complete);
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
                    .for_each(|action| order.record_blocking_action(action));
                is_blocked
            });
            self.session.save_all(&mut entries).await?;
        }
    }
}
