//! Sends what is planned: so many at once, within the quota, and settles what is
//! in doubt beside it. What would meet all orders alike ends the run; what is
//! left of it stays planned.

use std::{collections::VecDeque, mem, sync::Arc, time::Duration};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::Instant;
use tracing::{Instrument, Span, field, info_span, warn};

use super::{
    Event, Events, Runner,
    batch::{BATCH, Batch},
    reconcile::{Doubt, Round},
    submit::{After, How, Ready, backoff},
    tag::Tagging,
};
use crate::{
    contract::{Problem, Retry, Tag},
    ledger::{LedgerError, OrderRecord, RunId},
    order::{State, Verdict},
};

/// A line or a service that is down for so long ends a run of several.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// How often it is looked at in between, at least.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// So many orders are in doubt at once: as many as can be asked about in a minute.
const MOST_DOUBTS: usize = 100 * BATCH as usize;
/// Orders that are read from the ledger at once.
const PAGE: u32 = 500;

/// What is to be sent.
#[derive(Debug, Clone, Default)]
pub struct Sending {
    /// Machines that were offboarded before, too.
    pub again: bool,
    /// Also what may have been carried out, if after the grace time two lists
    /// show nothing of it: once, and not if the same session sent it.
    pub resend_unknown: bool,
    /// What each machine is tagged with before, where the token may.
    pub tag: Option<Tag>,
}

/// What has come back.
enum Landed {
    Left(State, Vec<OrderRecord>),
    Batch(Batch),
    Refused(Box<OrderRecord>),
    Sent(Box<Ready>, After),
    Round(Round),
}

type Flight<'a> = BoxFuture<'a, Result<Landed, LedgerError>>;

/// A run under way. Between its flights it waits for nothing: one of them may hold
/// the ledger, and goes on only while all of them are waited for.
struct Campaign<'a> {
    runner: &'a Runner,
    run: RunId,
    resend_unknown: bool,
    how: How<'a>,
    flying: FuturesUnordered<Flight<'a>>,
    sending: usize,
    /// Whether the service has answered an order in a way that the others need
    /// not share. Until then they go one by one.
    proved: bool,
    /// Ready to be sent.
    ready: VecDeque<Ready>,
    /// Whose turn comes again.
    later: Vec<(Instant, Ready)>,
    /// Orders whose list is old and could not be read again.
    unlisted: Vec<OrderRecord>,
    doubts: Vec<Doubt>,
    /// What was left in doubt before, by its state, and the last number of it that
    /// was looked at.
    left: VecDeque<(State, u64)>,
    recalling: bool,
    asking: bool,
    preparing: bool,
    /// A batch whose machines could not be asked about, and when to ask again.
    waiting: Option<(Instant, Batch)>,
    /// Since when nothing can be read, and how often it was tried.
    down: Option<(Instant, u32)>,
    /// Whether it was reported that listed actions are not kept.
    unkept: bool,
    /// The last order that was looked at; none where all were.
    after: Option<u64>,
    stop: Option<Problem>,
    failed: Option<LedgerError>,
}

impl Runner {
    /// Settles what is in doubt of a run, and sends what is planned and was
    /// looked at. Returns what ended it early, if something did; what was not
    /// sent stays planned.
    ///
    /// # Errors
    /// The ledger cannot be written: nothing more was sent.
    pub async fn send(
        &self,
        run: RunId,
        options: Sending,
        events: &Events,
    ) -> Result<Option<Problem>, LedgerError> {
        let ledger = self.session.ledger();
        let tagging = Tagging::new(options.tag);
        let mut campaign = Campaign {
            runner: self,
            run,
            resend_unknown: options.resend_unknown,
            how: How {
                again: options.again,
                patient: ledger.counts(run).await?.total() > 1,
                tagging: &tagging,
                events,
            },
            flying: FuturesUnordered::new(),
            sending: 0,
            proved: false,
            ready: VecDeque::new(),
            later: Vec::new(),
            unlisted: Vec::new(),
            doubts: Vec::new(),
            left: VecDeque::from([(State::Unknown, 0), (State::Rejected, 0)]),
            recalling: false,
            asking: false,
            preparing: false,
            waiting: None,
            down: None,
            unkept: false,
            after: Some(0),
            stop: None,
            failed: None,
        };
        let span = info_span!("run", %run);
        campaign.fly().instrument(span).await;
        let flushed = self.rate_limiter.flush().await;
        match campaign.failed {
            Some(error) => Err(error),
            None => flushed.map(|()| campaign.stop),
        }
    }
}

