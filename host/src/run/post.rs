//! One POST: claimed and put on record before it leaves, and settled by what
//! egress saw of it.

use std::time::Duration;

use super::{
    Event, Observe, Runner, Since, evidence::Delivered, preflight::stand_aside,
    since::ended_before, verdict,
};
use crate::{
    contract::{ActionStatus, MachineAction, OffboardError, Problem, Retry},
    egress::CallRecord,
    grant::{Grant, Route},
    ledger::{Entry, LedgerError, RequestId, Taken},
    order::{State, Verdict, is_for_all},
    sandbox::Called,
};

/// Where the service does not say how long to wait (unsourced): the quota's
/// shorter window.
const PAUSE: Duration = Duration::from_secs(60);
/// The longest pause that is waited out where others wait for it, too: the
/// quota's longer window, and a little.
const LONGEST_PAUSE: Duration = Duration::from_secs(65 * 60);
/// And where somebody waits for one machine.
const LONGEST_PAUSE_FOR_ONE: Duration = Duration::from_secs(120);
/// How often one order is sent which did not leave, or was put off.
const MAX_ATTEMPTS: u32 = 4;

/// What an order's outcome means for itself and for the orders after it.
pub(super) enum After {
    /// It has settled.
    Done,
    /// Its turn comes again after this.
    PutBack(Duration),
    /// The service is to be asked what became of it, or what is in its way.
    Ask,
    /// It has settled, and the others would meet the same.
    Stop(Problem),
    /// Nothing was done, because the run is to end, or another has it.
    Left,
}

impl Runner {
    /// Sends one order, once. What is on record of it is what became of it, as
    /// far as it is known at once.
    pub(super) async fn send_one(
        &self,
        mut entry: Entry,
        again: bool,
        patient: bool,
        observe: &Observe<'_>,
    ) -> Result<(Entry, After), LedgerError> {
        let Some(machine) = entry.order.machine().cloned() else {
            return Ok((entry, After::Left));
        };
        let Some(slot) = self
            .slot(Route::Offboard)
            .await?
            .filter(|_| !self.stopped())
        else {
            return Ok((entry, After::Left));
        };
        let doubtful = entry.order.state() == State::Unknown;
        if doubtful {
            // The lists that showed nothing may be old by now.
            match self.look_again(&mut entry).await? {
                None => {}
                Some(after) => return Ok((entry, after)),
            }
        }
        let grant = Grant::offboard(&self.connection.api_root, &machine, entry.order.comment());
        let granted = grant.to_string();
        let route = Route::Offboard.template();
        let claim = self.session.claim(&mut entry, again, route, &granted);
        let mut request = match claim.await? {
            Ok(request) => request,
            Err(Taken::Elsewhere | Taken::Interrupted) => return Ok((entry, After::Left)),
            Err(_) if doubtful => return Ok((entry, After::Left)),
            Err(taken) => {
                stand_aside(&mut entry.order, &taken);
                self.session.save(&mut entry).await?;
                return Ok((entry, After::Done));
            }
        };
        let comment = entry.order.comment().clone();
        let send = || self.sandbox.offboard(&self.connection, &machine, &comment);
        let mut called = send().await;
        slot.end(called.record.answered());
        // A token that the service refuses has changed nothing: where another
        // one is there, it is sent with that, once.
        if self.renewed(&called.record).await
            && let Some(slot) = self
                .slot(Route::Offboard)
                .await?
                .filter(|_| !self.stopped())
        {
            request = self.sent_again(&entry, request, called, &granted).await?;
            observe(Event::Renewed);
            called = send().await;
            slot.end(called.record.answered());
        }
        let record = called.record.clone();
        let verdict = match not_an_old_one(&entry, verdict::verdict(&machine, called)) {
            // Whatever became of this one, the first may have been carried out.
            Verdict::Rejected(problem) | Verdict::NotSent(problem)
                if doubtful && problem.kind != "already-in-progress" =>
            {
                Verdict::Unknown(Problem {
                    kind: "outcome-unknown".into(),
                    retry: Retry::AskFirst,
                    ..problem
                })
            }
            verdict => verdict,
        };
        self.settle(entry, request, record, verdict, patient, observe)
            .await
    }

