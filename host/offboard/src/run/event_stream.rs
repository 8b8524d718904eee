//! The progress of a run: events in a stream that a caller reads concurrently with the run. An
//! unread stream neither blocks a run nor grows without bound. Events that it drops are in the
//! ledger.

use std::{
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::Stream;
use tokio::sync::mpsc;

use super::event::Event;

/// The number of events that an unread stream keeps. Later ones are dropped and counted,
/// except those that end a run or a part of it.
const MAX_UNREAD: usize = 4096;

/// The number of unread and of dropped events.
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

    /// Sends an event. Never waits.
    pub(crate) fn send(&self, event: Event) {
        let Some((sender, unread)) = &self.0 else {
            return;
        };
        // Two concurrent senders may exceed the limit by one event each (a harmless race).
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
            // It may return pending with events in it, so that other tasks can run.
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
            // Registers a wake-up of this task for the next event.
            while let Poll::Ready(Some(event)) = Pin::new(&mut *self).poll_next(context) {
                observe(event);
            }
            // The stream may return pending with events in it.
            while let Some(event) = self.next_now() {
                observe(event);
            }
            done
        })
        .await
    }

    /// The next event, if there is already one.
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

    /// An event with the number of events that were dropped since the last one.
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
    use crate::contract::{Problem, Retry};

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
}
