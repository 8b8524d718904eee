//! Sends one order with one POST. The order is claimed and recorded before the request leaves,
//! and settled by the record of egress.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, info};

use super::{
    answer::{apply_verdict, reject_earlier_success, still_unknown},
    batch::FRESH,
    conflict::skip_conflicting,
    event::Event,
    event_stream::Events,
    external_id::ExternalIdChoice,
    ready::{NextStep, ReadyOrder, SendContext},
    retry_after::{announced_pause, requested_pause, throttled_pause},
    runner::{NoSlot, Runner, duration_ms, status_of},
    tag::Tagging,
    throttling::backoff,
    verdict,
};
use crate::{
    contract::{MachineAction, MachineId, OffboardError, Problem},
    egress::CallRecord,
    grant::{LeaveBy, Route},
    ledger::{ClaimConflict, LedgerError, OrderRecord, RequestId},
    order::{State, Verdict, is_for_all},
    rate_limit::Slot,
    sandbox::CallOutcome,
};

/// The most attempts of a run for one order whose request was not sent.
const MAX_ATTEMPTS: u32 = 4;

/// Whether an order was sent before.
enum Attempt {
    /// Its outcome is known, or it was never sent.
    First,
    /// Its outcome is unknown, and the user chose to resend it.
    Resend(Earlier),
}

/// What identifies the action of an order's earlier request.
struct Earlier {
    /// The action that its answer named.
    named: Option<String>,
    /// Whether it had the order's external id.
    had_external_id: bool,
}

impl Attempt {
    fn of(entry: &OrderRecord) -> Self {
        match entry.order.state() {
            State::Unknown => Self::Resend(Earlier {
                named: entry.named.clone(),
                had_external_id: entry.order.sent_external_id().is_some(),
            }),
            _ => Self::First,
        }
    }

    fn is_resend(&self) -> bool {
        matches!(self, Self::Resend(_))
    }
}

/// A request and its outcome.
struct Sent {
    request: RequestId,
    attempt: Attempt,
    record: CallRecord,
    verdict: Verdict,
    /// Whether there is another token after the service refused this one.
    has_new_token: bool,
    /// Whether it had the order's external id.
    choice: ExternalIdChoice,
    /// Whether the service refused it with 400, and it is repeated without its external id.
    is_repeated_without: bool,
}

/// The outcome of a request, as it is recorded and reported. The order may be settled
/// differently, if it was sent before.
struct Outcome {
    state: State,
    problem: Option<Problem>,
}

impl Runner {
    /// Sends one order, once. Saves the order with its outcome, if that is known at once.
    ///
    /// The rate limiter's slot is taken before the list is read again, so that the list is not
    /// outdated when the request is sent. This cannot deadlock: a task that holds a slot for a
    /// list never waits for a slot to offboard.
    pub(super) async fn submit(
        &self,
        mut ready: ReadyOrder,
        context: SendContext<'_>,
        tagging: &Tagging,
    ) -> Result<(ReadyOrder, NextStep), LedgerError> {
        let Some(machine) = ready.entry.order.machine().cloned() else {
            return Ok((ready, NextStep::Leave));
        };
        if let Some(step) = self.refresh_preflight(&mut ready, context).await? {
            return Ok((ready, step));
        }
        if let Some(step) = self.tag_before(&mut ready, context, tagging).await? {
            return Ok((ready, step));
        }
        let slot = match self.slot(Route::Offboard).await? {
            Ok(slot) if !self.stopped() => slot,
            Err(NoSlot::TooLong(problem)) if ready.entry.order.state() == State::Planned => {
                ready.entry.order.settle(Verdict::NotSent(problem.clone()));
                self.session.save(&mut ready.entry).await?;
                return Ok((ready, NextStep::StopRun(problem)));
            }
            // An unknown order stays unknown.
            Err(NoSlot::TooLong(problem)) => return Ok((ready, NextStep::StopRun(problem))),
            _ => return Ok((ready, NextStep::Leave)),
        };
        // The wait for the slot may have been long.
        let refreshed = self.refresh_preflight(&mut ready, context).await?;
        let step = match refreshed {
            Some(step) => Some(step),
            None => self.recheck(&mut ready, context.again).await?,
        };
        if let Some(step) = step {
            slot.unused();
            return Ok((ready, step));
        }
        self.send_ready(ready, &machine, slot, context).await
    }

