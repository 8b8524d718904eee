//! The actions that the service lists for machines right before their requests are sent,
//! with one call for many machines. The list later distinguishes a new action from an old
//! one without comparing clocks.

use std::{
    collections::BTreeMap,
    sync::{self, Arc, PoisonError},
    time::Duration,
};

use tokio::sync::Mutex;

use super::{
    conflict::skip_conflicting, later_activity::LaterActivity, listing::Listing, runner::Runner,
};
use crate::{
    contract::{ActionStatus, MachineAction, MachineId, Problem, Retry},
    grant::ClockReading,
    ledger::{LedgerError, OrderRecord, RunId},
    order::{Order, Verdict},
};

/// Machines of one query: their filter fits into 2 KiB, the shortest limit of a URL that
/// servers are known for.
pub(super) const MAX_BATCH: u32 = 20;

const UNKEPT: &str = "the service lists more actions that may belong to a machine than can be kept, \
    so a request without an answer stays unknown";

/// A list that is older than this when a request may be sent is read again: another run
/// may have offboarded the machine meanwhile. No request leaves later.
pub(super) const FRESH: Duration = Duration::from_secs(5);

/// Orders that are compared with one list before they are sent.
pub(super) struct Batch {
    /// The orders that are still to be sent.
    pub(super) entries: Vec<OrderRecord>,
    /// What the service lists for their machines.
    pub(super) list: Arc<SharedList>,
    /// The orders that were settled without a request.
    pub(super) settled: Vec<OrderRecord>,
    /// The number of the last order that was read from the ledger; `None` if there are no
    /// more.
    pub(super) last: Option<u64>,
    /// Why the list could not be read. Then none of the orders can be sent.
    pub(super) problem: Option<Problem>,
    /// Why a request without an answer cannot be reconciled later.
    pub(super) unkept: Option<Problem>,
}

impl Batch {
    /// A batch whose list was not read yet.
    pub(super) fn new(entries: Vec<OrderRecord>, last: Option<u64>) -> Self {
        Self {
            list: Arc::new(SharedList::new(&entries)),
            entries,
            settled: Vec::new(),
            last,
            problem: None,
            unkept: None,
        }
    }
}

/// What the service lists for a machine; `None` if this token may not list actions.
type Listed = Result<Option<Arc<Listing>>, Problem>;

/// The list that the orders of one batch share, so that reading it again is one
/// call for all of them, and not one call each.
pub(super) struct SharedList {
    /// The machines of the orders to be sent, by the number of the order.
    machines: sync::Mutex<BTreeMap<u64, MachineId>>,
    /// The last answer, and when it was requested. The lock is held while the list is read, so
    /// that the other orders of the batch wait for that answer. This cannot deadlock: only
    /// futures in flight wait for the lock, and its holder waits for none of them.
    last: Mutex<Option<(ClockReading, Listed)>>,
}

impl SharedList {
    pub(super) fn new(entries: &[OrderRecord]) -> Self {
        let machine = |entry: &OrderRecord| Some((entry.number, entry.order.machine()?.clone()));
        Self {
            machines: sync::Mutex::new(entries.iter().filter_map(machine).collect()),
            last: Mutex::new(None),
        }
    }

    /// This order no longer needs a list.
    pub(super) fn forget(&self, entry: &OrderRecord) {
        self.machines().remove(&entry.number);
    }

    fn machines(&self) -> sync::MutexGuard<'_, BTreeMap<u64, MachineId>> {
        self.machines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last list, if it is fresh and was requested after this time; otherwise the list is
    /// read. Also returns when it was requested: its content may be as old as that.
    async fn after<F>(
        &self,
        after: Option<ClockReading>,
        read: impl FnOnce(Vec<MachineId>) -> F,
    ) -> (ClockReading, Listed)
    where
        F: Future<Output = Listed>,
    {
        let mut last = self.last.lock().await;
        if let Some((asked, listed)) = &*last
            && asked.is_within(FRESH, ClockReading::now())
            && after.is_none_or(|after| !asked.is_before(after))
        {
            return (*asked, listed.clone());
        }
        let machines = self.machines().values().cloned().collect();
        let asked = ClockReading::now();
        let listed = read(machines).await;
        *last = Some((asked, listed.clone()));
        (asked, listed)
    }
}