impl<'a> Campaign<'a> {
    /// Reads what was left in doubt before, as much as there is room for.
    fn recall(&mut self) {
        if self.recalling || self.doubts.len() >= MOST_DOUBTS {
            return;
        }
        let Some((state, after)) = self.left.pop_front() else {
            return;
        };
        self.recalling = true;
        let (runner, run) = (self.runner, self.run);
        self.flying.push(Box::pin(async move {
            let ledger = runner.session.ledger();
            let entries = ledger.entries_in(run, state, after, PAGE).await?;
            Ok(Landed::Left(state, entries))
        }));
    }

    /// Of what is unknown, what became of it is in doubt, and of what was refused
    /// because an action stood in its way, which. What this process sent itself
    /// was doubted when its answer was missed.
    fn land_left(&mut self, state: State, entries: Vec<OrderRecord>) {
        if let Some(last) = entries.last() {
            self.left.push_front((state, last.number));
        }
        let is_in_doubt = |entry: &OrderRecord| {
            let problem = entry.order.problem();
            state == State::Unknown
                || problem.is_some_and(|problem| problem.kind == "already-in-progress")
        };
        let session = &self.runner.session;
        for entry in entries {
            if is_in_doubt(&entry) && !session.is_its_own(&entry) {
                self.doubt(entry);
            }
        }
    }

    /// Queries the service about an order from now on. An order that this session sent is
    /// not resent: the user's choice covers what was unknown before, and each failed
    /// request would lead to the next one.
    fn doubt(&mut self, entry: OrderRecord) {
        let may_be_resent =
            entry.order.state() == State::Unknown && !self.runner.session.is_its_own(&entry);
        let resend = self.resend_unknown && may_be_resent;
        let doubt = Doubt::new(entry, self.runner.grace, resend);
        match doubt.is_settled_by_asking() {
            true => self.doubts.push(doubt),
            false => self.changed(&doubt.entry),
        }
    }

    fn changed(&self, entry: &OrderRecord) {
        self.how.events.send(Event::Changed {
            order: entry.into(),
        });
    }

    async fn fly(&mut self) {
        loop {
            let ends = self.runner.stopped() || self.failed.is_some();
            if !ends && self.stop.is_none() {
                self.launch();
            }
            if !ends {
                self.recall();
                self.ask();
            }
            if self.flying.is_empty() && (ends || self.is_over()) {
                return;
            }
            let wake = self.wake();
            tokio::select! {
                Some(landed) = self.flying.next(), if !self.flying.is_empty() => {
                    match landed {
                        Ok(landed) => self.land(landed),
                        Err(error) => { self.failed.get_or_insert(error); }
                    }
                }
                () = tokio::time::sleep_until(wake) => {}
                () = self.runner.stopping(), if !ends => {}
            }
        }
    }

    /// Nothing more to send, and nothing in doubt.
    fn is_over(&self) -> bool {
        let sent = self.after.is_none()
            && self.ready.is_empty()
            && self.later.is_empty()
            && self.unlisted.is_empty()
            && self.waiting.is_none();
        let asked = self.doubts.is_empty() && self.left.is_empty() && !self.recalling;
        asked && (sent || self.stop.is_some())
    }

