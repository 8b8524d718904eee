//! Asking what became of requests without an answer, and what stands in the way
//! of those that were refused: many machines with one call, until the grace time
//! is over. Finding nothing proves nothing.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::time::Instant;
use tracing::debug;

use super::{Event, Events, Runner, batch::Shared, submit::Ready};
use crate::{
    contract::MachineAction,
    ledger::{LedgerError, OrderRecord},
    order::{State, Verdict},
    run::Listing,
};

const FIRST_QUESTION: Duration = Duration::from_millis(500);
const LAST_INTERVAL: Duration = Duration::from_secs(5);
/// How long a question may take beyond the end.
const LAST_QUESTION: Duration = Duration::from_secs(5);
/// So many lists have to show nothing before anything is sent again.
const EMPTY_LISTS: u32 = 2;
/// After so many questions beyond the grace time, it is over.
const MAX_LATE: u32 = 5;

/// An order that the service is asked about.
pub(super) struct Doubt {
    pub(super) entry: OrderRecord,
    /// When the next question is due.
    pub(super) due: Instant,
    until: Instant,
    interval: Duration,
    /// Sent again where nothing is found.
    resend: bool,
    empty: u32,
    late: u32,
}

impl Doubt {
    /// One that begins now.
    pub(super) fn new(entry: OrderRecord, grace: Duration, resend: bool) -> Self {
        let now = Instant::now();
        Self {
            entry,
            due: now,
            until: now.checked_add(grace).unwrap_or(now),
            interval: FIRST_QUESTION,
            resend,
            empty: 0,
            late: 0,
        }
    }

    /// Whether an answer could settle it.
    pub(super) fn is_settled_by_asking(&self) -> bool {
        let is_unknown = self.entry.order.state() == State::Unknown;
        self.resend || self.entry.known.is_some() || !is_unknown || self.is_under_way()
    }

    /// Whether the service refused the last request because an action is under way.
    fn is_under_way(&self) -> bool {
        let problem = self.entry.order.problem();
        problem.is_some_and(|problem| problem.kind == "already-in-progress")
    }

    /// The action that this order led to, or that stands in its way.
    fn found<'a>(&self, listing: &'a Listing) -> Option<&'a MachineAction> {
        let order = &self.entry.order;
        let machine = order.machine()?;
        let own = match (order.state(), &self.entry.known) {
            (State::Unknown, Some(known)) => {
                let named = self.entry.named.as_deref();
                listing.new_since(machine, known, order.comment(), named)
            }
            _ => None,
        };
        let in_the_way = || listing.pending(machine).filter(|_| self.is_under_way());
        own.or_else(in_the_way)
    }

    /// Whether the list shows nothing that this order could have led to.
    fn is_empty(&self, listing: &Listing) -> bool {
        let nothing = HashSet::new();
        let known = self.entry.known.as_ref().unwrap_or(&nothing);
        let machine = self.entry.order.machine();
        machine.is_some_and(|machine| listing.shows_only(machine, known))
    }

    /// Takes note of an answer.
    fn heard(&mut self, listing: Option<&Listing>) -> Heard {
        if let Some(listing) = listing {
            if let Some(action) = self.found(listing) {
                let is_own = action.requestor_comment.as_deref()
                    == Some(self.entry.order.comment().as_str());
                let known = self.entry.known.as_ref();
                let is_old =
                    known.is_some_and(|known| known.contains(&action.id.to_ascii_lowercase()));
                let order = &mut self.entry.order;
                order.settle(Verdict::Accepted(Box::new(action.clone())));
                if is_old || !is_own {
                    order.joined();
                }
                return Heard::Over;
            }
            if self.is_empty(listing) {
                self.empty += 1;
            }
        }
        let now = Instant::now();
        if now >= self.until {
            if self.resend
                && self.empty >= EMPTY_LISTS
                && let (Some(listing), Some(machine)) = (listing, self.entry.order.machine())
            {
                self.entry.known = listing.known(machine);
                return Heard::Resend;
            }
            self.late += 1;
            if !self.resend || self.late >= MAX_LATE {
                return Heard::Over;
            }
        }
        let left = self.until.saturating_duration_since(now);
        let wait = match left.is_zero() {
            true => self.interval,
            false => self.interval.min(left),
        };
        self.due = now + wait;
        self.interval = (self.interval * 2).min(LAST_INTERVAL);
        Heard::Open
    }
}

/// What an answer means for a doubt.
enum Heard {
    /// There are more questions.
    Open,
    /// There are none.
    Over,
    /// It is sent again, by the user's own word. Until then it is as unknown as
    /// before.
    Resend,
}

/// What a round of questions left: what is over, what is to be sent again, and
/// what is still in doubt.
pub(super) struct Round {
    pub(super) resend: Vec<Ready>,
    pub(super) over: Vec<OrderRecord>,
    pub(super) open: Vec<Doubt>,
}

impl Runner {
    /// Asks about these, with one call.
    pub(super) async fn ask_about(
        &self,
        mut doubts: Vec<Doubt>,
        events: &Events,
    ) -> Result<Round, LedgerError> {
        for doubt in doubts
            .iter()
            .filter(|doubt| doubt.interval == FIRST_QUESTION)
        {
            if doubt.entry.order.state() == State::Unknown {
                events.send(Event::Reconciling {
                    order: (&doubt.entry).into(),
                });
            }
        }
        let last = doubts.iter().map(|doubt| doubt.until).max();
        let last = last.unwrap_or_else(Instant::now).max(Instant::now()) + LAST_QUESTION;
        let machines: Vec<_> = doubts
            .iter()
            .filter_map(|doubt| doubt.entry.order.machine().cloned())
            .collect();
        let machines: Vec<_> = machines.iter().collect();
        // The quota may keep a question waiting for longer than there is time.
        let asked = tokio::time::timeout_at(last, self.offboardings(&machines)).await;
        let listing = match asked {
            Ok(Ok(listing)) => Some(listing),
            Ok(Err(problem)) if problem.kind == "ledger" => None,
            _ => None,
        };
        let mut round = Round {
            resend: Vec::new(),
            over: Vec::new(),
            open: Vec::new(),
        };
        let mut resend = Vec::new();
        for mut doubt in doubts.drain(..) {
            match doubt.heard(listing.as_ref()) {
                Heard::Resend if !self.stopped() => resend.push(doubt.entry),
                Heard::Open if !self.stopped() => round.open.push(doubt),
                _ => round.over.push(doubt.entry),
            }
        }
        debug!(
            listed = listing.is_some(),
            open = round.open.len(),
            settled = round.over.len(),
            resend = resend.len(),
            "reconciled orders"
        );
        // One more list, right before they are sent.
        let list = Arc::new(Shared::new(&resend));
        let resend = resend.into_iter().map(|entry| Ready::new(entry, &list));
        round.resend = resend.collect();
        if let Err(error) = self.session.save_all(&mut round.over).await {
            for entry in &round.over {
                if entry.order.state() == State::Accepted {
                    events.send(Event::not_recorded(entry, &error));
                }
            }
            return Err(error);
        }
        Ok(round)
    }
}