    /// Claims an order whose list is fresh, and sends its request.
    async fn send_ready(
        &self,
        mut ready: ReadyOrder,
        machine: &MachineId,
        slot: Slot<'_>,
        context: SendContext<'_>,
    ) -> Result<(ReadyOrder, NextStep), LedgerError> {
        let attempt = Attempt::of(&ready.entry);
        let choice = self.choose_external_id(&ready, attempt.is_resend());
        let choice = choice.await?;
        let entry = &mut ready.entry;
        let claim = self.claim(entry, machine, &choice, &attempt, context.again);
        let request = match claim.await? {
            Ok(request) => request,
            Err(step) => {
                slot.unused();
                return Ok((ready, step));
            }
        };
        let called = self
            .send_request(request, &ready, machine, &choice, slot, context)
            .await;
        // A refused token changed nothing. If there is another token, the order is sent once
        // more with that one.
        let has_new_token = !ready.has_new_token && self.renewed(&called.record).await;
        ready.has_new_token |= has_new_token;
        let record = called.record.clone();
        let verdict = reject_earlier_success(&ready.entry, verdict::verdict(machine, called));
        let is_repeated_without = !attempt.is_resend()
            && choice.is_repeated_without(&verdict, status_of(&record), context.has_refused_both);
        ready.is_without_external_id |= is_repeated_without;
        let sent = Sent {
            request,
            attempt,
            record,
            verdict,
            has_new_token,
            choice,
            is_repeated_without,
        };
        let step = self.settle(&mut ready.entry, sent, context).await?;
        Ok((ready, step))
    }

    /// Claims an order for this session, and records its request. The inner error is the next
    /// step of an order that must not be sent.
    async fn claim(
        &self,
        entry: &mut OrderRecord,
        machine: &MachineId,
        choice: &ExternalIdChoice,
        attempt: &Attempt,
        again: bool,
    ) -> Result<Result<RequestId, NextStep>, LedgerError> {
        let api = &self.connection.api_root;
        let granted = choice
            .grant(api, machine, entry.order.comment())
            .to_string();
        let route = Route::Offboard.template();
        let id = choice.id();
        let claim = self.session.claim(entry, again, route, &granted, id);
        let conflict = match claim.await? {
            Ok(request) => return Ok(Ok(request)),
            Err(conflict) => conflict,
        };
        let is_left = matches!(
            conflict,
            ClaimConflict::Elsewhere | ClaimConflict::Interrupted
        );
        // An unknown order stays unknown, regardless of other orders of its machine.
        if is_left || attempt.is_resend() {
            return Ok(Err(NextStep::Leave));
        }
        skip_conflicting(&mut entry.order, &conflict);
        self.session.save(entry).await?;
        Ok(Err(NextStep::SettledUnsent))
    }

    async fn send_request(
        &self,
        request: RequestId,
        ready: &ReadyOrder,
        machine: &MachineId,
        choice: &ExternalIdChoice,
        slot: Slot<'_>,
        context: SendContext<'_>,
    ) -> CallOutcome<Result<MachineAction, OffboardError>> {
        // The claim, a sign-in and the connection may take any time.
        let leave_by = ready.listed_at.map(|asked| LeaveBy::new(asked, FRESH));
        debug!(%request, route = Route::Offboard.template(), "sending a request");
        let begun = Instant::now();
        let comment = ready.entry.order.comment();
        let called = self.offboard(machine, comment, choice, leave_by).await;
        slot.end(called.record.answered());
        if status_of(&called.record).is_some_and(|status| status != 429) {
            context.throttling().end();
        }
        debug!(
            %request,
            status = status_of(&called.record),
            duration_ms = duration_ms(begun),
            "a call ended"
        );
        called
    }

    /// Settles an order by the outcome of its request, and records it.
    async fn settle(
        &self,
        entry: &mut OrderRecord,
        sent: Sent,
        context: SendContext<'_>,
    ) -> Result<NextStep, LedgerError> {
        let record = &sent.record;
        // The order may be sent again. This request was refused.
        let is_rejected = matches!(sent.verdict, Verdict::Rejected(_));
        apply_verdict(entry, sent.verdict, record);
        let outcome = Outcome {
            state: if is_rejected {
                State::Rejected
            } else {
                entry.order.state()
            },
            problem: entry.order.problem().cloned(),
        };
        let mut step = if sent.is_repeated_without {
            NextStep::RetryWithoutExternalId
        } else {
            self.next_step(entry, record, sent.has_new_token, context)
        };
        // A resend is one POST for each order and command: any answer ends it. The service's
        // retry-after still applies to the other orders.
        if sent.attempt.is_resend() && status_of(record).is_some() && step.is_retry() {
            if let Some(pause) = throttled_pause(record) {
                self.rate_limiter.hold(pause).await?;
            }
            step = NextStep::Settled;
        }
        let Outcome { state, problem } = &outcome;
        match (sent.attempt, problem) {
            // This request did nothing, but the earlier one may have.
            (Attempt::Resend(earlier), Some(problem)) if *state != State::Unknown => {
                let problem = still_unknown(*state, problem.clone());
                entry.order.settle(Verdict::Unknown(problem));
                entry.order.record_external_id_sent(earlier.had_external_id);
                entry.named = earlier.named;
            }
            _ if step.is_retry() => {
                if sent.is_repeated_without {
                    entry.order.replan_refused();
                }
                entry.order.replan();
                if throttled_pause(record).is_some() || sent.is_repeated_without {
                    entry.discount_attempt();
                }
            }
            _ => {}
        }
        self.record_outcome(sent.request, record, &outcome, entry, context.events)
            .await?;
        let (choice, problem) = (&sent.choice, outcome.problem.as_ref());
        self.learn_from_answer(entry, choice, problem, context.has_refused_both)
            .await?;
        self.report_retry(entry, &step, record, &outcome, context.events)
            .await?;
        Ok(step)
    }

