//! Reconciles orders whose outcome is unknown, and finds the actions that block rejected
//! orders. Each query is for many machines. Queries end with the grace time. An action that is
//! not listed may still exist.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::time::Instant;
use tracing::debug;

use super::{
    batch::SharedList, event::Event, event_stream::Events, listing::Listing, read::ACTIONS,
    ready::ReadyOrder, runner::Runner,
};
use crate::{
    contract::{ActionFilter, ActionType, MachineAction, MachineId, Problem},
    external_id::ExternalIdSupport,
    grant::Route,
    ledger::{LedgerError, OrderRecord},
    order::{State, Verdict},
    verify::Delivered,
};

const FIRST_INTERVAL: Duration = Duration::from_millis(500);
const LAST_QUERY_INTERVAL: Duration = Duration::from_secs(5);
/// How long after the grace time the last query may end.
const LAST_QUERY: Duration = Duration::from_secs(5);
/// How many lists have to be empty before an order is resent.
const EMPTY_LISTS: u32 = 2;
/// The most queries after the grace time for an order that is to be resent.
const MAX_LATE: u32 = 5;

/// An order that the service is queried about.
pub(super) struct Unresolved {
    pub(super) entry: OrderRecord,
    /// When the next query is due.
    pub(super) due: Instant,
    until: Instant,
    interval: Duration,
    /// Whether the order is resent if no action is found.
    resend: bool,
    empty: u32,
    late: u32,
}

impl Unresolved {
    /// The grace time begins now.
    pub(super) fn new(entry: OrderRecord, grace: Duration, resend: bool) -> Self {
        let now = Instant::now();
        Self {
            entry,
            due: now,
            until: now.checked_add(grace).unwrap_or(now),
            interval: FIRST_INTERVAL,
            resend,
            empty: 0,
            late: 0,
        }
    }

    /// Whether a query could resolve it.
    pub(super) fn is_resolvable(&self) -> bool {
        let is_unknown = self.entry.order.state() == State::Unknown;
        self.resend || self.entry.known.is_some() || !is_unknown || self.is_blocked()
    }

    /// Whether the service refused the last request because an action is pending.
    fn is_blocked(&self) -> bool {
        let problem = self.entry.order.problem();
        problem.is_some_and(|problem| problem.kind == "already-in-progress")
    }

    /// The action that this order led to, or that blocks it.
    fn found<'a>(
        &self,
        listing: &'a Listing,
        support: Option<ExternalIdSupport>,
    ) -> Option<&'a MachineAction> {
        let order = &self.entry.order;
        let machine = order.machine()?;
        let own = match (order.state(), &self.entry.known) {
            (State::Unknown, Some(known)) => {
                let named = self.entry.named.as_deref();
                listing.new_since(order, known, named, support)
            }
            _ => None,
        };
        let blocking = || listing.pending(machine).filter(|_| self.is_blocked());
        own.or_else(blocking)
    }

    /// Whether the list shows nothing that this order could have led to.
    fn is_empty(&self, listing: &Listing) -> bool {
        let nothing = HashSet::new();
        let known = self.entry.known.as_ref().unwrap_or(&nothing);
        let machine = self.entry.order.machine();
        machine.is_some_and(|machine| listing.shows_only(machine, known))
    }

    /// Applies the answer to a query; `None` if there was no answer.
    fn apply(
        &mut self,
        listing: Option<&Listing>,
        support: Option<ExternalIdSupport>,
    ) -> QueryResult {
        if let Some(listing) = listing {
            if let Some(action) = self.found(listing, support).cloned() {
                self.settle(action, support);
                return QueryResult::Closed;
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
                return QueryResult::Resend;
            }
            self.late += 1;
            if !self.resend || self.late >= MAX_LATE {
                return QueryResult::Closed;
            }
        }
        let left = self.until.saturating_duration_since(now);
        let wait = if left.is_zero() {
            self.interval
        } else {
            self.interval.min(left)
        };
        self.due = now + wait;
        self.interval = (self.interval * 2).min(LAST_QUERY_INTERVAL);
        QueryResult::Open
    }

    /// The action was found. It is adopted if it is older than the request, or belongs to
    /// another order.
    fn settle(&mut self, action: MachineAction, support: Option<ExternalIdSupport>) {
        let order = &mut self.entry.order;
        let is_own = order.owns(&action, support);
        let known = self.entry.known.as_ref();
        let is_old = known.is_some_and(|known| known.contains(&action.id.to_ascii_lowercase()));
        order.settle(Verdict::Accepted(Box::new(action)));
        if is_old || !is_own {
            order.mark_adopted();
        }
    }
}

/// The effect of an answer on an unresolved order.
enum QueryResult {
    /// It is queried again.
    Open,
    /// It is not queried again.
    Closed,
    /// It is resent, by the user's explicit choice. Until then it stays unknown.
    Resend,
}

