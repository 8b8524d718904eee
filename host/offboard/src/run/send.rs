//! Sends the planned orders of a run, and reconciles those with an unknown outcome. A pipeline
//! of a producer, workers and a reconciler decides what is next; one loop here executes it. A
//! problem that all orders would have stops the run, and the unsent orders stay planned.

use std::{
    future::Future,
    sync::{Mutex, atomic::AtomicBool},
    time::Duration,
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::Instant;
use tracing::{Instrument, Span, field, info_span, warn};

use super::{
    batch::Batch,
    event::Event,
    event_stream::Events,
    producer::{Produced, Producer, Production},
    ready::{NextStep, ReadyOrder, SendContext},
    reconcile::Round,
    reconciler::Reconciler,
    runner::Runner,
    tag::Tagging,
    workers::Workers,
};
use crate::{
    contract::{Problem, Retry, Tag},
    grant::ClockReading,
    ledger::{LedgerError, OrderRecord, RunId},
    order::{State, Verdict},
};

/// The longest time until the loop checks for due work.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// The number of orders that are read from the ledger at once.
const ORDERS_PAGE: u32 = 500;

/// How the orders of a run are sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct SendOptions {
    /// Whether machines that were offboarded before are offboarded again.
    pub(crate) again: bool,
    /// Whether orders with an unknown outcome are resent, if two lists after the grace time do
    /// not have their action. Each is resent once, and not if the same session sent it.
    pub(crate) resend_unknown: bool,
    /// The tag that each machine gets before its request, if the token has that permission.
    pub(crate) tag: Option<Tag>,
    /// When the preflight of the run began. A machine whose preflight is too old is read again.
    pub(crate) read_at: Option<ClockReading>,
}

/// The result of a future that was in flight.
enum Completed {
    Batch(Batch),
    Submission(Box<ReadyOrder>, NextStep),
    EarlierPage(State, Vec<OrderRecord>),
    Query(Round),
    Saved(Box<OrderRecord>),
}

/// What the loop may start.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Everything.
    Sending,
    /// Queries only: a problem has stopped the run.
    Reconciling,
    /// Nothing: the run is cancelled, or the ledger failed.
    Draining,
}

/// The main loop of a run. It owns all futures in flight.
struct Scheduler<'a> {
    runner: &'a Runner,
    run: RunId,
    context: SendContext<'a>,
    tagging: &'a Tagging,
    in_flight: FuturesUnordered<BoxFuture<'a, Result<Completed, LedgerError>>>,
    producer: Producer,
    workers: Workers,
    reconciler: Reconciler,
    /// The problem that has stopped the run.
    stopped_by: Option<Problem>,
    ledger_error: Option<LedgerError>,
}

impl Runner {
    /// Reconciles the unresolved orders of a run, and sends those that are planned and had
    /// their preflight. Returns the problem that stopped the run, if there is one; the unsent
    /// orders stay planned.
    ///
    /// # Errors
    /// The ledger cannot be written. Nothing more was sent.
    pub(crate) async fn send(
        &self,
        run: RunId,
        options: SendOptions,
        events: &Events,
    ) -> Result<Option<Problem>, LedgerError> {
        let is_batch = self.session.ledger().counts(run).await?.total() > 1;
        let runner = self.for_run(is_batch);
        let tagging = Tagging::new(options.tag);
        let throttling = Mutex::default();
        let has_refused_both = AtomicBool::new(false);
        let mut scheduler = Scheduler {
            runner: &runner,
            run,
            context: SendContext {
                again: options.again,
                is_batch,
                read_at: options.read_at,
                throttling: &throttling,
                has_refused_both: &has_refused_both,
                events,
            },
            tagging: &tagging,
            in_flight: FuturesUnordered::new(),
            producer: Producer::new(is_batch).within(self.throttling),
            workers: Workers::new(self.jobs),
            reconciler: Reconciler::new(self.grace, options.resend_unknown),
            stopped_by: None,
            ledger_error: None,
        };
        let span = info_span!("run", %run);
        scheduler.run_to_end().instrument(span).await;
        let flushed = self.rate_limiter.flush().await;
        match scheduler.ledger_error {
            Some(error) => Err(error),
            None => flushed.map(|()| scheduler.stopped_by),
        }
    }
}

