//! Following accepted orders to a true end state: all of them with one call,
//! at polite intervals.

use std::{ops::ControlFlow, time::Duration};

use tokio::time::Instant;

use super::{Event, Runner};
use crate::{
    contract::{ActionId, MachineAction, MachineId, Problem},
    order::{Order, State},
};

const FIRST_INTERVAL: Duration = Duration::from_millis(500);
/// 100 calls a minute is the quota; this leaves most of it to others.
const LAST_INTERVAL: Duration = Duration::from_secs(10);

/// How long the last question may take beyond the end.
const LAST_QUESTION: Duration = Duration::from_secs(5);

impl Runner {
    /// Follows every accepted order until it has ended or the time is over.
    pub async fn follow(
        &self,
        orders: &mut [Order],
        patience: Duration,
        observe: &mut dyn FnMut(Event<'_>),
    ) {
        let ask = async || {
            let mut open: Vec<&mut Order> = orders
                .iter_mut()
                .filter(|order| order.state() == State::Accepted)
                .collect();
            if open.is_empty() {
                return ControlFlow::Break(());
            }
            match self.statuses(&open).await {
                Ok(actions) => {
                    for order in &mut open {
                        if let Some(action) = newer(order, &actions) {
                            order.follow(action);
                            observe(Event::Changed(order));
                        }
                    }
                }
                Err(problem)
                    if matches!(problem.kind, "forbidden" | "unauthorized" | "no-credential") =>
                {
                    for order in &mut open {
                        order.cannot_follow(problem.clone());
                    }
                    observe(Event::CannotFollow(&problem));
                    return ControlFlow::Break(());
                }
                // A busy service or a line that drops: the next question may
                // be answered.
                Err(_) => {}
            }
            match open.iter().all(|order| order.state() != State::Accepted) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        if self.poll(patience, ask).await.is_err() {
            orders.iter_mut().for_each(Order::deadline);
        }
    }

    /// Asks at once, and again at polite intervals, until there is nothing
    /// more to ask.
    ///
    /// # Errors
    /// The time is over, or the run is to end.
    pub async fn poll(
        &self,
        patience: Duration,
        mut ask: impl AsyncFnMut() -> ControlFlow<()>,
    ) -> Result<(), TimeOver> {
        let end = Instant::now().checked_add(patience);
        let mut interval = FIRST_INTERVAL;
        loop {
            // A question that is still open well after the end is given up.
            let last = end.and_then(|end| end.checked_add(LAST_QUESTION));
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
            self.pause(interval.min(left)).await;
            interval = (interval * 3 / 2).min(LAST_INTERVAL);
        }
    }

    /// All with one call; one by one where the service does not take such a
    /// filter, which its documentation does not show.
    async fn statuses(&self, open: &[&mut Order]) -> Result<Vec<MachineAction>, Problem> {
        let machines: Vec<&MachineId> = open.iter().filter_map(|order| order.machine()).collect();
        match self.offboardings(&machines).await {
            Ok(listing) => Ok(listing.actions().cloned().collect()),
            Err(problem) if problem.kind == "rejected" => self.one_by_one(open).await,
            Err(problem) => Err(problem),
        }
    }

    async fn one_by_one(&self, open: &[&mut Order]) -> Result<Vec<MachineAction>, Problem> {
        let mut actions = Vec::new();
        for order in open {
            let id = order
                .action()
                .and_then(|action| action.id.parse::<ActionId>().ok());
            if let Some(id) = id {
                actions.push(self.action(&id).await?);
            }
        }
        Ok(actions)
    }
}

/// The time was over before there was nothing more to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOver;

/// The order's action, if its status is another than the one known.
fn newer(order: &Order, actions: &[MachineAction]) -> Option<MachineAction> {
    let known = order.action()?;
    actions
        .iter()
        .find(|action| action.id == known.id && action.status != known.status)
        .cloned()
}
