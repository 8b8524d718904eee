//! Tracks accepted orders until their actions have ended: many with one call, at intervals.

use std::{
    ops::ControlFlow,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;
use tracing::{Instrument, info_span};

use super::{
    batch::MAX_BATCH, event::Event, event_stream::Events, listing::Listing, runner::Runner,
};
use crate::{
    contract::{MachineAction, Problem, Retry},
    ledger::{LedgerError, OrderRecord, RunId, now},
    order::{NOT_LISTED, State},
};

/// The number of orders that are read from the ledger at once.
const ORDERS_PAGE: u32 = 500;
const FIRST_INTERVAL: Duration = Duration::from_millis(500);
/// The quota is 100 calls per minute. This leaves most of it for other calls.
const LAST_TRACK_INTERVAL: Duration = Duration::from_secs(10);

/// How late a new action may be listed (unsourced), in milliseconds. An older action that is
/// not listed is not waited for.
const LISTED_LATE: i64 = 60_000;

/// How long after the deadline the last query may end.
const LAST_QUERY: Duration = Duration::from_secs(5);

impl Runner {
    /// Tracks every accepted order of a run until its action has ended or the deadline passes;
    /// then the others are pending. Without a deadline (`patience` is `None`), each action is
    /// queried once, and an order whose action could not be read gets the problem. An action that the service no longer lists is queried, but not waited
    /// for.
    ///
    /// # Errors
    /// The ledger cannot be used.
    pub(crate) async fn track(
        &self,
        run: RunId,
        patience: Option<Duration>,
        events: &Events,
    ) -> Result<(), LedgerError> {
        let span = info_span!("tracking", %run);
        self.track_all(run, patience, events).instrument(span).await
    }

    async fn track_all(
        &self,
        run: RunId,
        patience: Option<Duration>,
        events: &Events,
    ) -> Result<(), LedgerError> {
        let down = AtomicBool::new(false);
        let Some(patience) = patience else {
            let swept = self.sweep(run, &down, IfUnread::Record, events).await;
            return swept.map(|_| ());
        };
        let failed = OnceLock::new();
        let ask = || async {
            let swept = self.sweep(run, &down, IfUnread::ReadAgain, events).await;
            swept.unwrap_or_else(|error| {
                let _ = failed.set(error);
                ControlFlow::Break(())
            })
        };
        let polled = self.poll(patience, ask).await;
        if let Some(error) = failed.into_inner() {
            return Err(error);
        }
        if polled.is_err() || self.stopped() {
            self.mark_pending(run).await?;
        }
        self.rate_limiter.flush().await
    }

    /// Queries every accepted order once. Breaks if none of their actions may still end. An
    /// outage of the service is reported once, until it answers again.
    async fn sweep(
        &self,
        run: RunId,
        down: &AtomicBool,
        if_unread: IfUnread,
        events: &Events,
    ) -> Result<ControlFlow<()>, LedgerError> {
        let seen = self.track_pages(run, events).await?;
        let mut has_open = seen.has_open;
        for state in [State::Accepted, State::Pending] {
            let mut after = 0;
            loop {
                let ledger = self.session.ledger();
                let page = ledger.entries_in(run, state, after, ORDERS_PAGE).await?;
                let Some(last) = page.last() else {
                    break;
                };
                after = last.number;
                let mut page: Vec<OrderRecord> =
                    page.into_iter().filter(|entry| !seen.has(entry)).collect();
                for open in page.chunks_mut(MAX_BATCH as usize) {
                    if self.stopped() {
                        break;
                    }
                    if self
                        .sweep_batch(run, open, down, if_unread, events)
                        .await?
                        .is_break()
                    {
                        return Ok(ControlFlow::Break(()));
                    }
                    has_open |= open.iter().any(is_open);
                }
                if self.stopped() {
                    break;
                }
            }
        }
        if has_open {
            Ok(ControlFlow::Continue(()))
        } else {
            Ok(ControlFlow::Break(()))
        }
    }

    /// Queries these orders with one call. Breaks if all later queries would fail.
    async fn sweep_batch(
        &self,
        run: RunId,
        open: &mut [OrderRecord],
        down: &AtomicBool,
        if_unread: IfUnread,
        events: &Events,
    ) -> Result<ControlFlow<()>, LedgerError> {
        match self.statuses(open).await {
            Ok(listing) => {
                down.store(false, Ordering::Relaxed);
                self.learn_from(open, &listing).await?;
                self.apply_listing(open, &listing, events).await?;
            }
            Err(problem) if ends_tracking(&problem) => {
                self.record_tracking_problem(run, &problem).await?;
                events.send(Event::TrackingStopped { problem });
                return Ok(ControlFlow::Break(()));
            }
            Err(problem) if problem.kind == "interrupted" => {}
            // The service is busy or the connection failed. The next query may be
            // answered.
            Err(problem) => {
                if if_unread == IfUnread::Record {
                    for entry in open.iter_mut() {
                        entry.order.record_tracking_problem(problem.clone());
                    }
                    self.session.save_all(open).await?;
                }
                if !down.swap(true, Ordering::Relaxed) {
                    events.send(if_unread.event(problem));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Applies the listed statuses to these orders, and records those that change. The orders
    /// may then be in another sequence.
    pub(super) async fn apply_listing(
        &self,
        open: &mut [OrderRecord],
        listing: &Listing,
        events: &Events,
    ) -> Result<(), LedgerError> {
        let mut changed = 0;
        for at in 0..open.len() {
            let had_problem = open[at].order.problem().is_some();
            if apply_status(&mut open[at], listing, events) || had_problem {
                open.swap(changed, at);
                changed += 1;
            }
        }
        if changed == 0 {
            return Ok(());
        }
        self.session.save_all(&mut open[..changed]).await
    }

    /// Applies the status of an action to the ledger's orders of that action, as tracking does:
    /// to those that are accepted or pending. An order that another process is sending is not
    /// changed, and a change that another process recorded meanwhile stays.
    ///
    /// # Errors
    /// The ledger cannot be used.
    pub(crate) async fn record_status(
        &self,
        action: &MachineAction,
        events: &Events,
    ) -> Result<(), LedgerError> {
        let mut orders = self.session.open_orders_of(&action.id).await?;
        let listing = Listing::of_actions(vec![action.clone()]);
        orders.retain_mut(|entry| {
            let had_problem = entry.order.problem().is_some();
            let was_pending = entry.order.state() == State::Pending;
            let is_changed = apply_status(entry, &listing, events);
            // The deadline of its run has passed, whatever the action does now.
            if was_pending {
                entry.order.mark_pending();
            }
            is_changed || had_problem
        });
        if orders.is_empty() {
            return Ok(());
        }
        self.session.save_all(&mut orders).await
    }

    async fn record_tracking_problem(
        &self,
        run: RunId,
        problem: &Problem,
    ) -> Result<(), LedgerError> {
        self.each_accepted(run, |entry| {
            entry.order.record_tracking_problem(problem.clone())
        })
        .await
    }

    async fn mark_pending(&self, run: RunId) -> Result<(), LedgerError> {
        self.each_accepted(run, |entry| entry.order.mark_pending())
            .await
    }

    async fn each_accepted(
        &self,
        run: RunId,
        change: impl Fn(&mut OrderRecord),
    ) -> Result<(), LedgerError> {
        let mut after = 0;
        loop {
            let ledger = self.session.ledger();
            let mut open = ledger.entries_in(run, State::Accepted, after, 500).await?;
            let Some(last) = open.last() else {
                return Ok(());
            };
            after = last.number;
            open.iter_mut().for_each(&change);
            self.session.save_all(&mut open).await?;
        }
    }

    /// Calls `ask` now, and again at intervals, until it breaks.
    ///
    /// # Errors
    /// The deadline has passed, or the run is to end.
    pub async fn poll<F>(
        &self,
        patience: Duration,
        mut ask: impl FnMut() -> F,
    ) -> Result<(), TimeOver>
    where
        F: Future<Output = ControlFlow<()>>,
    {
        let end = Instant::now().checked_add(patience);
        let mut interval = FIRST_INTERVAL;
        loop {
            // A query that exceeds its time is cancelled.
            let last = end.and_then(|end| end.checked_add(LAST_QUERY));
            let asked = match last {
                Some(last) => tokio::time::timeout_at(last, ask()).await,
                None => Ok(ask().await),
            };
            match asked {
                Ok(ControlFlow::Break(())) => return Ok(()),
                Ok(ControlFlow::Continue(())) => {}
                Err(_) => return Err(TimeOver),
            }
            let now = Instant::now();
            let left = end.map_or(interval, |end| end.saturating_duration_since(now));
            if self.stopped() || left.is_zero() {
                return Err(TimeOver);
            }
            // If this fails, the next call fails, too.
            let _ = self.rate_limiter.flush().await;
            self.pause(interval.min(left)).await;
            interval = (interval * 3 / 2).min(LAST_TRACK_INTERVAL);
        }
    }
}

/// What happens if the service could not be read, and a later query may be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IfUnread {
    /// It is read again at the next interval.
    ReadAgain,
    /// There is no later query: the problem is recorded with the orders.
    Record,
}

impl IfUnread {
    fn event(self, problem: Problem) -> Event {
        match self {
            Self::ReadAgain => Event::StatusUnavailable { problem },
            Self::Record => Event::TrackingStopped { problem },
        }
    }
}

/// Applies the listed status of an order's action. Returns whether it is a new one.
pub(super) fn apply_status(entry: &mut OrderRecord, listing: &Listing, events: &Events) -> bool {
    let is_changed = match found(entry, listing) {
        Found::Changed(action) => {
            entry.order.track(*action);
            true
        }
        Found::Same => {
            entry.order.confirm_status();
            false
        }
        Found::NotListed if is_overdue(entry) => {
            let was_listed = !entry.order.is_not_listed();
            entry.order.mark_not_listed(not_listed_problem(entry));
            was_listed
        }
        Found::NotListed | Found::Nothing => false,
    };
    if is_changed {
        events.send(Event::Changed {
            order: (&*entry).into(),
        });
    }
    is_changed
}

/// Whether all later queries would have this problem.
fn ends_tracking(problem: &Problem) -> bool {
    matches!(
        &*problem.kind,
        "forbidden" | "unauthorized" | "no-credential" | "ledger"
    )
}

/// Whether an order's action may still end.
pub(super) fn is_open(entry: &OrderRecord) -> bool {
    matches!(entry.order.state(), State::Accepted | State::Pending) && !entry.order.is_not_listed()
}

/// Whether an order's action should be listed by now.
pub(super) fn is_overdue(entry: &OrderRecord) -> bool {
    entry.sent.is_none_or(|sent| now() - sent >= LISTED_LATE)
}

fn not_listed_problem(entry: &OrderRecord) -> Problem {
    let id = entry.order.action().map_or("", |action| &action.id);
    let message =
        format!("the service does not list action {id} any more, so its result cannot be read");
    Problem {
        reading: true,
        ..Problem::new(NOT_LISTED, Retry::Never, message)
    }
}

/// The deadline passed before the poll ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOver;

/// The result of a list for an order's action.
enum Found {
    /// It has another status.
    Changed(Box<MachineAction>),
    /// It has the same status.
    Same,
    /// The service did not list it.
    NotListed,
    /// The plugin left it out although the service listed it, or the order has no action.
    Nothing,
}

/// Whether an action can belong to the machine of an order: the service may leave out the
/// machine.
fn may_be_of(action: &MachineAction, entry: &OrderRecord) -> bool {
    let (named, own) = (action.machine_id.as_deref(), entry.order.machine());
    named
        .zip(own)
        .is_none_or(|(named, own)| own.as_str().eq_ignore_ascii_case(named))
}

fn found(entry: &OrderRecord, listing: &Listing) -> Found {
    let Some(known) = entry.order.action() else {
        return Found::Nothing;
    };
    let is_its = |action: &&MachineAction| action.id.eq_ignore_ascii_case(&known.id);
    match listing.actions().find(is_its) {
        // The status of another machine's action shows nothing about this one.
        Some(action) if !may_be_of(action, entry) => Found::Nothing,
        Some(action) if action.status != known.status => Found::Changed(Box::new(action.clone())),
        Some(_) => Found::Same,
        None if listing.shows(&known.id) => Found::Nothing,
        None => Found::NotListed,
    }
}
