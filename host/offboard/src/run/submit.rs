//! One POST: claimed and put on record before it leaves, and settled by what
//! egress saw of it.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tracing::{debug, info};

use super::{
    Event, Events, Listing, Runner, Since,
    batch::{FRESH, Shared},
    duration_ms,
    preflight::stand_aside,
    since::ended_before,
    status_of,
    tag::Tagging,
    verdict,
};
use crate::{
    contract::{ActionStatus, Problem, Retry},
    egress::CallRecord,
    grant::{ClockReading, Grant, LeaveBy, Route},
    ledger::{Entry, LedgerError, RequestId, Taken},
    order::{State, Verdict, is_for_all},
    verify::Delivered,
};

/// Where the service does not say how long to wait (unsourced): the quota's
/// shorter window.
const PAUSE: Duration = Duration::from_secs(60);
/// The longest pause that is waited out where others wait for it, too: the
/// quota's longer window, and a little.
const LONGEST_PAUSE: Duration = Duration::from_secs(65 * 60);
/// And where somebody waits for one machine.
const LONGEST_PAUSE_FOR_ONE: Duration = Duration::from_secs(120);
/// How often a run sends one order whose request was not sent or was put off.
const MAX_TRIES: u32 = 4;

/// An order that is ready to be sent.
pub(super) struct Ready {
    pub(super) entry: Entry,
    /// What the service lists for the machines of its batch.
    pub(super) list: Arc<Shared>,
    /// The list has to be newer than this.
    since: Option<ClockReading>,
    /// When the list that it was last compared with was asked for.
    listed: Option<ClockReading>,
    /// The service refused the token that it was sent with.
    is_renewed: bool,
}

impl Ready {
    pub(super) fn new(entry: Entry, list: &Arc<Shared>) -> Self {
        Self {
            entry,
            list: Arc::clone(list),
            since: None,
            listed: None,
            is_renewed: false,
        }
    }

    /// It was sent once. Before it is sent again, its list is read again.
    pub(super) fn put_back(&mut self) {
        self.since = Some(ClockReading::now());
    }
}

/// How the orders of a run are sent.
#[derive(Clone, Copy)]
pub(super) struct How<'a> {
    /// Machines that were offboarded before, too.
    pub(super) again: bool,
    /// Whether more than one machine waits: then a line may be down for a while.
    pub(super) patient: bool,
    pub(super) tagging: &'a Tagging,
    pub(super) events: &'a Events,
}

/// What an order's outcome means for itself and for the orders after it.
pub(super) enum After {
    /// It has settled by its answer.
    Done,
    /// It has settled without a request.
    Unsent,
    /// Its turn comes again after this.
    PutBack(Duration),
    /// Its turn comes again at once, with another token.
    Renewed,
    /// The service is to be asked what became of it, or what is in its way.
    Ask,
    /// The list of its batch could not be read. It has to be read again before anything
    /// is sent.
    Unlisted,
    /// It has settled, and the others would meet the same.
    Stop(Problem),
    /// Nothing was done, because the run is to end, or another has it.
    Left,
}

/// A request and what came of it.
struct Sent {
    request: RequestId,
    record: CallRecord,
    verdict: Verdict,
    /// Whether there is another token after the service refused this one.
    is_renewed: bool,
    /// Of an order that was resent: the action that the answer to its first request
    /// named.
    resent: Option<Option<String>>,
}

impl Runner {
    /// Sends one order, once. What is on record of it is what became of it, as
    /// far as it is known at once.
    ///
    /// The place in the quota is taken before the list is read again, so that the list is
    /// not old when the request is sent. This cannot deadlock: a task that holds a place
    /// for a list never waits for a place to offboard.
    pub(super) async fn send_one(
        &self,
        mut ready: Ready,
        how: How<'_>,
    ) -> Result<(Ready, After), LedgerError> {
        let Some(machine) = ready.entry.order.machine().cloned() else {
            return Ok((ready, After::Left));
        };
        if let Some(after) = self.tag_before(&mut ready, how).await? {
            return Ok((ready, after));
        }
        let Some(slot) = self
            .slot(Route::Offboard)
            .await?
            .filter(|_| !self.stopped())
        else {
            return Ok((ready, After::Left));
        };
        if let Some(after) = self.check(&mut ready, how.again).await? {
            slot.unused();
            return Ok((ready, after));
        }
        let entry = &mut ready.entry;
        let named = entry.named.clone();
        let resent = (entry.order.state() == State::Unknown).then_some(named);
        let comment = entry.order.comment().clone();
        let grant = Grant::offboard(&self.connection.api_root, &machine, &comment);
        let granted = grant.to_string();
        let route = Route::Offboard.template();
        let claim = self.session.claim(entry, how.again, route, &granted);
        let request = match claim.await? {
            Ok(request) => request,
            Err(taken) => {
                slot.unused();
                let is_left = matches!(taken, Taken::Elsewhere | Taken::Interrupted);
                // What is unknown stays unknown, whichever order has its machine.
                if is_left || resent.is_some() {
                    return Ok((ready, After::Left));
                }
                stand_aside(&mut entry.order, &taken);
                self.session.save(entry).await?;
                return Ok((ready, After::Unsent));
            }
        };
        // Claiming it, a sign-in and the connection may take any time.
        let leave_by = ready.listed.map(|asked| LeaveBy::new(asked, FRESH));
        debug!(%request, route, "sending a request");
        let begun = Instant::now();
        let called = self
            .sandbox
            .offboard_by(&self.connection, &machine, &comment, leave_by)
            .await;
        slot.end(called.record.answered());
        debug!(
            %request,
            status = status_of(&called.record),
            duration_ms = duration_ms(begun),
            "a call ended"
        );
        // A token that the service refuses has changed nothing: where another
        // one is there, the order is sent with that, once.
        let is_renewed = !ready.is_renewed && self.renewed(&called.record).await;
        let sent = Sent {
            request,
            record: called.record.clone(),
            verdict: not_an_old_one(entry, verdict::verdict(&machine, called)),
            is_renewed,
            resent,
        };
        ready.is_renewed |= is_renewed;
        let after = self.settle(&mut ready.entry, sent, how).await?;
        Ok((ready, after))
    }