    /// Right before an unknown order is sent again: whether the service shows what
    /// became of the first request now. Where it cannot be asked, nothing leaves.
    async fn look_again(&self, entry: &mut Entry) -> Result<Option<After>, LedgerError> {
        let (Some(machine), Some(known)) = (entry.order.machine().cloned(), &entry.known) else {
            return Ok(Some(After::Left));
        };
        let Ok(listing) = self.offboardings(&[&machine]).await else {
            return Ok(Some(After::Left));
        };
        let named = entry.named.as_deref();
        let found = listing.new_since(&machine, known, entry.order.comment(), named);
        if let Some(action) = found.cloned() {
            entry.order.settle(Verdict::Accepted(Box::new(action)));
            self.session.save(entry).await?;
            return Ok(Some(After::Done));
        }
        // Somebody else's, which would be taken for this order's later.
        let is_known = listing.shows_only(&machine, known);
        Ok((!is_known || self.stopped()).then_some(After::Left))
    }

    async fn sent_again(
        &self,
        entry: &Entry,
        refused: RequestId,
        called: Called<Result<MachineAction, OffboardError>>,
        granted: &str,
    ) -> Result<RequestId, LedgerError> {
        let machine = entry
            .order
            .machine()
            .map(ToString::to_string)
            .unwrap_or_default();
        let comment = entry.order.comment().as_str();
        let rejected = State::Rejected.name();
        self.session
            .answered(refused, &called.record, rejected, None, None)
            .await?;
        let route = Route::Offboard.template();
        self.session
            .request(Some(entry), route, &machine, comment, granted)
            .await
    }

    /// Puts on record what became of a request.
    async fn settle(
        &self,
        mut entry: Entry,
        request: RequestId,
        record: CallRecord,
        verdict: Verdict,
        patient: bool,
        observe: &Observe<'_>,
    ) -> Result<(Entry, After), LedgerError> {
        entry.order.settle(verdict);
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
            entry.named = Delivered::read(&record).and_then(|sent| sent.offboarding(machine));
        }
        let after = self.after(&mut entry, &record, patient);
        // Settled all the same: it is out. But nothing follows what cannot be put
        // on record.
        let recorded = self
            .session
            .answered(
                request,
                &record,
                state.name(),
                said.as_ref(),
                Some(&mut entry),
            )
            .await;
        if let Err(error) = recorded {
            observe(Event::NotRecorded(&entry, &error));
            return Err(error);
        }
        if let (Some(pause), Some(problem)) = (asked_pause(&record), &said)
            && matches!(after, After::PutBack(_))
        {
            self.pace.hold(pause).await?;
            observe(Event::Waiting(pause, problem));
        }
        if let (After::PutBack(pause), Some(problem)) = (&after, &said) {
            observe(Event::PutBack(&entry.order, problem, *pause));
        }
        Ok((entry, after))
    }

    /// What comes next. The record decides, not the plugin's word.
    fn after(&self, entry: &mut Entry, record: &CallRecord, patient: bool) -> After {
        let state = entry.order.state();
        let Some(problem) = entry.order.problem().cloned() else {
            return After::Done;
        };
        let status = record
            .exchange
            .as_ref()
            .and_then(|exchange| exchange.status);
        match (state, status) {
            (State::Unknown, _) => After::Ask,
            _ if matches!(&*problem.kind, "no-credential" | "no-authority" | "audit") => {
                After::Stop(problem)
            }
            (State::NotSent, _) if problem.kind == "not-sent" => {
                if entry.attempts >= MAX_ATTEMPTS || self.stopped() {
                    return After::Done;
                }
                entry.order.put_back();
                After::PutBack(backoff(entry.attempts))
            }
            (_, Some(401)) => After::Stop(problem),
            (_, Some(403)) if is_for_all(&problem) => After::Stop(problem),
            (_, Some(429)) => match bearable_pause(record, patient) {
                Some(pause) if entry.attempts < MAX_ATTEMPTS => {
                    entry.order.put_back();
                    After::PutBack(pause)
                }
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
                .pace
                .hold(pause)
                .await
                .map_err(|error| super::unrecorded(&error)),
            _ => Ok(()),
        }
    }
}

/// An answer that names an offboarding which had succeeded before the request, of a machine
/// that has reported since, is no success: nothing new was done, or that is not known.
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

/// How long the service wants to be left alone, as egress saw it, where it
/// refused a call for its quota.
fn asked_pause(record: &CallRecord) -> Option<Duration> {
    let status = record
        .exchange
        .as_ref()
        .and_then(|exchange| exchange.status);
    if status != Some(429) {
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
