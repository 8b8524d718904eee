//! Drives orders: looks machines up, sends, settles what is unknown by asking,
//! and follows actions to their end. One machine at a time; a POST is never
//! repeated.

mod evidence;
mod facts;
mod follow;
mod look;
mod send;
mod verdict;

use std::time::Duration;

use tokio::sync::watch;

use crate::{
    connection::Connection,
    contract::Problem,
    egress::CallRecord,
    grant::Route,
    journal::{Journal, JournalError},
    order::Order,
    pace::{Pace, Slot},
    policy::Policy,
    sandbox::Sandbox,
};

pub use follow::TimeOver;
pub use look::{Listing, Preflight};

/// The most machines of one run, until there is a ledger.
pub const MAX_MACHINES: usize = 25;

/// A sandbox, a connection, and how patient to be.
pub struct Runner {
    /// Where the plugin is called.
    pub sandbox: Sandbox,
    /// The service.
    pub connection: Connection,
    /// How long to ask what became of a request without an answer.
    pub grace: Duration,
    /// The machines that are not offboarded, whoever orders it; asked when they
    /// are looked up.
    pub policy: Policy,
    /// How fast to ask.
    pub pace: Pace,
    stop: watch::Receiver<bool>,
}

/// What happens while a run goes on; for people to see.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An order has changed.
    Changed(&'a Order),
    /// A request has no answer; the service is asked what became of it.
    Asking(&'a Order),
    /// The service refused the token, and another one is there.
    Renewed,
    /// The service wants a pause.
    Waiting(Duration),
    /// Nothing more is sent.
    Stopped(&'a Problem),
    /// What was done could not be put on record.
    NotRecorded(&'a JournalError),
    /// What was accepted cannot be followed.
    CannotFollow(&'a Problem),
}

/// Why a run ended before its orders did.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Runner {
    /// A runner that ends when `stop` turns true: it finishes what is in
    /// flight and sends nothing more.
    #[must_use]
    pub fn new(
        sandbox: Sandbox,
        connection: Connection,
        grace: Duration,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self {
            sandbox,
            connection,
            grace,
            policy: Policy::default(),
            pace: Pace::default(),
            stop,
        }
    }

    /// Sends every planned order, one after the other. A problem that would
    /// meet them all ends the run; what was not sent stays planned.
    ///
    /// # Errors
    /// The journal cannot be written: nothing more was sent.
    pub async fn send(
        &self,
        orders: &mut [Order],
        journal: &mut Journal,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), RunError> {
        let count = orders.len();
        for (at, order) in orders.iter_mut().enumerate() {
            if self.stopped() {
                break;
            }
            let after = self.send_one(order, journal, observe).await?;
            observe(Event::Changed(order));
            match after {
                After::Go => {}
                After::Stop(problem) => {
                    observe(Event::Stopped(&problem));
                    break;
                }
                After::Wait(pause) if at + 1 < count => {
                    observe(Event::Waiting(pause));
                    self.pause(pause).await;
                }
                After::Wait(_) => {}
            }
        }
        Ok(())
    }

    /// Whether the service refused the token and another one is there now. One
    /// renewal serves the whole run.
    async fn renewed(&self, record: &CallRecord) -> bool {
        let (Some(exchange), Some(credential)) = (&record.exchange, &self.connection.credential)
        else {
            return false;
        };
        if exchange.status != Some(401) {
            return false;
        }
        tokio::select! {
            renewed = credential.renew(exchange.generation) => renewed.is_ok(),
            () = self.stopping() => false,
        }
    }

    fn stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Waits, and wakes early when the run is to end.
    async fn pause(&self, duration: Duration) {
        tokio::select! {
            () = tokio::time::sleep(duration) => {}
            () = self.stopping() => {}
        }
    }

    /// Waits until a call may leave; none where the run is to end before.
    async fn slot(&self, route: Route) -> Option<Slot<'_>> {
        tokio::select! {
            slot = self.pace.slot(route) => Some(slot),
            () = self.stopping() => None,
        }
    }

    /// Comes back when the run is to end.
    async fn stopping(&self) {
        let mut stop = self.stop.clone();
        if stop.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// What an order's outcome means for the orders after it.
enum After {
    Go,
    Wait(Duration),
    Stop(Problem),
}