    /// Compares an order with what the service lists now. Returns what became of it
    /// if it is not to be sent.
    pub(super) async fn check(
        &self,
        ready: &mut Ready,
        again: bool,
    ) -> Result<Option<After>, LedgerError> {
        let (asked, listed) = self.listed(&ready.list, ready.since).await;
        ready.listed = Some(asked);
        if self.stopped() {
            return Ok(Some(After::Left));
        }
        let entry = &mut ready.entry;
        let is_over = match (entry.order.state(), listed) {
            (State::Unknown, Ok(Some(listing))) => {
                let Some(is_over) = is_found(entry, &listing) else {
                    return Ok(Some(After::Left));
                };
                is_over
            }
            // Without a list nothing is resent.
            (State::Unknown, _) => return Ok(Some(After::Left)),
            (_, Ok(listing)) => self.is_over(entry, listing.as_deref(), again).await?,
            (_, Err(_)) => return Ok(Some(After::Unlisted)),
        };
        if is_over {
            self.session.save(entry).await?;
        }
        Ok(is_over.then_some(After::Unsent))
    }

    /// Puts on record what became of a request.
    async fn settle(
        &self,
        entry: &mut Entry,
        sent: Sent,
        how: How<'_>,
    ) -> Result<After, LedgerError> {
        let record = &sent.record;
        entry.order.settle(sent.verdict);
        let said = entry.order.problem().cloned();
        let state = entry.order.state();
        if let (Some(action), Some(known)) = (entry.order.action(), &entry.known)
            && known.contains(&action.id.to_ascii_lowercase())
        {
            entry.order.joined();
        }
        if state == State::Unknown
            && let Some(machine) = entry.order.machine()
        {
            entry.named = Delivered::read(record).and_then(|sent| sent.offboarding(machine));
        }
        let mut after = self.after(entry, record, sent.is_renewed, how.patient);
        // A resend is one POST for each order and command: any answer ends it. The
        // pause that the service asks for holds for the other orders.
        if sent.resent.is_some()
            && status_of(record).is_some()
            && matches!(after, After::PutBack(_) | After::Renewed)
        {
            if let Some(pause) = asked_pause(record) {
                self.rate_limiter.hold(pause).await?;
            }
            after = After::Done;
        }
        match (sent.resent, &said) {
            // This request did nothing, but the one before it may have.
            (Some(named), Some(problem)) if state != State::Unknown => {
                let problem = still_unknown(state, problem.clone());
                entry.order.settle(Verdict::Unknown(problem));
                entry.named = named;
            }
            _ if matches!(after, After::PutBack(_) | After::Renewed) => entry.order.put_back(),
            _ => {}
        }
        // Settled all the same: it is out. But nothing follows what cannot be put
        // on record.
        info!(
            request = %sent.request,
            state = state.name(),
            status = status_of(record),
            problem = said.as_ref().map(|said| &*said.kind),
            "a request has an outcome"
        );
        let recorded = self
            .session
            .answered(
                sent.request,
                record,
                state.name(),
                said.as_ref(),
                Some(entry),
            )
            .await;
        if let Err(error) = recorded {
            how.events.send(Event::not_recorded(entry, &error));
            return Err(error);
        }
        match (&after, &said) {
            (After::PutBack(pause), Some(problem)) => {
                if let Some(pause) = asked_pause(record) {
                    self.rate_limiter.hold(pause).await?;
                    how.events.send(Event::Waiting {
                        problem: problem.clone(),
                        after: pause,
                    });
                }
                how.events.send(Event::Retrying {
                    order: (&*entry).into(),
                    problem: problem.clone(),
                    after: *pause,
                });
            }
            (After::Renewed, _) => how.events.send(Event::TokenRenewed),
            _ => {}
        }
        Ok(after)
    }