    /// When there is something to do, even if nothing comes back.
    fn wake(&self) -> Instant {
        let later = self.later.iter().map(|(at, _)| *at);
        let doubts = self.doubts.iter().filter(|_| !self.asking);
        let wakes = later
            .chain(doubts.map(|doubt| doubt.due))
            .chain(self.waiting.iter().map(|(at, _)| *at));
        wakes
            .min()
            .unwrap_or_else(|| Instant::now() + LONGEST_BACKOFF)
    }

    /// Sends what may be sent now, and gets the next ready.
    fn launch(&mut self) {
        let now = Instant::now();
        let due: Vec<usize> = (0..self.later.len())
            .rev()
            .filter(|at| self.later[*at].0 <= now)
            .collect();
        for at in due {
            let (_, ready) = self.later.swap_remove(at);
            self.ready.push_front(ready);
        }
        let (runner, how) = (self.runner, self.how);
        let jobs = if self.proved { runner.jobs.max(1) } else { 1 };
        while self.sending < jobs
            && let Some(ready) = self.ready.pop_front()
        {
            self.sending += 1;
            let span = order_span(&ready.entry);
            let send = async move {
                let sent = runner.send_one(ready, how).await;
                sent.map(|(ready, after)| Landed::Sent(Box::new(ready), after))
            };
            self.flying.push(Box::pin(send.instrument(span)));
        }
        // In time: nobody waits for the next batch while the quota has room.
        if self.preparing || self.ready.len() >= runner.jobs.max(BATCH as usize / 2) {
            return;
        }
        if let Some((at, batch)) = self.waiting.take() {
            match at <= now {
                false => self.waiting = Some((at, batch)),
                true => self.prepare(batch),
            }
        } else if !self.unlisted.is_empty() {
            let count = self.unlisted.len().min(BATCH as usize);
            let entries = self.unlisted.drain(..count).collect();
            self.prepare(Batch::new(entries, self.after));
        } else if let Some(after) = self.after {
            self.preparing = true;
            let run = self.run;
            self.flying.push(Box::pin(async move {
                let batch = runner.next_batch(run, after, how.again).await?;
                Ok(Landed::Batch(batch))
            }));
        }
    }

    fn prepare(&mut self, mut batch: Batch) {
        self.preparing = true;
        let (runner, again) = (self.runner, self.how.again);
        self.flying.push(Box::pin(async move {
            runner.ask_before(&mut batch, again).await?;
            Ok(Landed::Batch(batch))
        }));
    }

    /// Asks about what is in doubt, many at once.
    fn ask(&mut self) {
        if self.asking {
            return;
        }
        let now = Instant::now();
        let mut due = Vec::new();
        let mut at = 0;
        while at < self.doubts.len() && due.len() < BATCH as usize {
            match self.doubts[at].due <= now {
                true => due.push(self.doubts.remove(at)),
                false => at += 1,
            }
        }
        if due.is_empty() {
            return;
        }
        self.asking = true;
        let (runner, events) = (self.runner, self.how.events);
        self.flying.push(Box::pin(async move {
            let round = runner.ask_about(due, events).await?;
            Ok(Landed::Round(round))
        }));
    }

    fn land(&mut self, landed: Landed) {
        match landed {
            Landed::Left(state, entries) => {
                self.recalling = false;
                self.land_left(state, entries);
            }
            Landed::Batch(batch) => {
                self.preparing = false;
                self.land_batch(batch);
            }
            Landed::Refused(entry) => self.changed(&entry),
            Landed::Sent(ready, after) => {
                self.sending -= 1;
                self.land_one(*ready, after);
            }
            Landed::Round(round) => {
                self.asking = false;
                self.doubts.extend(round.open);
                self.ready.extend(round.resend);
                for entry in round.over {
                    self.changed(&entry);
                }
            }
        }
    }

