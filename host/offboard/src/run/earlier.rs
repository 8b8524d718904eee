//! Earlier orders of the ledger whose actions had not ended when they were last read. They are
//! read again before another order of their machine is skipped because of them.

use std::collections::HashSet;

use super::{batch::MAX_BATCH, event_stream::Events, runner::Runner};
use crate::{
    contract::{MachineAction, MachineId},
    ledger::{ClaimConflict, LedgerError, OrderRecord},
    order::State,
};

impl Runner {
    /// Reads the actions of earlier orders that would block these orders, and records their
    /// status. If they cannot be read, the earlier orders keep their states.
    ///
    /// # Errors
    /// The ledger cannot be used.
    pub(super) async fn read_earlier_actions(
        &self,
        entries: &[OrderRecord],
        again: bool,
    ) -> Result<(), LedgerError> {
        let mut open: Vec<(MachineId, String)> = Vec::new();
        for entry in entries {
            let conflict = self.session.conflict(entry, again).await?;
            if let Some(ClaimConflict::Machine {
                state: State::Accepted | State::Pending,
                action: Some(action),
                ..
            }) = conflict
                && let Some(machine) = entry.order.machine()
            {
                open.push((machine.clone(), action.to_ascii_lowercase()));
            }
        }
        for batch in open.chunks(MAX_BATCH as usize) {
            let machines: Vec<&MachineId> = batch.iter().map(|(machine, _)| machine).collect();
            let sought: HashSet<String> = batch.iter().map(|(_, action)| action.clone()).collect();
            let listing = self.offboardings_until(&machines, &sought).await;
            let listing = listing.unwrap_or_default();
            for action in sought {
                if self.stopped() {
                    return Ok(());
                }
                let is_it = |one: &&MachineAction| one.id.eq_ignore_ascii_case(&action);
                let read = match (listing.actions().find(is_it), action.parse()) {
                    (Some(listed), _) => Some(listed.clone()),
                    (None, Ok(id)) => self.action(&id).await.ok(),
                    (None, Err(_)) => None,
                };
                if let Some(read) = read {
                    // It is not an order of this run.
                    self.record_status(&read, &Events::none()).await?;
                }
            }
        }
        Ok(())
    }
}
