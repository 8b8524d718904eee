//! The progress of a run: owned events in a stream that a caller reads beside the run. An
//! unread stream neither blocks a run nor grows without bound: what it leaves out is in
//! the ledger.

use std::{
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::Stream;
use serde::{Serialize, Serializer, ser::SerializeStruct};
use tokio::sync::mpsc;

use crate::{
    contract::Problem,
    ledger::{LedgerError, OrderRecord},
    order::Order,
};

/// An unread stream keeps this many events. Later ones are left out and counted, except
/// those that end a run or a part of it.
const MAX_UNREAD: usize = 4096;

/// An order at the time of an event.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OrderSnapshot {
    /// The number of the order in its run, from 1.
    pub number: u64,
    /// The order.
    pub order: Order,
    /// The name of the machine in the list of the user, if the list has ids and names.
    pub listed_name: Option<String>,
}

impl From<&OrderRecord> for Box<OrderSnapshot> {
    fn from(entry: &OrderRecord) -> Self {
        Self::new(OrderSnapshot {
            number: entry.number,
            order: entry.order.clone(),
            listed_name: entry.called.clone(),
        })
    }
}

impl Serialize for OrderSnapshot {
    /// The order without its comment, which may name people.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let order = &self.order;
        let action = order.action();
        let mut object = serializer.serialize_struct("OrderSnapshot", 8)?;
        object.serialize_field("number", &self.number)?;
        object.serialize_field("target", &order.target().to_string())?;
        object.serialize_field("machineId", &order.machine().map(ToString::to_string))?;
        object.serialize_field("name", &order.name())?;
        object.serialize_field("state", &order.state())?;
        object.serialize_field("actionId", &action.map(|action| &action.id))?;
        let status = action.map(|action| action.status.name());
        object.serialize_field("actionStatus", &status)?;
        object.serialize_field("problem", &order.problem())?;
        object.end()
    }
}

/// What happens during a run.
///
/// As JSON, an event is an object. Its member `event` has the name of the variant in
/// kebab case, and durations are in milliseconds.
#[derive(Debug, Clone, Serialize)]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
#[non_exhaustive]
pub enum Event {
    /// The requests of a confirmed plan are sent from now on.
    Sending {
        /// The machines of the plan.
        machines: u64,
    },
    /// Accepted actions are tracked from now on.
    Tracking {
        /// The actions.
        actions: u64,
    },
    /// The preflight of a machine begins.
    Preflight {
        /// Its order.
        order: Box<OrderSnapshot>,
    },
    /// A page of the fleet was read.
    FleetRead {
        /// The machines that were read so far.
        machines: u64,
    },
    /// The token may not read a machine. Its order can be sent all the same.
    PreflightUnavailable {
        /// Its order.
        order: Box<OrderSnapshot>,
        /// The reason.
        problem: Problem,
    },
    /// The state of an order, or of its action, has changed.
    Changed {
        /// The order after the change.
        order: Box<OrderSnapshot>,
    },
    /// A request has no answer. The service is queried about its outcome.
    Reconciling {
        /// The order, whose outcome is unknown.
        order: Box<OrderSnapshot>,
    },
    /// A request was not sent or was put off, and will be sent later.
    Retrying {
        /// Its order.
        order: Box<OrderSnapshot>,
        /// The reason.
        problem: Problem,
        /// The time until then.
        #[serde(rename = "afterMs", serialize_with = "milliseconds")]
        after: Duration,
    },
    /// A machine has its tag. It is offboarded next.
    Tagged {
        /// Its order.
        order: Box<OrderSnapshot>,
    },
    /// A machine was not tagged. It is offboarded all the same.
    TagFailed {
        /// Its order.
        order: Box<OrderSnapshot>,
        /// The reason.
        problem: Problem,
    },
    /// The token may not tag. No further machine is tagged, and the run continues.
    TaggingStopped {
        /// The reason.
        problem: Problem,
    },
    /// The service refused the token, and there is a new one.
    TokenRenewed,
    /// The service asks for a pause, or cannot be reached. The run continues later.
    Waiting {
        /// The reason.
        problem: Problem,
        /// The time until then.
        #[serde(rename = "afterMs", serialize_with = "milliseconds")]
        after: Duration,
    },
    /// The next call waits for its turn. This is reported if the rate limiter was made with
    /// [`Events::rate_limit_reporter`].
    RateLimited {
        /// Whether the service asked for the pause. Otherwise the quota is used up.
        is_requested: bool,
        /// The time until then.
        #[serde(rename = "afterMs", serialize_with = "milliseconds")]
        after: Duration,
    },
    /// Another process has locked the ledger. This is reported if the ledger was opened with
    /// [`Events::ledger_reporter`].
    LedgerLocked {
        /// The id of that process, if the system names it.
        process: Option<u32>,
        /// How long the wait has lasted.
        #[serde(rename = "waitedMs", serialize_with = "milliseconds")]
        waited: Duration,
        /// How long it may last.
        #[serde(rename = "longestMs", serialize_with = "milliseconds")]
        longest: Duration,
    },
    /// Nothing more is sent.
    Stopped {
        /// The reason.
        problem: Problem,
    },
    /// The outcome of an order could not be recorded.
    NotRecorded {
        /// The order with its outcome.
        order: Box<OrderSnapshot>,
        /// The error of the ledger.
        error: String,
    },
    /// A cancellation was sent, and its outcome could not be recorded.
    CancellationNotRecorded {
        /// The error of the ledger.
        error: String,
    },
    /// The service lists too many actions to keep. A request without an answer stays
    /// unknown.
    ActionsNotKept {
        /// The reason.
        problem: Problem,
    },
    /// The status of accepted actions could not be read. It is read again later.
    StatusUnavailable {
        /// The reason.
        problem: Problem,
    },
    /// Accepted actions cannot be tracked.
    TrackingStopped {
        /// The reason.
        problem: Problem,
    },
    /// The stream was not read for too long, and left events out. The ledger has the
    /// state of every order.
    Lagged {
        /// How many events were left out.
        missed: u64,
    },
}

