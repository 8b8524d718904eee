//! Reads the actions of accepted orders: many with one call, and by its id each one that a
//! list lacks. The id alone decides, because the service may omit the machine and the comment.

use super::{
    listing::{ListedMachine, Listing},
    runner::Runner,
    track::is_overdue,
};
use crate::{
    contract::{ActionId, MachineId, Problem},
    ledger::OrderRecord,
    verify::names_machine,
};

impl Runner {
    /// Reads all actions with one call, or one by one if the service rejects the filter, which
    /// its documentation does not mention. An action that the list lacks is read by its id.
    pub(super) async fn statuses(&self, open: &[OrderRecord]) -> Result<Listing, Problem> {
        let machines = open.iter().filter_map(|entry| entry.order.machine());
        let machines: Vec<&MachineId> = machines.collect();
        let actions = open.iter().filter_map(|entry| entry.order.action());
        let sought = actions.map(|action| action.id.to_ascii_lowercase());
        match self.offboardings_until(&machines, &sought.collect()).await {
            Ok(mut listing) => {
                self.read_unlisted(open, &mut listing).await;
                Ok(listing)
            }
            Err(problem) if problem.kind == "rejected" => self.one_by_one(open).await,
            Err(problem) => Err(problem),
        }
    }

    /// Reads the actions that the list lacks although it should have them, and those that the
    /// service does not list by their machine.
    async fn read_unlisted(&self, open: &[OrderRecord], listing: &mut Listing) {
        for entry in open {
            let Some(action) = entry.order.action() else {
                continue;
            };
            let is_sought =
                is_overdue(entry) || listing.shows(&action.id) || !names_machine(&action.json);
            if listing.has(&action.id) || entry.order.is_not_listed() || !is_sought {
                continue;
            }
            let Ok(id) = action.id.parse::<ActionId>() else {
                continue;
            };
            match self.action(&id).await {
                Ok(action) => {
                    listing.extend(Listing::of_actions(vec![action]));
                }
                Err(problem) if problem.status == Some(404) => {}
                // It is not known whether the service has it.
                Err(_) => {
                    listing.keep_id(&action.id.to_ascii_lowercase(), ListedMachine::Unnamed);
                }
            }
        }
    }

    async fn one_by_one(&self, open: &[OrderRecord]) -> Result<Listing, Problem> {
        let mut actions = Vec::new();
        for entry in open {
            let id = entry
                .order
                .action()
                .and_then(|action| action.id.parse::<ActionId>().ok());
            let Some(id) = id else { continue };
            match self.action(&id).await {
                Ok(action) => actions.push(action),
                // Treated like an action that is not listed.
                Err(problem) if problem.status == Some(404) => {}
                Err(problem) => return Err(problem),
            }
        }
        Ok(Listing::of_actions(actions))
    }
}