    fn land_one(&mut self, mut ready: Ready, after: After) {
        use After::{Ask, Done, Left, PutBack, Renewed, Stop, Unlisted, Unsent};
        self.proved |= matches!(after, Done | Ask | PutBack(_));
        if !matches!(after, PutBack(_) | Renewed) {
            ready.list.forget(&ready.entry);
        }
        match after {
            Left => {}
            Done | Unsent => self.changed(&ready.entry),
            PutBack(pause) => {
                ready.put_back();
                self.later.push((Instant::now() + pause, ready));
            }
            Renewed => {
                ready.put_back();
                self.ready.push_front(ready);
            }
            Ask => self.doubt(ready.entry),
            Unlisted => {
                // The query would fail for the others of its batch, too.
                let is_alike = |other: &Ready| Arc::ptr_eq(&other.list, &ready.list);
                let (alike, others) = mem::take(&mut self.ready).into_iter().partition(is_alike);
                self.ready = others;
                let alike: VecDeque<Ready> = alike;
                self.unlisted.push(ready.entry);
                self.unlisted
                    .extend(alike.into_iter().map(|other| other.entry));
            }
            Stop(problem) => {
                self.changed(&ready.entry);
                self.end_with(problem);
            }
        }
    }

    fn land_batch(&mut self, mut batch: Batch) {
        for entry in batch.settled.drain(..) {
            self.changed(&entry);
        }
        if let Some(problem) = batch.unkept.take()
            && !std::mem::replace(&mut self.unkept, true)
        {
            self.how.events.send(Event::ActionsNotKept {
                problem: problem.clone(),
            });
        }
        let Some(problem) = batch.fault.take() else {
            self.down = None;
            self.after = batch.last;
            let ready = |entry| Ready::new(entry, &batch.list);
            self.ready.extend(batch.entries.into_iter().map(ready));
            return;
        };
        let is_down = matches!(
            &*problem.kind,
            "no-answer" | "throttled" | "service-failure"
        );
        let (since, tries) = self.down.unwrap_or_else(|| (Instant::now(), 0));
        if is_down && self.how.patient && since.elapsed() < PATIENCE {
            self.down = Some((since, tries + 1));
            let pause = backoff(tries + 1).min(LONGEST_BACKOFF);
            self.how.events.send(Event::Waiting {
                problem: problem.clone(),
                after: pause,
            });
            self.waiting = Some((Instant::now() + pause, batch));
            return;
        }
        self.refuse(batch, &problem);
        self.end_with(problem);
    }

    /// The first order cannot be sent, because nothing can be read before; the
    /// others keep their turn.
    fn refuse(&mut self, batch: Batch, problem: &Problem) {
        let verdict = match &*problem.kind {
            "unauthorized" => Verdict::Rejected(problem.clone()),
            "plugin" | "interrupted" | "no-credential" | "no-authority" | "ledger" => {
                Verdict::NotSent(problem.clone())
            }
            _ => Verdict::NotSent(Problem {
                kind: "not-sent".into(),
                retry: Retry::Safe,
                ..problem.clone()
            }),
        };
        let Some(mut entry) = batch.entries.into_iter().next() else {
            return;
        };
        if problem.kind != "interrupted" {
            entry.order.settle(verdict);
        }
        let runner = self.runner;
        self.flying.push(Box::pin(async move {
            runner.session.save(&mut entry).await?;
            Ok(Landed::Refused(Box::new(entry)))
        }));
    }

    fn end_with(&mut self, problem: Problem) {
        if self.stop.is_none() && problem.kind != "interrupted" {
            warn!(kind = &*problem.kind, "the run sends nothing more");
            self.how.events.send(Event::Stopped {
                problem: problem.clone(),
            });
        }
        self.stop.get_or_insert(problem);
    }
}

/// What is logged while one order is sent. It has ids only: a comment may name people.
fn order_span(entry: &OrderRecord) -> Span {
    let machine = entry.order.machine();
    info_span!(
        "order",
        number = entry.number,
        machine = machine.map(field::display),
        attempt = entry.attempts + 1
    )
}
