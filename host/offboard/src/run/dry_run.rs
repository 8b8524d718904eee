//! What a run would meet, for whoever only wants to know: offboardings of its
//! machines that are under way, or that stand for an order already. A run itself asks right before it sends.

use super::{
    batch::{BATCH, shown},
    runner::Runner,
};
use crate::{
    contract::{MachineId, Problem},
    ledger::{Entry, LedgerError, RunId},
};

/// Of more machines it is not asked: each call takes from the quota of the run
/// that comes after.
const MOST: u64 = 1000;

/// Whether the service was asked.
#[derive(Debug)]
pub enum Rehearsed {
    /// What is under way stands in the orders.
    Yes,
    /// There are too many machines.
    TooMany,
    /// It could not be asked.
    No(Problem),
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
    ) -> Result<Rehearsed, LedgerError> {
        if planned > MOST {
            return Ok(Rehearsed::TooMany);
        }
        let mut after = 0;
        loop {
            let mut entries = self.session.planned(run, after, BATCH).await?;
            let Some(last) = entries.last().filter(|_| !self.stopped()) else {
                return Ok(Rehearsed::Yes);
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
                Err(problem) => return Ok(Rehearsed::No(problem)),
            };
            entries.retain_mut(|Entry { order, .. }| {
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
