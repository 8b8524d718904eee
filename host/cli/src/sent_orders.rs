//! What this process knows in memory about the orders that it sent. It is shown if the ledger
//! cannot be read at the end.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::terminal::Terminal;
use offboard::{
    egress::{AuditedRequest, Phase},
    grant::Route,
    order::{Order, State},
    run::Event,
    text::clean,
};

/// The most recorded orders that are shown one by one. Those that may not be recorded are all
/// shown.
const MAX_LISTED: usize = 25;

/// The orders that this process sent. Copies are cheap and share their content.
#[derive(Clone, Default)]
pub(super) struct SentOrders(
    /// By machine id.
    Arc<Mutex<BTreeMap<String, SentOrder>>>,
);

/// The last known state of an order that was sent.
struct SentOrder {
    name: Option<String>,
    state: State,
    /// Whether the ledger has this state.
    is_recorded: bool,
    /// Whether its row was shown.
    is_shown: bool,
}

impl SentOrders {
    /// Keeps an order whose request is about to be sent.
    pub(super) fn request(&self, entry: &AuditedRequest<'_>) {
        // With or without an external id.
        if Route::of(entry.call) != Route::Offboard || entry.refusal.is_some() {
            return;
        }
        let mut orders = self.lock();
        match entry.phase {
            Phase::Decision => {
                let known = orders.remove(entry.subject);
                let order = SentOrder {
                    name: known.and_then(|order| order.name),
                    state: State::Unknown,
                    is_recorded: false,
                    is_shown: false,
                };
                orders.insert(entry.subject.to_owned(), order);
            }
            Phase::End
                if entry
                    .exchange
                    .is_some_and(|exchange| exchange.bytes_sent > 0) => {}
            Phase::End => {
                orders.remove(entry.subject);
            }
        }
    }

    /// Keeps the state of an order that was sent.
    pub(super) fn observe(&self, event: &Event) {
        let (order, is_recorded) = match event {
            Event::Changed { order } => (order, true),
            Event::NotRecorded { order, .. } | Event::Reconciling { order } => (order, false),
            Event::Retrying { order, .. } => {
                if let Some(machine) = order.order.machine() {
                    self.lock().remove(machine.as_str());
                }
                return;
            }
            _ => return,
        };
        self.set(&order.order, is_recorded);
    }

    fn set(&self, order: &Order, is_recorded: bool) {
        let Some(machine) = order.machine() else {
            return;
        };
        let mut orders = self.lock();
        match order.state() {
            State::Planned | State::NotSent | State::Skipped => {
                orders.remove(machine.as_str());
            }
            state => {
                let order = SentOrder {
                    name: order.name().map(ToOwned::to_owned),
                    state,
                    is_recorded,
                    is_shown: false,
                };
                orders.insert(machine.as_str().to_owned(), order);
            }
        }
    }

    /// Whether no order was sent.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// The rows of the run were shown, so that [`Self::show`] has nothing to add.
    pub(super) fn were_shown(&self) {
        for order in self.lock().values_mut() {
            order.is_shown = true;
        }
    }

    /// Shows the orders that were sent and whose rows were not shown.
    pub(super) fn show(&self, terminal: &Terminal) {
        let orders = self.lock();
        let orders: Vec<_> = orders.iter().filter(|(_, order)| !order.is_shown).collect();
        if orders.is_empty() {
            return;
        }
        terminal.error("the rows of the run cannot be read from the ledger. This process sent:");
        let terminal = terminal.unmuted();
        let mut left = MAX_LISTED;
        let mut more = 0;
        for (machine, order) in orders {
            if order.is_recorded && left == 0 {
                more += 1;
                continue;
            }
            let recorded = if order.is_recorded {
                left -= 1;
                ""
            } else {
                "  (not recorded)"
            };
            let name = clean(order.name.as_deref().unwrap_or("-"));
            terminal.print(&format!("{} {machine} {name}{recorded}", order.state));
        }
        if more > 0 {
            terminal.print(&format!("and {more} more, which are recorded"));
        }
        terminal.help(
            "Do not offboard these machines again. When the ledger can be used, `offboard resume` \
             queries the outcomes. `offboard status MACHINE` shows what the service lists.",
        );
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, SentOrder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