impl Runner {
    /// Reads the next planned orders of a run, and compares them with the service's list.
    pub(super) async fn read_batch(
        &self,
        run: RunId,
        after: u64,
        again: bool,
    ) -> Result<Batch, LedgerError> {
        let entries = self.session.planned(run, after, MAX_BATCH).await?;
        let last = entries.last().map(|entry| entry.number);
        let mut ready = Vec::new();
        let mut settled = Vec::new();
        for mut entry in entries {
            // An order without a preflight, because another process resumed the run as well,
            // gets one right before its request.
            if !entry.confirmed || entry.order.machine().is_none() {
                continue;
            }
            match self.session.conflict(&entry, again).await? {
                None => ready.push(entry),
                Some(conflict) => {
                    skip_conflicting(&mut entry.order, &conflict);
                    self.session.save(&mut entry).await?;
                    settled.push(entry);
                }
            }
        }
        let mut batch = Batch::new(ready, last);
        batch.settled = settled;
        self.compare_batch(&mut batch, again).await?;
        Ok(batch)
    }

    /// Lists the actions of a batch's machines, and settles the orders that the service
    /// already lists.
    pub(super) async fn compare_batch(
        &self,
        batch: &mut Batch,
        again: bool,
    ) -> Result<(), LedgerError> {
        if batch.entries.is_empty() {
            return Ok(());
        }
        let listing = match self.listed(&batch.list, Some(ClockReading::now())).await.1 {
            Ok(listing) => listing,
            Err(problem) => {
                batch.problem = Some(problem);
                return Ok(());
            }
        };
        batch.problem = None;
        let mut done = Vec::new();
        for mut entry in std::mem::take(&mut batch.entries) {
            let listing = listing.as_deref();
            if self.settle_if_listed(&mut entry, listing, again).await? {
                done.push(entry);
                continue;
            }
            if listing.is_some() && entry.known.is_none() {
                batch.unkept = Some(Problem::new("rejected", Retry::Never, UNKEPT));
            }
            batch.entries.push(entry);
        }
        self.session.save_all(&mut done).await?;
        for entry in &done {
            batch.list.forget(entry);
        }
        batch.settled.extend(done);
        Ok(())
    }

    /// The list of a batch, fresh and newer than this time, and when it was requested.
    pub(super) async fn listed(
        &self,
        list: &SharedList,
        after: Option<ClockReading>,
    ) -> (ClockReading, Listed) {
        let read = |machines: Vec<MachineId>| async move {
            let machines: Vec<&MachineId> = machines.iter().collect();
            match self.offboardings_of(&machines).await {
                Ok(listing) => Ok(Some(Arc::new(listing))),
                // Without that permission an unknown outcome stays unknown.
                Err(problem) if problem.kind == "forbidden" => Ok(None),
                Err(problem) => Err(problem),
            }
        };
        list.after(after, read).await
    }

    /// Records the known action ids of an order's machine. Returns whether the service already
    /// lists this order, with its external id or the same comment; then it is settled and has to be saved. A
    /// ledger can lose its last commits with its disk, and the action may come from another
    /// ledger, or from none.
    pub(super) async fn settle_if_listed(
        &self,
        entry: &mut OrderRecord,
        listing: Option<&Listing>,
        again: bool,
    ) -> Result<bool, LedgerError> {
        let machine = entry.order.machine();
        entry.known = machine.and_then(|machine| listing?.known(machine));
        let Some(listing) = listing.filter(|_| !again) else {
            return Ok(false);
        };
        let Some(action) = shown(&entry.order, listing) else {
            return Ok(false);
        };
        match self.session.conflict(entry, false).await? {
            // Another process with this ledger sent it in the meantime.
            Some(conflict) => skip_conflicting(&mut entry.order, &conflict),
            None => adopt(&mut entry.order, action, listing),
        }
        Ok(true)
    }
}