    /// What comes next. The record decides, not the plugin's word.
    fn after(&self, entry: &Entry, record: &CallRecord, is_renewed: bool, patient: bool) -> After {
        let state = entry.order.state();
        let Some(problem) = entry.order.problem().cloned() else {
            return After::Done;
        };
        match (state, status_of(record)) {
            (State::Unknown, _) => After::Ask,
            _ if matches!(&*problem.kind, "no-credential" | "no-authority" | "audit") => {
                After::Stop(problem)
            }
            (State::NotSent, _) if problem.kind == "not-sent" => {
                if entry.tries() >= MAX_TRIES || self.stopped() {
                    return After::Done;
                }
                After::PutBack(backoff(entry.tries()))
            }
            (_, Some(401)) if is_renewed && entry.tries() < MAX_TRIES => After::Renewed,
            (_, Some(401)) => After::Stop(problem),
            (_, Some(403)) if is_for_all(&problem) => After::Stop(problem),
            (_, Some(429)) => match bearable_pause(record, patient) {
                Some(pause) if entry.tries() < MAX_TRIES => After::PutBack(pause),
                _ => After::Stop(problem),
            },
            _ if problem.kind == "already-in-progress" => After::Ask,
            _ => After::Done,
        }
    }

    /// Whoever was told to wait makes everybody wait.
    pub(super) async fn heed(&self, record: &CallRecord) -> Result<(), Problem> {
        match asked_pause(record) {
            Some(pause) if pause <= LONGEST_PAUSE => self
                .rate_limiter
                .hold(pause)
                .await
                .map_err(|error| super::unrecorded(&error)),
            _ => Ok(()),
        }
    }
}

/// An answer is not a success if it names an offboarding that had succeeded before the
/// request, and the machine has reported since. Nothing new was done, or that is not
/// known.
fn not_an_old_one(entry: &Entry, verdict: Verdict) -> Verdict {
    let Verdict::Accepted(action) = &verdict else {
        return verdict;
    };
    let since = Since::of(entry.order.seen(), &action.json);
    if action.status != ActionStatus::Succeeded || !matches!(since, Since::Reported(..)) {
        return verdict;
    }
    let id = action.id.to_ascii_lowercase();
    let what = format!("the service answered with action {id}, which is an earlier one");
    let problem = since.problem(&what);
    if entry
        .known
        .as_ref()
        .is_some_and(|known| known.contains(&id))
    {
        return Verdict::Rejected(problem);
    }
    // The machine was read before the request left. Times alone prove less than a list.
    match ended_before(entry.order.seen(), &action.json) {
        true => Verdict::Unknown(Problem {
            kind: "outcome-unknown".into(),
            retry: Retry::AskFirst,
            ..problem
        }),
        false => verdict,
    }
}

/// Right before an unknown order is resent: whether the service lists an action that may
/// belong to its first request. `None` if it lists another new one, which would later be
/// taken for this order's.
fn is_found(entry: &mut Entry, listing: &Listing) -> Option<bool> {
    let (machine, known) = (entry.order.machine()?.clone(), entry.known.as_ref()?);
    let named = entry.named.as_deref();
    let found = listing.new_since(&machine, known, entry.order.comment(), named);
    match found.cloned() {
        Some(action) => {
            entry.order.settle(Verdict::Accepted(Box::new(action)));
            Some(true)
        }
        None => listing.shows_only(&machine, known).then_some(false),
    }
}

/// The problem of an order whose resent request did nothing: whether the first request
/// was carried out is still unknown.
fn still_unknown(state: State, problem: Problem) -> Problem {
    // The action that is under way may be this order's.
    let is_under_way = problem.kind == "already-in-progress";
    let kind = match is_under_way {
        true => problem.kind.clone(),
        false => "outcome-unknown".into(),
    };
    let resent = match state {
        State::NotSent => "the request was not resent",
        _ => "the resent request was refused",
    };
    let reason = problem.message.as_deref().unwrap_or(&problem.kind);
    let message = format!("{resent}: {reason}; the first request may have been carried out");
    Problem {
        kind,
        retry: Retry::AskFirst,
        message: Some(message),
        ..problem
    }
}

/// How long the service wants to be left alone, as egress saw it, where it
/// refused a call for its quota.
fn asked_pause(record: &CallRecord) -> Option<Duration> {
    if status_of(record) != Some(429) {
        return None;
    }
    Some(verdict::asked_pause(record).map_or(PAUSE, Duration::from_secs))
}

/// The same, where it can be waited out.
pub(super) fn bearable_pause(record: &CallRecord, patient: bool) -> Option<Duration> {
    let longest = match patient {
        true => LONGEST_PAUSE,
        false => LONGEST_PAUSE_FOR_ONE,
    };
    let pause = match (verdict::asked_pause(record), patient) {
        // Whoever waits for one machine waits for a time that was named.
        (None, false) => None,
        _ => asked_pause(record),
    };
    pause.filter(|pause| *pause <= longest)
}

/// Twice as long each time.
pub(super) fn backoff(attempts: u32) -> Duration {
    Duration::from_millis(500).saturating_mul(1 << attempts.min(7))
}
