//! Tags a machine right before its offboarding: the portal has no label for offboarded
//! machines. If the tag cannot be set, the machine is offboarded nevertheless. Until the tag
//! is set, the order stays planned: a run that ends here leaves nothing unknown, and setting
//! the tag again has no effect.

use std::{
    collections::HashSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tracing::debug;

use super::{
    event::Event,
    event_stream::Events,
    ready::{NextStep, ReadyOrder, SendContext},
    retry_after::acceptable_pause,
    runner::{NoSlot, Runner, status_of},
    verdict::{failure, judged, refused, unsent_problem},
};
use crate::{
    contract::{MachineId, Problem, Retry, Tag, TagError},
    egress::{CallRecord, Delivery},
    grant::{Grant, Route},
    ledger::{LedgerError, OrderRecord},
    order::{State, is_for_all},
    problem::state_of_request,
    rate_limit::Slot,
    sandbox::{CallError, CallOutcome},
};

/// The tag of a run, and which machines need it.
#[derive(Debug, Default)]
pub(super) struct Tagging {
    tag: Option<Tag>,
    /// Whether the token may not tag. Then no further machine is tagged.
    forbidden: AtomicBool,
    /// The numbers of the orders whose machines need no tag when they are sent again.
    done: Mutex<HashSet<u64>>,
}

impl Tagging {
    pub(super) fn new(tag: Option<Tag>) -> Self {
        Self {
            tag,
            ..Self::default()
        }
    }

    /// The tag that the machine of this order needs.
    fn needed(&self, entry: &OrderRecord) -> Option<&Tag> {
        let is_over =
            self.forbidden.load(Ordering::Relaxed) || self.numbers().contains(&entry.number);
        self.tag.as_ref().filter(|_| !is_over)
    }

    fn mark_done(&self, entry: &OrderRecord) {
        self.numbers().insert(entry.number);
    }

    fn numbers(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runner {
    /// Tags the machine of an order that is about to be sent. A failure is reported, and is
    /// not an error. Returns the next step if the order must not be sent; then its machine was
    /// not tagged.
    ///
    /// # Errors
    /// The ledger cannot be written. Nothing more may be sent.
    pub(super) async fn tag_before(
        &self,
        ready: &mut ReadyOrder,
        context: SendContext<'_>,
        tagging: &Tagging,
    ) -> Result<Option<NextStep>, LedgerError> {
        let events = context.events;
        let machine = ready.entry.order.machine().cloned();
        let (Some(tag), Some(machine)) = (tagging.needed(&ready.entry), machine) else {
            return Ok(None);
        };
        let mut is_renewed = false;
        let mut has_waited = false;
        loop {
            let slot = self.slot(Route::TagMachine).await?;
            let slot = match slot {
                Ok(slot) if !self.stopped() => slot,
                // The offboarding would wait as well.
                Err(NoSlot::TooLong(problem)) => {
                    report_failure(tagging, &ready.entry, &problem, events);
                    return Ok(None);
                }
                _ => return Ok(None),
            };
            // The wait for the rate limiter may have been long.
            if let Some(step) = self.recheck(ready, context.again).await? {
                slot.unused();
                return Ok(Some(step));
            }
            let entry = &ready.entry;
            let (tagged, record) = self.tag_once(entry, &machine, tag, slot).await?;
            let Err(problem) = tagged else {
                tagging.mark_done(entry);
                events.send(Event::Tagged {
                    order: entry.into(),
                });
                return Ok(None);
            };
            if !is_renewed && self.renewed(&record).await {
                is_renewed = true;
                events.send(Event::TokenRenewed);
                continue;
            }
            if let Some(pause) = acceptable_pause(&record, context.is_batch) {
                self.rate_limiter.hold(pause).await?;
                events.send(Event::Waiting {
                    problem: problem.clone(),
                    after: pause,
                });
                if !has_waited {
                    has_waited = true;
                    continue;
                }
            }
            report_failure(tagging, entry, &problem, events);
            return Ok(None);
        }
    }

    /// Sends one request. It is recorded before it leaves, and again with its answer.
    async fn tag_once(
        &self,
        entry: &OrderRecord,
        machine: &MachineId,
        tag: &Tag,
        slot: Slot<'_>,
    ) -> Result<(Result<(), Problem>, CallRecord), LedgerError> {
        let route = Route::TagMachine;
        let granted = Grant::tag(&self.connection.api_root, machine, tag).to_string();
        let (subject, text) = (machine.as_str(), tag.as_str());
        let request = self
            .session
            .request(Some(entry), route.template(), subject, text, &granted)
            .await?;
        let called = self
            .sandbox
            .tag_machine(&self.connection, machine, tag)
            .await;
        slot.end(called.record.answered());
        debug!(%request, status = status_of(&called.record), "a tag request ended");
        let record = called.record.clone();
        let tagged = verdict(called);
        let (state, problem) = match &tagged {
            Ok(()) => (State::Succeeded, None),
            Err(problem) => (state_of_request(problem), Some(problem)),
        };
        self.session
            .answered(request, &record, state.name(), problem, None)
            .await?;
        Ok((tagged, record))
    }
}

/// Reports why a machine was not tagged, and records whether to retry.
fn report_failure(tagging: &Tagging, entry: &OrderRecord, problem: &Problem, events: &Events) {
    if problem.status == Some(403) && is_for_all(problem) {
        // Several orders may be in flight: the first one reports it.
        if !tagging.forbidden.swap(true, Ordering::Relaxed) {
            events.send(Event::TaggingStopped {
                problem: problem.clone(),
            });
        }
        return;
    }
    if problem.retry == Retry::Never {
        tagging.mark_done(entry);
    }
    events.send(Event::TagFailed {
        order: entry.into(),
        problem: problem.clone(),
    });
}

/// The outcome of a tag. As for an offboarding, the record decides, but a tag with an unknown
/// outcome may be set again.
fn verdict(called: CallOutcome<Result<(), TagError>>) -> Result<(), Problem> {
    let CallOutcome { result, record, .. } = called;
    let problem = match (record.delivery(), result) {
        (Delivery::Answered(200..=299), Ok(Ok(()))) => return Ok(()),
        (Delivery::Answered(status @ 200..=299), result) => {
            let said = match result {
                Ok(Err(error)) => Problem::from(error).message,
                Ok(Ok(())) => None,
                Err(error) => Some(error.to_string()),
            };
            let reason = failure(&record).map(ToOwned::to_owned).or(said);
            let reason = reason.unwrap_or_else(|| "the answer is invalid".to_owned());
            Problem {
                status: Some(status),
                ..Problem::new("unreadable-answer", Retry::Safe, reason)
            }
        }
        (Delivery::Answered(status), result) => judged(status, &record, result),
        (Delivery::Unanswered, result) => {
            let reason = match (failure(&record), result) {
                (Some(reason), _) => reason.to_owned(),
                (None, Err(error)) => error.to_string(),
                (None, Ok(_)) => "the connection ended without an answer".to_owned(),
            };
            Problem::new("outcome-unknown", Retry::Safe, reason)
        }
        (Delivery::NotSent, result) => unsent(&record, result),
    };
    Err(Problem {
        retry: match problem.retry {
            Retry::AskFirst => Retry::Safe,
            retry => retry,
        },
        ..problem
    })
}

fn unsent(record: &CallRecord, result: Result<Result<(), TagError>, CallError>) -> Problem {
    if let Some(problem) = refused(record) {
        return problem;
    }
    if let Some(reason) = failure(record) {
        return Problem::new("not-sent", Retry::Safe, reason);
    }
    match result {
        Ok(Err(
            error @ (TagError::InvalidMachineId(_)
            | TagError::InvalidTag(_)
            | TagError::Denied(_)
            | TagError::NoCredential(_)),
        )) => error.into(),
        Ok(_) => Problem::new("plugin", Retry::Safe, "the plugin did not set the tag"),
        Err(error) => unsent_problem(record, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{contract::ServiceError, egress::CallRecord};

    fn called(
        record: CallRecord,
        result: Result<Result<(), TagError>, CallError>,
    ) -> CallOutcome<Result<(), TagError>> {
        CallOutcome { result, record }
    }

    fn said(status: u16) -> ServiceError {
        ServiceError {
            status,
            code: None,
            message: None,
            target: None,
        }
    }

    #[test]
    fn what_was_answered_decides_and_a_tag_may_always_be_tried_again_where_it_may_be_there() {
        for (status, kind, retry) in [
            (200, "unreadable-answer", Retry::Safe),
            (303, "outcome-unknown", Retry::Safe),
            (400, "rejected", Retry::Never),
            (401, "unauthorized", Retry::Safe),
            (403, "forbidden", Retry::Never),
            (408, "outcome-unknown", Retry::Safe),
            (429, "throttled", Retry::Safe),
            (500, "service-failure", Retry::Safe),
        ] {
            let record = || CallRecord::of_answer(status, "{}");
            let lies: [Result<Result<(), TagError>, CallError>; 3] = [
                Ok(Err(TagError::NotSent("a lie".to_owned()))),
                Ok(Err(TagError::ServiceFailure(said(500)))),
                Err(CallError::Trap("unreachable".to_owned())),
            ];
            for lie in lies {
                let problem = verdict(called(record(), lie)).err();
                let found = problem.map(|problem| (problem.kind, problem.retry, problem.status));
                assert_eq!(found, Some((kind.into(), retry, Some(status))));
            }
            let success = verdict(called(record(), Ok(Ok(()))));
            assert_eq!(success.is_ok(), status == 200, "{status}");
        }
    }

    #[test]
    fn a_tag_that_nothing_was_sent_for_is_none() {
        let nothing = || CallRecord::default();
        let kind = |result| {
            let problem = verdict(called(nothing(), result)).err();
            problem.map_or_else(|| "none".into(), |problem| problem.kind)
        };
        assert_eq!(kind(Ok(Ok(()))), "plugin");
        assert_eq!(
            kind(Err(CallError::Trap("unreachable".to_owned()))),
            "plugin"
        );
        let invalid = TagError::InvalidTag("too long".to_owned());
        assert_eq!(kind(Ok(Err(invalid))), "invalid-tag");
        // The plugin claims an answer that the service did not send.
        assert_eq!(kind(Ok(Err(TagError::Forbidden(said(403))))), "plugin");
    }
}