impl Event {
    pub(super) fn not_recorded(entry: &OrderRecord, error: &LedgerError) -> Self {
        Self::NotRecorded {
            order: entry.into(),
            error: error.to_string(),
        }
    }

    /// Whether the ledger does not show it, or the run or a part of it ends with it. There
    /// are only a few of them in a run.
    fn is_kept_unread(&self) -> bool {
        matches!(
            self,
            Self::Sending { .. }
                | Self::Tracking { .. }
                | Self::Stopped { .. }
                | Self::NotRecorded { .. }
                | Self::CancellationNotRecorded { .. }
                | Self::TaggingStopped { .. }
                | Self::TrackingStopped { .. }
                | Self::ActionsNotKept { .. }
        )
    }
}

fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    serializer.serialize_u64(milliseconds)
}

/// What is known of the events in a stream.
#[derive(Debug, Default)]
struct Unread {
    count: AtomicUsize,
    missed: AtomicU64,
}

/// The sending end of the progress of a run. Copies are cheap.
#[derive(Clone, Default)]
pub struct Events(Option<(mpsc::UnboundedSender<Event>, Arc<Unread>)>);

/// The progress of a run, as a stream. It ends when all [`Events`] are dropped.
///
/// A caller that drops it gets no events, and the run continues.
pub struct EventStream {
    receiver: mpsc::UnboundedReceiver<Event>,
    unread: Arc<Unread>,
}

/// The two ends of the progress of a run.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use offboard::run::{self, Event};
/// # async fn work(_: &run::Events) {}
/// let (events, mut stream) = run::events();
/// // `work` stands for `runner.send(run, options, &events)`.
/// let outcome = stream.during(work(&events), |event| match event {
///     Event::Changed { order } => println!("{} is {}", order.number, order.order.state()),
///     _ => {}
/// });
/// outcome.await;
/// # }
/// ```
#[must_use]
pub fn events() -> (Events, EventStream) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let unread = Arc::new(Unread::default());
    let events = Events(Some((sender, Arc::clone(&unread))));
    (events, EventStream { receiver, unread })
}

