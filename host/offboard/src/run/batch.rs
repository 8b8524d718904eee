//! What the service lists for machines right before their requests are sent: their
//! actions, with one call for many machines. The list later distinguishes a new action
//! from an old one without comparing clocks.

use std::{
    collections::BTreeMap,
    sync::{self, Arc, PoisonError},
    time::Duration,
};

use tokio::sync::Mutex;

use super::{Listing, Runner, Since, preflight::stand_aside};
use crate::{
    contract::{ActionStatus, MachineAction, MachineId, Problem, Retry},
    grant::ClockReading,
    ledger::{Entry, LedgerError, RunId},
    order::{Order, Verdict},
};

/// Machines of one question: their filter fits into the shortest limit of a URL
/// that servers are known for, 2 KiB.
pub(super) const BATCH: u32 = 20;

const UNKEPT: &str = "the service lists more actions that may belong to a machine than can be kept, \
    so a request without an answer stays unknown";

/// A list that was asked for longer ago than this when a request may be sent is read again:
/// another run may have offboarded the machine meanwhile. No request leaves later.
pub(super) const FRESH: Duration = Duration::from_secs(5);

/// Orders that are ready to be sent.
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    /// What the service lists for their machines.
    pub(super) list: Arc<Shared>,
    /// Orders that were settled on the way.
    pub(super) settled: Vec<Entry>,
    /// The last number that was looked at; none where there are no more.
    pub(super) last: Option<u64>,
    /// Why they are not ready after all.
    pub(super) fault: Option<Problem>,
    /// Why a lost answer cannot be looked up later.
    pub(super) unkept: Option<Problem>,
}

impl Batch {
    /// These orders, with a list that was not read yet.
    pub(super) fn new(entries: Vec<Entry>, last: Option<u64>) -> Self {
        Self {
            list: Arc::new(Shared::new(&entries)),
            entries,
            settled: Vec::new(),
            last,
            fault: None,
            unkept: None,
        }
    }
}

/// What the service lists for a machine; `None` if this token may not list actions.
type Listed = Result<Option<Arc<Listing>>, Problem>;

/// The list that the orders of one batch share, so that reading it again is one
/// call for all of them, and not one call each.
pub(super) struct Shared {
    /// The machines whose orders are still to be sent, by the order's number.
    machines: sync::Mutex<BTreeMap<u64, MachineId>>,
    /// The last answer, and when it was asked for. The lock is held while the list is read: the
    /// other orders of the batch wait for that answer. This cannot deadlock: only futures
    /// in flight wait for the lock, and its holder waits for none of them.
    last: Mutex<Option<(ClockReading, Listed)>>,
}

impl Shared {
    pub(super) fn new(entries: &[Entry]) -> Self {
        let machine = |entry: &Entry| Some((entry.number, entry.order.machine()?.clone()));
        Self {
            machines: sync::Mutex::new(entries.iter().filter_map(machine).collect()),
            last: Mutex::new(None),
        }
    }

    /// This order no longer needs a list.
    pub(super) fn forget(&self, entry: &Entry) {
        self.machines().remove(&entry.number);
    }

    fn machines(&self) -> sync::MutexGuard<'_, BTreeMap<u64, MachineId>> {
        self.machines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last list, if it is fresh and was asked for after this moment; otherwise it is
    /// read. And when it was asked for: what it shows may be as old as that.
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
    /// The next orders of a run.
    pub(super) async fn next_batch(
        &self,
        run: RunId,
        after: u64,
        again: bool,
    ) -> Result<Batch, LedgerError> {
        let entries = self.session.planned(run, after, BATCH).await?;
        let last = entries.last().map(|entry| entry.number);
        let mut ready = Vec::new();
        let mut settled = Vec::new();
        for mut entry in entries {
            // What was not looked at is not sent.
            if entry.order.machine().is_none() || entry.order.look().is_none() {
                continue;
            }
            match self.session.taken(&entry, again).await? {
                None => ready.push(entry),
                Some(taken) => {
                    stand_aside(&mut entry.order, &taken);
                    self.session.save(&mut entry).await?;
                    settled.push(entry);
                }
            }
        }
        let mut batch = Batch::new(ready, last);
        batch.settled = settled;
        self.ask_before(&mut batch, again).await?;
        Ok(batch)
    }

    /// Lists what is known, and settles what the service has already.
    pub(super) async fn ask_before(
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
                batch.fault = Some(problem);
                return Ok(());
            }
        };
        batch.fault = None;
        let mut done = Vec::new();
        for mut entry in std::mem::take(&mut batch.entries) {
            match self.is_over(&mut entry, listing.as_deref(), again).await? {
                true => done.push(entry),
                false => {
                    if listing.is_some() && entry.known.is_none() {
                        batch.unkept = Some(Problem::new("rejected", Retry::Never, UNKEPT));
                    }
                    batch.entries.push(entry);
                }
            }
        }
        self.session.save_all(&mut done).await?;
        for entry in &done {
            batch.list.forget(entry);
        }
        batch.settled.extend(done);
        Ok(())
    }

    /// A batch's list, fresh and newer than this moment, and when it was asked for.
    pub(super) async fn listed(
        &self,
        list: &Shared,
        after: Option<ClockReading>,
    ) -> (ClockReading, Listed) {
        let read = |machines: Vec<MachineId>| async move {
            let machines: Vec<&MachineId> = machines.iter().collect();
            match self.offboardings(&machines).await {
                Ok(listing) => Ok(Some(Arc::new(listing))),
                // Without that permission an unknown outcome stays unknown. A filter
                // that the service does not take tells nothing either.
                Err(problem) if problem.kind == "forbidden" || problem.status == Some(400) => {
                    Ok(None)
                }
                Err(problem) => Err(problem),
            }
        };
        list.after(after, read).await
    }

    /// Keeps what is known of an order's machine. Returns whether the service already has
    /// this order, word for word; then it is settled and has to be saved. A ledger can
    /// lose its last commits with its disk, and the order may come from another ledger,
    /// or from none.
    pub(super) async fn is_over(
        &self,
        entry: &mut Entry,
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
        match self.session.taken(entry, false).await? {
            // Another process of this ledger sent it meanwhile.
            Some(taken) => stand_aside(&mut entry.order, &taken),
            None => take_on(&mut entry.order, action, listing),
        }
        Ok(true)
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
        "the service has carried it out with the same comment, by action {}",
        action.id
    );
    let since = Since::of(order.seen(), &action.json).but_failed(failed_later);
    order.skip(since.problem(&what));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::Cell;

    use super::*;
    use crate::{
        ledger::{Ledger, Plan, Session, Who},
        order::Target,
    };

    async fn entries(count: usize) -> Vec<Entry> {
        let ledger = Ledger::in_memory().await.unwrap();
        let who = Who::new(None, "0", "https://api.example.test");
        let session = Session::begin(&ledger, &who, "run").await.unwrap();
        let plan = |at| Plan {
            target: Target::Id(format!("{at:040x}").parse().unwrap()),
            comment: "Lost".parse().unwrap(),
            called: None,
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
        let list = Shared::new(&entries);
        let asked = Cell::new(Vec::new());
        let read = |machines: Vec<MachineId>| async {
            let mut all = asked.take();
            all.push({ machines }.len());
            asked.set(all);
            // The others come while this one is read.
            tokio::task::yield_now().await;
            Ok(None)
        };
        let all = entries.iter().map(|_| list.after(None, &read));
        futures_util::future::join_all(all).await;
        assert_eq!(asked.take(), [20]);
        // Of the remaining orders, only those that are still to be sent are listed.
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
        let list = Shared::new(&entries);
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
