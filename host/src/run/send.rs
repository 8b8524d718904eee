//! One order: what is known before, the one POST, and what became of it.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    After, Event, Listing, RunError, Runner,
    evidence::Delivered,
    verdict::{asked_pause, cancel_verdict, verdict},
};
use crate::{
    contract::{ActionId, Comment, MachineAction, MachineId, Problem, Retry},
    egress::CallRecord,
    grant::Route,
    journal::{Answered, Journal, Sending},
    order::{Order, State, Verdict, state_of, state_of_problem},
    pace::Slot,
};

/// Where the service does not say how long to wait (unsourced): the quota's
/// shorter window.
const PAUSE: Duration = Duration::from_secs(60);
/// A service that wants a longer pause ends the run.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
const FIRST_QUESTION: Duration = Duration::from_millis(500);
const LAST_INTERVAL: Duration = Duration::from_secs(5);
/// How long a question may take beyond the end.
const LAST_QUESTION: Duration = Duration::from_secs(5);

impl Runner {
    pub(super) async fn send_one(
        &self,
        order: &mut Order,
        journal: &mut Journal,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<After, RunError> {
        let (State::Planned, Some(machine)) = (order.state(), order.machine().cloned()) else {
            return Ok(After::Go);
        };
        // What is known now tells a new action from an old one later, without
        // comparing clocks.
        let known = match self.offboardings(&[&machine]).await {
            Ok(listing) => Some(listing),
            // Without that permission an unknown outcome stays unknown.
            Err(problem) if problem.kind == "forbidden" => None,
            Err(problem) if problem.kind == "unauthorized" => {
                order.settle(Verdict::Rejected(problem.clone()));
                return Ok(After::Stop(problem));
            }
            // A filter that the service does not take tells nothing either.
            Err(problem) if problem.status == Some(400) => None,
            // The next ones would have no token either.
            Err(problem) if is_signed_out(&problem) => {
                order.settle(Verdict::NotSent(problem.clone()));
                return Ok(After::Stop(problem));
            }
            Err(problem) => {
                let kind = match problem.kind {
                    kind @ ("plugin" | "interrupted") => kind,
                    _ => "not-sent",
                };
                order.settle(Verdict::NotSent(Problem {
                    kind,
                    retry: Retry::Safe,
                    ..problem
                }));
                return Ok(After::Go);
            }
        };
        let Some(slot) = self.slot(Route::Offboard).await.filter(|_| !self.stopped()) else {
            return Ok(After::Go);
        };
        let (verdict, record) = self.post(order, &machine, slot, journal, observe).await?;
        order.settle(verdict);
        if let Some(action) = order.action()
            && known.as_ref().is_some_and(|known| known.knows(&action.id))
        {
            order.joined();
        }
        // Settled all the same: it is out. But nothing follows what cannot be
        // put on record.
        let recorded = journal.answered(&line(order, machine.as_str(), &record));
        if let Err(error) = &recorded {
            observe(Event::NotRecorded(error));
        }

        if order.state() == State::Unknown {
            let named = Delivered::read(&record).and_then(|sent| sent.offboarding(&machine));
            let known = known.as_ref().map(|known| (known, named.as_deref()));
            self.settle_unknown(order, &machine, known, journal, observe)
                .await?;
        } else if order
            .problem()
            .is_some_and(|problem| problem.kind == "already-in-progress")
        {
            self.attach_pending(order, &machine).await;
        }
        recorded?;
        Ok(after(order, &record))
    }

    /// The one POST, put on record before it leaves. A token that the service
    /// refuses has changed nothing: where another one is there, it is sent with
    /// that, once.
    async fn post(
        &self,
        order: &mut Order,
        machine: &MachineId,
        slot: Slot<'_>,
        journal: &mut Journal,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<(Verdict, CallRecord), RunError> {
        journal.sending(&sending(order, machine))?;
        order.sending();
        let comment = order.comment().clone();
        let send = || self.sandbox.offboard(&self.connection, machine, &comment);
        let called = send().await;
        drop(slot);
        let record = called.record.clone();
        let refused = verdict(machine, called);
        if !self.renewed(&record).await || self.stopped() {
            return Ok((refused, record));
        }
        let Some(slot) = self.slot(Route::Offboard).await else {
            return Ok((refused, record));
        };
        let rejected = State::Rejected.name();
        let line = Answered::new(machine.as_str(), rejected, None, &record, refused.problem());
        journal.answered(&line)?;
        observe(Event::Renewed);
        journal.sending(&sending(order, machine))?;
        let called = send().await;
        drop(slot);
        let record = called.record.clone();
        Ok((verdict(machine, called), record))
    }

    /// Asks what became of a request without an answer, until the grace time
    /// is over. An action that was not known before, with this comment, is this
    /// request's; where its answer named one, that alone. Finding none proves
    /// nothing.
    async fn settle_unknown(
        &self,
        order: &mut Order,
        machine: &MachineId,
        known: Option<(&Listing, Option<&str>)>,
        journal: &mut Journal,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), RunError> {
        let Some((known, named)) = known else {
            return Ok(());
        };
        observe(Event::Asking(order));
        let end = Instant::now().checked_add(self.grace);
        let mut interval = FIRST_QUESTION;
        while !self.stopped() {
            // The quota may keep a question waiting for longer than there is time.
            let last = end.and_then(|end| end.checked_add(LAST_QUESTION));
            let machines = [machine];
            let asked = self.offboardings(&machines);
            let asked = match last {
                Some(last) => tokio::time::timeout_at(last, asked).await,
                None => Ok(asked.await),
            };
            if let Ok(Ok(now)) = asked
                && let Some(action) = now.new_since(known, order.comment(), named)
            {
                order.settle(Verdict::Accepted(Box::new(action)));
                let record = CallRecord::default();
                if let Err(error) = journal.adopted(&line(order, machine.as_str(), &record)) {
                    observe(Event::NotRecorded(&error));
                }
                break;
            }
            let left = end.map_or(interval, |end| {
                end.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                break;
            }
            self.pause(interval.min(left)).await;
            interval = (interval * 2).min(LAST_INTERVAL);
        }
        Ok(())
    }

    /// The pending action that stands in the way, so that it can be followed.
    async fn attach_pending(&self, order: &mut Order, machine: &MachineId) {
        let machines = [machine];
        let patience = self.grace.saturating_add(LAST_QUESTION);
        let asked = tokio::time::timeout(patience, self.offboardings(&machines));
        if let Ok(Ok(listing)) = asked.await
            && let Some(action) = listing.pending()
        {
            order.blocked_by(action.clone());
        }
    }

    /// Cancels one action. On record like every POST; never repeated.
    ///
    /// # Errors
    /// The journal cannot be written. The inner error is the service's, the
    /// plugin's or the line's.
    pub async fn cancel(
        &self,
        action: &ActionId,
        comment: &Comment,
        journal: &mut Journal,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<Result<MachineAction, Problem>, RunError> {
        let sending = Sending {
            route: Route::CancelAction.template(),
            id: action.as_str(),
            name: None,
            comment: comment.as_str(),
        };
        let route = Route::CancelAction;
        let Some(slot) = self.slot(route).await else {
            let reason = "interrupted before it was sent";
            return Ok(Err(Problem::new("interrupted", Retry::Safe, reason)));
        };
        journal.sending(&sending)?;
        let send = || {
            self.sandbox
                .cancel_action(&self.connection, action, comment)
        };
        let mut called = send().await;
        drop(slot);
        if self.renewed(&called.record).await
            && let Some(slot) = self.slot(route).await.filter(|_| !self.stopped())
        {
            let rejected = State::Rejected.name();
            let line = Answered::new(action.as_str(), rejected, None, &called.record, None);
            journal.answered(&line)?;
            observe(Event::Renewed);
            journal.sending(&sending)?;
            called = send().await;
            drop(slot);
        }
        let record = called.record.clone();
        let result = cancel_verdict(action, called);
        let (state, problem) = match &result {
            Ok(action) => (state_of(&action.status).name(), None),
            Err(problem) => (state_of_problem(problem).name(), Some(problem)),
        };
        // It is done, whatever becomes of this line.
        let line = Answered::new(action.as_str(), state, None, &record, problem);
        let recorded = journal.answered(&line);
        if let Err(error) = recorded {
            observe(Event::NotRecorded(&error));
        }
        Ok(result)
    }
}

fn sending<'a>(order: &'a Order, machine: &'a MachineId) -> Sending<'a> {
    Sending {
        route: Route::Offboard.template(),
        id: machine.as_str(),
        name: order.name(),
        comment: order.comment().as_str(),
    }
}

fn line<'a>(order: &'a Order, id: &'a str, record: &CallRecord) -> Answered<'a> {
    let action = order.action().map(|action| action.id.as_str());
    Answered::new(id, order.state().name(), action, record, order.problem())
}

/// Whether there is no token any more.
fn is_signed_out(problem: &Problem) -> bool {
    matches!(problem.kind, "no-credential" | "no-authority")
}

/// A problem of the token or of its permissions would meet every order.
fn after(order: &Order, record: &CallRecord) -> After {
    if let Some(problem) = order.problem().filter(|problem| is_signed_out(problem)) {
        return After::Stop(problem.clone());
    }
    let exchange = record.exchange.as_ref();
    let (Some(status), Some(problem)) = (
        exchange.and_then(|exchange| exchange.status),
        order.problem(),
    ) else {
        return After::Go;
    };
    match status {
        401 => After::Stop(problem.clone()),
        403 if problem.code.as_deref() != Some("DisallowedOperation") => {
            After::Stop(problem.clone())
        }
        // As egress saw it, not as the plugin tells it.
        429 => match asked_pause(record).map_or(PAUSE, Duration::from_secs) {
            pause if pause <= LONGEST_PAUSE => After::Wait(pause),
            _ => After::Stop(problem.clone()),
        },
        _ => After::Go,
    }
}