    /// Records the outcome. If that fails, it is reported, and nothing more is sent.
    async fn record_outcome(
        &self,
        request: RequestId,
        record: &CallRecord,
        Outcome { state, problem }: &Outcome,
        entry: &mut OrderRecord,
        events: &Events,
    ) -> Result<(), LedgerError> {
        info!(
            request = %request,
            state = state.name(),
            status = status_of(record),
            problem = problem.as_ref().map(|problem| &*problem.kind),
            "a request has an outcome"
        );
        let (state, problem) = (state.name(), problem.as_ref());
        self.session
            .answered(request, record, state, problem, Some(entry))
            .await
            .inspect_err(|error| events.send(Event::not_recorded(entry, error)))
    }

    /// Reports that the order will be sent again, and applies the pause before that.
    async fn report_retry(
        &self,
        entry: &OrderRecord,
        step: &NextStep,
        record: &CallRecord,
        outcome: &Outcome,
        events: &Events,
    ) -> Result<(), LedgerError> {
        match (step, &outcome.problem) {
            (NextStep::RetryAfter(after), Some(problem)) => {
                if throttled_pause(record).is_some() {
                    self.rate_limiter.hold(*after).await?;
                    events.send(Event::Waiting {
                        problem: problem.clone(),
                        after: *after,
                    });
                }
                events.send(Event::Retrying {
                    order: entry.into(),
                    problem: problem.clone(),
                    after: *after,
                });
            }
            (NextStep::RetryNow, _) => events.send(Event::TokenRenewed),
            (NextStep::RetryWithoutExternalId, Some(problem)) => {
                events.send(Event::ExternalIdRefused {
                    order: entry.into(),
                    problem: problem.clone(),
                });
            }
            // This run does not wait, but the next one must.
            (NextStep::StopRun(_), _) => {
                if let Some(pause) = announced_pause(record) {
                    self.rate_limiter.hold(pause).await?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The pause after an answer 429, if the run still waits for the service.
    fn throttled_again(&self, record: &CallRecord, context: SendContext<'_>) -> Option<Duration> {
        let asked = requested_pause(record, context.is_batch)?;
        let longest = self.longest_throttling?;
        let mut throttling = context.throttling();
        throttling.pause(asked, longest, Instant::now())
    }

    /// The step after an outcome. The record decides, not what the plugin reports.
    fn next_step(
        &self,
        entry: &OrderRecord,
        record: &CallRecord,
        has_new_token: bool,
        context: SendContext<'_>,
    ) -> NextStep {
        let state = entry.order.state();
        let Some(problem) = entry.order.problem().cloned() else {
            return NextStep::Settled;
        };
        match (state, status_of(record)) {
            (State::Unknown, _) => NextStep::Reconcile,
            _ if matches!(&*problem.kind, "no-credential" | "no-authority" | "audit") => {
                NextStep::StopRun(problem)
            }
            (State::NotSent, _) if problem.kind == "not-sent" => {
                if entry.tries() >= MAX_ATTEMPTS || self.stopped() {
                    return NextStep::Settled;
                }
                NextStep::RetryAfter(backoff(entry.tries()))
            }
            (_, Some(401)) if has_new_token && entry.tries() < MAX_ATTEMPTS => NextStep::RetryNow,
            (_, Some(401)) => NextStep::StopRun(problem),
            (_, Some(403)) if is_for_all(&problem) => NextStep::StopRun(problem),
            (_, Some(429)) => match self.throttled_again(record, context) {
                Some(pause) => NextStep::RetryAfter(pause),
                None => NextStep::StopRun(problem),
            },
            _ if problem.kind == "already-in-progress" => NextStep::Reconcile,
            _ => NextStep::Settled,
        }
    }
}