impl Events {
    /// For a caller that does not need the progress.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Sends an event. This never waits.
    pub(crate) fn send(&self, event: Event) {
        let Some((sender, unread)) = &self.0 else {
            return;
        };
        // Two senders at once may exceed the bound by one event each.
        if unread.count.load(Ordering::Relaxed) >= MAX_UNREAD && !event.is_kept_unread() {
            unread.missed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        unread.count.fetch_add(1, Ordering::Relaxed);
        if sender.send(event).is_err() {
            unread.count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_read = self.0.as_ref().is_some_and(|(to, _)| !to.is_closed());
        write!(formatter, "Events({is_read})")
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "EventStream({} unread)", self.receiver.len())
    }
}

impl Stream for EventStream {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let this = self.get_mut();
        match this.receiver.poll_recv(context) {
            Poll::Ready(Some(event)) => Poll::Ready(Some(this.read(event))),
            // It may be pending with events in it, so that other tasks get their turn.
            Poll::Pending if !this.receiver.is_empty() => Poll::Pending,
            other => this.lag().map_or(other, |lag| Poll::Ready(Some(lag))),
        }
    }
}

impl EventStream {
    /// Does some work and passes its events on, in the same task. Every event of the work
    /// is passed on before the result is returned.
    pub async fn during<T>(
        &mut self,
        work: impl Future<Output = T>,
        mut observe: impl FnMut(Event),
    ) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            let done = work.as_mut().poll(context);
            // Wakes this task when another one sends an event.
            while let Poll::Ready(Some(event)) = Pin::new(&mut *self).poll_next(context) {
                observe(event);
            }
            // The stream alone may be pending with events in it.
            while let Some(event) = self.next_now() {
                observe(event);
            }
            done
        })
        .await
    }

    /// The next event, if there is one already.
    fn next_now(&mut self) -> Option<Event> {
        match self.receiver.try_recv() {
            Ok(event) => Some(self.read(event)),
            Err(_) => self.lag(),
        }
    }

    fn read(&self, event: Event) -> Event {
        self.unread.count.fetch_sub(1, Ordering::Relaxed);
        event
    }

    /// That events were left out, if there were any since the last time.
    fn lag(&self) -> Option<Event> {
        let missed = self.unread.missed.swap(0, Ordering::Relaxed);
        (missed > 0).then_some(Event::Lagged { missed })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures_util::StreamExt;

    use super::*;
    use crate::{contract::Retry, order::Target};

    fn problem() -> Problem {
        Problem::new("throttled", Retry::Safe, "busy")
    }

    #[tokio::test]
    async fn an_unread_stream_is_bounded_and_keeps_the_end() {
        let (events, stream) = events();
        let more = 10;
        for _ in 0..MAX_UNREAD + more {
            events.send(Event::TokenRenewed);
        }
        events.send(Event::Stopped { problem: problem() });
        drop(events);
        let all: Vec<Event> = stream.collect().await;
        assert_eq!(all.len(), MAX_UNREAD + 2);
        assert!(matches!(all[MAX_UNREAD], Event::Stopped { .. }));
        assert!(matches!(all[MAX_UNREAD + 1], Event::Lagged { missed } if missed == more as u64));
    }

    #[tokio::test]
    async fn the_work_does_not_need_a_reader() {
        let (events, stream) = events();
        drop(stream);
        events.send(Event::TokenRenewed);
        Events::none().send(Event::TokenRenewed);
    }

    #[tokio::test]
    async fn the_events_come_before_the_result() {
        let (events, mut stream) = events();
        let mut seen = Vec::new();
        // More than one task may read at once (tokio, "cooperative scheduling").
        let many = 1000;
        let work = async {
            events.send(Event::FleetRead { machines: 0 });
            tokio::task::yield_now().await;
            for machines in 1..many {
                events.send(Event::FleetRead { machines });
            }
        };
        let observe = |event| match event {
            Event::FleetRead { machines } => seen.push(machines),
            other => panic!("{other:?}"),
        };
        stream.during(work, observe).await;
        assert_eq!(seen, Vec::from_iter(0..many));
    }

    #[test]
    fn an_event_is_an_object_without_the_comment() {
        let target = Target::Name("srv-1".to_owned());
        let order = Order::new(target, "Stolen by a person".parse().unwrap());
        let snapshot = OrderSnapshot {
            number: 3,
            order,
            listed_name: None,
        };
        let event = Event::Retrying {
            order: Box::new(snapshot),
            problem: problem(),
            after: Duration::from_millis(1500),
        };
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["event"], "retrying");
        assert_eq!(json["afterMs"], 1500);
        assert_eq!(json["order"]["number"], 3);
        assert_eq!(json["order"]["target"], "srv-1");
        assert_eq!(json["order"]["state"], "planned");
        assert!(!json.to_string().contains("Stolen"), "{json}");
    }
}