impl<'a> Scheduler<'a> {
    /// Never await anything but `in_flight`, the clock and the cancellation here: a
    /// suspended future may hold the write lock of the ledger and continues only if it is
    /// polled, so awaiting anything else (the ledger, a rate limiter slot) would
    /// deadlock.
    async fn run_to_end(&mut self) {
        loop {
            let phase = self.phase();
            self.begin_due(phase);
            if self.in_flight.is_empty() && self.is_done(phase) {
                return;
            }
            let due = self.due(phase);
            tokio::select! {
                Some(completed) = self.in_flight.next(), if !self.in_flight.is_empty() => {
                    match completed {
                        Ok(completed) => self.complete(completed),
                        Err(error) => {
                            self.ledger_error.get_or_insert(error);
                        }
                    }
                }
                () = tokio::time::sleep_until(due) => {}
                () = self.runner.stopping(), if phase != Phase::Draining => {}
            }
        }
    }

    fn phase(&self) -> Phase {
        if self.runner.stopped() || self.ledger_error.is_some() {
            Phase::Draining
        } else if self.stopped_by.is_some() {
            Phase::Reconciling
        } else {
            Phase::Sending
        }
    }

    /// Whether nothing is left to do once nothing is in flight.
    fn is_done(&self, phase: Phase) -> bool {
        let is_sent = || self.producer.is_done() && self.workers.is_done();
        match phase {
            Phase::Sending => self.reconciler.is_done() && is_sent(),
            Phase::Reconciling => self.reconciler.is_done(),
            Phase::Draining => true,
        }
    }

    /// When something is due, unless a future completes earlier.
    fn due(&self, phase: Phase) -> Instant {
        let workers = self.workers.due();
        let producer = self.producer.due().filter(|_| self.workers.wants_orders());
        let dues = match phase {
            Phase::Sending => [self.reconciler.due(), workers, producer],
            Phase::Reconciling => [self.reconciler.due(), None, None],
            Phase::Draining => [None; 3],
        };
        let due = dues.into_iter().flatten().min();
        due.unwrap_or_else(|| Instant::now() + LONGEST_SLEEP)
    }

    /// Starts everything that is due.
    fn begin_due(&mut self, phase: Phase) {
        let now = Instant::now();
        if phase == Phase::Sending {
            while let Some(ready) = self.workers.next(now) {
                self.submit(ready);
            }
            if self.workers.wants_orders()
                && let Some(production) = self.producer.next(now)
            {
                self.produce(production);
            }
        }
        if phase != Phase::Draining {
            if let Some((state, after)) = self.reconciler.next_page() {
                self.read_earlier(state, after);
            }
            if let Some(unresolved) = self.reconciler.next_query(now) {
                let (runner, events) = (self.runner, self.context.events);
                self.begin(async move {
                    let round = runner.query(unresolved, events).await?;
                    Ok(Completed::Query(round))
                });
            }
        }
    }

    fn begin(&self, task: impl Future<Output = Result<Completed, LedgerError>> + Send + 'a) {
        self.in_flight.push(Box::pin(task));
    }

    fn submit(&self, ready: ReadyOrder) {
        let (runner, context, tagging) = (self.runner, self.context, self.tagging);
        let span = order_span(&ready.entry);
        let submit = async move {
            let (ready, step) = runner.submit(ready, context, tagging).await?;
            Ok(Completed::Submission(Box::new(ready), step))
        };
        self.begin(submit.instrument(span));
    }

    fn produce(&self, production: Production) {
        let (runner, run, again) = (self.runner, self.run, self.context.again);
        self.begin(async move {
            let batch = match production {
                Production::Read { after } => runner.read_batch(run, after, again).await?,
                Production::List(mut batch) => {
                    runner.compare_batch(&mut batch, again).await?;
                    *batch
                }
            };
            Ok(Completed::Batch(batch))
        });
    }

    fn read_earlier(&self, state: State, after: u64) {
        let (runner, run) = (self.runner, self.run);
        self.begin(async move {
            let ledger = runner.session.ledger();
            let page = ledger.entries_in(run, state, after, ORDERS_PAGE).await?;
            Ok(Completed::EarlierPage(state, page))
        });
    }

