//! Tracks many orders with few calls: lists all offboardings since the run's first request,
//! page by page, instead of those of a few machines with each call.

use std::collections::{BTreeSet, HashSet};

use jiff::{SignedDuration, Timestamp, Unit};

use super::{
    batch::MAX_BATCH,
    event_stream::Events,
    listing::Listing,
    read::{ACTIONS, check_next, not_delivered},
    runner::Runner,
    track::is_open,
};
use crate::{
    contract::{ActionFilter, ActionType, MachineAction, Problem},
    grant::Route,
    ledger::{LedgerError, OrderRecord, RunId},
    verify::Delivered,
};

/// The number of open orders from which the pages are read: three calls with a list of a few
/// machines each.
const MANY: u64 = 3 * MAX_BATCH as u64;
/// How far the clock of the service may be behind the one that recorded the first request.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_hours(1);

/// The orders whose actions were on the pages.
#[derive(Default)]
pub(super) struct Seen {
    /// Their numbers in the run.
    orders: HashSet<u64>,
    /// Whether the action of one of them may still end.
    pub(super) has_open: bool,
}

impl Seen {
    /// Whether the action of this order was on a page.
    pub(super) fn has(&self, entry: &OrderRecord) -> bool {
        self.orders.contains(&entry.number)
    }
}

impl Runner {
    /// Applies the statuses of all offboardings since the run's first request. Reads at most
    /// half as many pages as there would be lists of a few machines. An order that is not on
    /// them is not changed: only the list of its machine shows that its action is missing.
    ///
    /// # Errors
    /// The ledger cannot be used. If the service cannot be read, the result is incomplete.
    pub(super) async fn track_pages(
        &self,
        run: RunId,
        events: &Events,
    ) -> Result<Seen, LedgerError> {
        let mut seen = Seen::default();
        let (count, first_sent) = self.session.ledger().open_orders(run).await?;
        let since = first_sent.and_then(|sent| Timestamp::from_millisecond(sent).ok());
        let Some(since) = since.filter(|_| count >= MANY) else {
            return Ok(seen);
        };
        let since = since_first(since);
        let filter = filter_of(&since);
        let (mut cursor, mut read) = (None, 0);
        for _ in 0..count / u64::from(2 * MAX_BATCH) {
            if self.stopped() || seen.orders.len() as u64 >= count {
                break;
            }
            // The machines' own lists follow, and report a problem that remains.
            let Ok(page) = self.actions_page(&filter, cursor.as_deref()).await else {
                break;
            };
            self.apply_page(run, &page.listing, &mut seen, events)
                .await?;
            read += page.count;
            cursor = match page.next {
                Some(next) => Some(next),
                // For some services `$top` is the limit of the whole result (as in OData): a
                // full page is not the end.
                None if page.count >= ACTIONS as usize => Some(rest(&since, read)),
                None => break,
            };
        }
        Ok(seen)
    }

    /// Applies the statuses of a page to the run's orders of these actions.
    async fn apply_page(
        &self,
        run: RunId,
        listing: &Listing,
        seen: &mut Seen,
        events: &Events,
    ) -> Result<(), LedgerError> {
        let ids = listing
            .actions()
            .map(|action| action.id.to_ascii_lowercase());
        let ids: BTreeSet<String> = ids.collect();
        let mut orders = self.session.ledger().open_orders_with(run, &ids).await?;
        self.apply_listing(&mut orders, listing, events).await?;
        seen.orders.extend(orders.iter().map(|entry| entry.number));
        seen.has_open |= orders.iter().any(is_open);
        Ok(())
    }

    /// A page of actions, as egress delivered them.
    async fn actions_page(
        &self,
        filter: &ActionFilter,
        cursor: Option<&str>,
    ) -> Result<ActionsPage, Problem> {
        let (page, record) = self
            .read(Route::ListActions, || {
                self.sandbox
                    .list_actions(&self.connection, filter, cursor, ACTIONS)
            })
            .await?;
        let sent = Delivered::read(&record);
        check_next(sent.as_ref(), page.next.as_deref(), false)?;
        let sent = sent.ok_or_else(|| not_delivered("a list"))?;
        let count = sent.listed().map(Iterator::count).unwrap_or_default();
        let mut actions: Vec<MachineAction> = page.actions;
        actions
            .retain(|action| action.action_type == ActionType::Offboard && sent.has_action(action));
        Ok(ActionsPage {
            listing: Listing::of_actions(actions),
            count,
            next: page.next,
        })
    }
}

/// A page of the offboardings of all machines.
struct ActionsPage {
    listing: Listing,
    /// The number of actions of any kind on the page.
    count: usize,
    next: Option<String>,
}

/// The time from which a run's actions are listed, in the form that the contract requires.
fn since_first(sent: Timestamp) -> String {
    let since = sent.saturating_sub(CLOCK_SKEW).unwrap_or(sent);
    since.round(Unit::Second).unwrap_or(since).to_string()
}

/// Selects the offboardings since a time.
fn filter_of(since: &str) -> ActionFilter {
    ActionFilter {
        machine_ids: Vec::new(),
        action_type: Some(ActionType::Offboard),
        statuses: Vec::new(),
        created_after: Some(since.to_owned()),
    }
}

/// The query of the same list without its first actions. New actions move others to later
/// pages, so none of them is left out.
fn rest(since: &str, read: usize) -> String {
    format!(
        "$filter=type%20eq%20%27Offboard%27%20and%20creationDateTimeUtc%20gt%20{since}\
         &$orderby=creationDateTimeUtc%20desc&$top={ACTIONS}&$skip={read}"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The form that the contract and the service require.
    #[test]
    fn the_list_begins_at_a_time_in_whole_seconds() {
        let since = since_first("2026-11-28T15:10:11.734Z".parse().unwrap());
        assert_eq!(since, "2026-11-28T14:10:12Z");
        assert_eq!(filter_of(&since).created_after.as_ref(), Some(&since));
        let rest = rest(&since, 2000);
        assert!(rest.contains("%20gt%202026-11-28T14:10:12Z&"), "{rest}");
        assert!(rest.ends_with("&$top=1000&$skip=2000"), "{rest}");
    }
}