/// The action of this order in the service's list: of its machine, with its external id or its
/// comment, and pending or succeeded. See [`Order::is_carried_out_by`].
pub(super) fn shown(order: &Order, listing: &Listing) -> Option<MachineAction> {
    let machine = order.machine()?;
    let find = |fits: fn(&MachineAction) -> bool| {
        let mut same = listing.of(machine);
        same.find(|action| order.is_carried_out_by(action) && fits(action))
    };
    let pending = find(|action| !action.status.is_final());
    let succeeded = || find(|action| action.status == ActionStatus::Succeeded);
    pending.or_else(succeeded).cloned()
}

/// Adopts an action for the order. If the action has succeeded, the order is skipped.
fn adopt(order: &mut Order, action: MachineAction, listing: &Listing) {
    let is_own = order.has_external_id_of(&action);
    if !action.status.is_final() {
        order.settle(Verdict::Accepted(Box::new(action)));
        if is_own {
            order.record_external_id_sent(true);
        } else {
            order.mark_adopted();
        }
        return;
    }
    let failed_later = listing.failed_after(&action);
    let by = if is_own {
        "with the order's external id"
    } else {
        "with the same comment"
    };
    let what = format!(
        "the service has carried it out {by}, by action {}",
        action.id
    );
    let since = LaterActivity::of(order.device(), &action.json).but_failed(failed_later);
    order.skip(since.problem(&what));
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::Cell;

    use super::*;
    use crate::{
        ledger::{Ledger, NewOrder, Session, SessionInfo},
        order::Target,
    };

    /// Planned orders of a new ledger, from number 1.
    pub(in crate::run) async fn entries(count: usize) -> Vec<OrderRecord> {
        let ledger = Ledger::in_memory().await.unwrap();
        let who = SessionInfo::new(None, "0", "https://api.example.test");
        let session = Session::begin(&ledger, &who, "run").await.unwrap();
        let plan = |at| NewOrder {
            target: Target::Id(format!("{at:040x}").parse().unwrap()),
            comment: "Lost".parse().unwrap(),
            display_name: None,
        };
        let run = session.plan(
            uuid::Uuid::new_v4(),
            None,
            false,
            None,
            (0..count).map(plan),
        );
        ledger.entries(run.await.unwrap(), 0, 99).await.unwrap()
    }

    #[tokio::test]
    async fn a_batch_reads_an_old_list_once() {
        let entries = entries(20).await;
        let list = SharedList::new(&entries);
        let asked = Cell::new(Vec::new());
        let read = |machines: Vec<MachineId>| async {
            let mut all = asked.take();
            all.push({ machines }.len());
            asked.set(all);
            // The other orders request it while the first one reads it.
            tokio::task::yield_now().await;
            Ok(None)
        };
        let all = entries.iter().map(|_| list.after(None, &read));
        futures_util::future::join_all(all).await;
        assert_eq!(asked.take(), [20]);
        // Only orders that are still to be sent are listed.
        let later = Some(ClockReading::now());
        entries[..15].iter().for_each(|entry| list.forget(entry));
        let left = entries[15..].iter().map(|_| list.after(later, &read));
        futures_util::future::join_all(left).await;
        assert_eq!(asked.take(), [5]);
        list.after(None, &read).await.1.unwrap();
        assert!(asked.take().is_empty());
    }

    #[tokio::test]
    async fn a_list_that_could_not_be_read_is_not_asked_for_by_each() {
        let entries = entries(3).await;
        let list = SharedList::new(&entries);
        let asked = Cell::new(0);
        let read = |_: Vec<MachineId>| async {
            asked.set(asked.get() + 1);
            Err(Problem::new("no-answer", Retry::Safe, "down"))
        };
        for _ in &entries {
            assert!(list.after(None, &read).await.1.is_err());
        }
        assert_eq!(asked.get(), 1);
    }
}