/// The result of one query for its orders.
pub(super) struct Round {
    pub(super) resend: Vec<ReadyOrder>,
    pub(super) closed: Vec<OrderRecord>,
    pub(super) open: Vec<Unresolved>,
}

impl Runner {
    /// Queries the service about these orders, with one call.
    pub(super) async fn query(
        &self,
        unresolved: Vec<Unresolved>,
        events: &Events,
    ) -> Result<Round, LedgerError> {
        for one in &unresolved {
            if one.interval == FIRST_INTERVAL && one.entry.order.state() == State::Unknown {
                events.send(Event::Reconciling {
                    order: (&one.entry).into(),
                });
            }
        }
        let until = unresolved.iter().map(|one| one.until).max();
        let until = until.unwrap_or_else(Instant::now).max(Instant::now()) + LAST_QUERY;
        let machines = unresolved.iter();
        let machines: Vec<_> = machines
            .filter_map(|one| one.entry.order.machine())
            .collect();
        // The quota may delay a query beyond the grace time.
        let listing = tokio::time::timeout_at(until, self.offboardings(&machines)).await;
        let support = self.external_id_support().await?;
        let mut listing = listing.ok().and_then(Result::ok);
        if let Some(listing) = &mut listing {
            let read = self.read_named(&unresolved, listing);
            let _ = tokio::time::timeout_at(until, read).await;
        }
        let mut round = Round {
            resend: Vec::new(),
            closed: Vec::new(),
            open: Vec::new(),
        };
        let mut resend = Vec::new();
        for mut one in unresolved {
            match one.apply(listing.as_ref(), support) {
                QueryResult::Resend if !self.stopped() => resend.push(one.entry),
                QueryResult::Open if !self.stopped() => round.open.push(one),
                _ => {
                    if let Some(listing) = listing.as_ref() {
                        self.explain_block(&mut one, listing).await;
                    }
                    round.closed.push(one.entry);
                }
            }
        }
        debug!(
            listed = listing.is_some(),
            open = round.open.len(),
            settled = round.closed.len(),
            resend = resend.len(),
            "reconciled orders"
        );
        // Another list is read right before they are sent.
        let list = Arc::new(SharedList::new(&resend));
        let resend = resend
            .into_iter()
            .map(|entry| ReadyOrder::new(entry, &list));
        round.resend = resend.collect();
        if let Err(error) = self.session.save_all(&mut round.closed).await {
            for entry in &round.closed {
                if entry.order.state() == State::Accepted {
                    events.send(Event::not_recorded(entry, &error));
                }
            }
            return Err(error);
        }
        self.learn_from_lists(&round.closed).await?;
        Ok(round)
    }

    /// Reads the actions that answers named and the list lacks, by their ids.
    async fn read_named(&self, unresolved: &[Unresolved], listing: &mut Listing) {
        let named = unresolved.iter().filter_map(|one| one.entry.named.as_ref());
        for id in named {
            if !listing.has(id)
                && let Ok(id) = id.parse()
                && let Ok(action) = self.action(&id).await
                && action.action_type == ActionType::Offboard
            {
                listing.extend(Listing::of_actions(vec![action]));
            }
        }
    }

    /// Adds to an order that an action in progress blocks what the service lists of it.
    async fn explain_block(&self, one: &mut Unresolved, listing: &Listing) {
        let order = &mut one.entry.order;
        let (Some(machine), Some(problem)) = (order.machine(), order.problem()) else {
            return;
        };
        let is_blocked = problem.kind == "already-in-progress";
        if !is_blocked || order.action().is_some() || listing.pending(machine).is_some() {
            return;
        }
        let said = problem.message.as_deref().unwrap_or("it is in progress");
        let listed = match self.pending_action(machine).await {
            Some(action) => format!(
                "action {} of type {} ({})",
                action.id,
                action.action_type.name(),
                action.status.name()
            ),
            None => "no such action of the machine".to_owned(),
        };
        let problem = Problem {
            message: Some(format!("{said}; the service lists {listed}")),
            ..problem.clone()
        };
        order.settle(if order.state() == State::Unknown {
            Verdict::Unknown(problem)
        } else {
            Verdict::Rejected(problem)
        });
    }

    /// An action of any type of this machine that has not ended, if the service lists one.
    async fn pending_action(&self, machine: &MachineId) -> Option<MachineAction> {
        let filter = ActionFilter {
            machine_ids: vec![machine.to_string()],
            action_type: None,
            statuses: Vec::new(),
            created_after: None,
        };
        let list = || {
            self.sandbox
                .list_actions(&self.connection, &filter, None, ACTIONS)
        };
        let (page, record) = self.read(Route::ListActions, list).await.ok()?;
        let sent = Delivered::read(&record)?;
        page.actions.into_iter().find(|action| {
            let its = action.machine_id.as_deref();
            its.is_some_and(|id| id.eq_ignore_ascii_case(machine.as_str()))
                && !action.status.is_final()
                && sent.has_action(action)
        })
    }
}