    fn complete(&mut self, completed: Completed) {
        match completed {
            Completed::Batch(batch) => self.complete_batch(batch),
            Completed::Submission(ready, step) => self.complete_submission(*ready, step),
            Completed::EarlierPage(state, page) => {
                for entry in self.reconciler.complete_page(state, page) {
                    // This session reconciles its own requests as soon as an answer is
                    // missing.
                    if !self.runner.session.is_its_own(&entry) {
                        self.reconcile(entry);
                    }
                }
            }
            Completed::Query(mut round) => {
                self.reconciler.complete_query(&mut round);
                self.workers.add(round.resend);
                for entry in &round.closed {
                    self.report(entry);
                }
            }
            Completed::Saved(entry) => self.report(&entry),
        }
    }

    fn complete_submission(&mut self, ready: ReadyOrder, step: NextStep) {
        self.workers.complete(step.is_confirmed());
        if !step.is_retry() {
            ready.list.forget(&ready.entry);
        }
        match step {
            NextStep::Leave => {}
            NextStep::Settled | NextStep::SettledUnsent => self.report(&ready.entry),
            NextStep::RetryAfter(pause) => self.workers.retry_after(ready, pause),
            NextStep::RetryNow | NextStep::RetryWithoutExternalId => self.workers.retry_now(ready),
            NextStep::Reconcile => self.reconcile(ready.entry),
            NextStep::Relist => {
                // The query would also fail for the other orders of its batch.
                let others = self.workers.take_batch(&ready.list);
                self.producer
                    .relist([ready.entry].into_iter().chain(others));
            }
            NextStep::StopRun(problem) => {
                self.report(&ready.entry);
                self.stop(problem);
            }
        }
    }

    fn complete_batch(&mut self, mut batch: Batch) {
        for entry in batch.settled.drain(..) {
            self.report(&entry);
        }
        if let Some(problem) = batch.unkept.take()
            && self.producer.is_first_unkept()
        {
            self.context.events.send(Event::ActionsNotKept { problem });
        }
        match self.producer.complete(batch, Instant::now()) {
            Produced::Ready(orders) => self.workers.add(orders),
            Produced::Waiting(problem, after) => {
                self.context.events.send(Event::Waiting { problem, after });
            }
            Produced::Failed(problem, first) => {
                if let Some(entry) = first {
                    self.settle_unsent(*entry, &problem);
                }
                self.stop(problem);
            }
        }
    }

    /// Settles an order that cannot be compared with the service's list. The others stay
    /// planned.
    fn settle_unsent(&self, mut entry: OrderRecord, problem: &Problem) {
        if problem.kind != "interrupted" {
            entry.order.settle(unsent_verdict(problem));
        }
        let runner = self.runner;
        self.begin(async move {
            runner.session.save(&mut entry).await?;
            Ok(Completed::Saved(Box::new(entry)))
        });
    }

    fn reconcile(&mut self, entry: OrderRecord) {
        let is_own = self.runner.session.is_its_own(&entry);
        if let Err(entry) = self.reconciler.add(entry, is_own) {
            self.report(&entry);
        }
    }

    fn report(&self, entry: &OrderRecord) {
        self.context.events.send(Event::Changed {
            order: entry.into(),
        });
    }

    fn stop(&mut self, problem: Problem) {
        if self.stopped_by.is_none() && problem.kind != "interrupted" {
            warn!(kind = &*problem.kind, "the run sends nothing more");
            self.context.events.send(Event::Stopped {
                problem: problem.clone(),
            });
        }
        self.stopped_by.get_or_insert(problem);
    }
}

/// The verdict on an order if the service's list could not be read.
fn unsent_verdict(problem: &Problem) -> Verdict {
    match &*problem.kind {
        "unauthorized" | "no-credential" | "wrong-tenant" | "no-authority" | "plugin"
        | "interrupted" | "ledger" | "audit" => Verdict::NotSent(problem.clone()),
        _ => Verdict::NotSent(Problem {
            kind: "not-sent".into(),
            retry: Retry::Safe,
            ..problem.clone()
        }),
    }
}

/// The log span of one order. It has ids only: a comment may name people.
fn order_span(entry: &OrderRecord) -> Span {
    let machine = entry.order.machine();
    info_span!(
        "order",
        number = entry.number,
        machine = machine.map(field::display),
        attempt = entry.attempts + 1
    )
}
