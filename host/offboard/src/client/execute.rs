//! The execution of a confirmed plan, in a task of its own.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Stream, StreamExt};
use thiserror::Error;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Client;
use crate::{
    ledger::{LedgerError, OrderCounts, RunId},
    order::State,
    plan::{ConfirmedPlan, Plan},
    run::{self, DryRun, Event, EventStream, Events, Runner, SendOptions},
};

impl Client {
    /// Executes a confirmed plan: records the confirmation, sends the requests, reconciles
    /// unknown outcomes by querying the service, and tracks the actions for at most
    /// `tracking`. If it is `None`, only actions of a resumed run are queried, once.
    ///
    /// The execution runs in its own task, so that a slow reader of its events delays nothing.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    #[must_use = "a run whose result is not read may have failed"]
    pub fn execute(&self, confirmed: ConfirmedPlan, tracking: Option<Duration>) -> Run {
        let (events, stream) = run::events();
        let (id, run) = (confirmed.plan.id(), confirmed.plan.run());
        let client = self.clone();
        let runner = self.runner().child();
        let stop = runner.stop_token().clone();
        // Prevents a race: `Client::end` waits for this lock, so it is taken before the task
        // starts.
        let executing = Arc::clone(&self.0.executing).try_read_owned();
        let task = tokio::spawn(async move {
            // The client is ending: the ledger is about to be closed.
            let _executing = executing.map_err(|_| RunError::Aborted)?;
            client
                .carry_out(&runner, &confirmed, tracking, &events)
                .await
        });
        Run {
            id,
            run,
            events: stream,
            task,
            stop,
            client: self.clone(),
        }
    }

    /// Reads from the service which machines of a plan have an offboarding in progress.
    ///
    /// # Errors
    /// The ledger cannot be used.
    pub async fn dry_run(&self, plan: &Plan) -> Result<DryRun, LedgerError> {
        let runner = self.runner();
        runner
            .dry_run(plan.run(), plan.machines, plan.draft.again)
            .await
    }

    async fn carry_out(
        &self,
        runner: &Runner,
        confirmed: &ConfirmedPlan,
        tracking: Option<Duration>,
        events: &Events,
    ) -> Result<(), RunError> {
        let plan = &confirmed.plan;
        if plan.draft.session != self.who().session {
            return Err(RunError::AnotherClient);
        }
        let session = self.session();
        let succeeded = runner.succeeded(plan.run()).await?;
        session
            .confirm(plan.run(), confirmed.covers_all(), &confirmed.confirmation)
            .await?;
        if plan.problem.is_some() {
            return Ok(());
        }
        // Unknown orders that are resent are part of the plan.
        let unresolved = if plan.draft.resend_unknown {
            0
        } else {
            let counts = session.ledger().counts(plan.run()).await?;
            counts.of(State::Unknown)
        };
        events.send(Event::Sending {
            machines: plan.machines,
            unresolved,
        });
        let sending = SendOptions {
            again: plan.draft.again,
            resend_unknown: plan.draft.resend_unknown,
            tag: plan.draft.tag.clone(),
            read_at: Some(plan.read_at),
        };
        runner.send(plan.run(), sending, events).await?;
        if tracking.is_some() || plan.tracked > 0 {
            let counts = session.ledger().counts(plan.run()).await?;
            events.send(Event::Tracking {
                actions: counts.of(State::Accepted) + counts.of(State::Pending),
            });
            runner.track(plan.run(), tracking, events).await?;
        }
        // The offboarding may have ended long ago, and the machine may have been seen since.
        Ok(runner.check_succeeded(plan.run(), &succeeded).await?)
    }
}

/// A run in execution. As a stream, it yields the events, and ends with the execution.
///
/// Dropping it does not stop the execution: use [`Run::stop`] or [`Run::abort_handle`].
/// [`Client::end`] stops it and waits for it.
#[derive(Debug)]
pub struct Run {
    id: Uuid,
    run: RunId,
    events: EventStream,
    task: JoinHandle<Result<(), RunError>>,
    stop: CancellationToken,
    client: Client,
}

/// The result of a run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunSummary {
    /// The id of the run.
    pub id: Uuid,
    /// The number of its orders in each state.
    pub counts: OrderCounts,
}

/// A run was not executed to its end. The ledger has the state of every order.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The ledger cannot be used, so nothing more was sent.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The plan belongs to another client. Nothing was sent.
    #[error("the run was planned by another client")]
    AnotherClient,
    /// The run was aborted.
    #[error("the run was aborted")]
    Aborted,
}

impl Run {
    /// The id of the run.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The run in the ledger.
    #[must_use]
    pub fn run(&self) -> RunId {
        self.run
    }

    /// Stops the run: requests in flight are finished, and nothing more is sent. The rest
    /// can be resumed. Other runs of the client continue.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Aborts the run at once, also with requests in flight: their outcomes are unknown.
    /// Call [`Client::leave_unknown`] after that.
    #[must_use]
    pub fn abort_handle(&self) -> AbortHandle {
        self.task.abort_handle()
    }

    /// Waits for the end of the run, and discards the events that were not read.
    ///
    /// # Errors
    /// See [`RunError`].
    pub async fn finish(mut self) -> Result<RunSummary, RunError> {
        while self.events.next().await.is_some() {}
        match (&mut self.task).await {
            Ok(executed) => executed?,
            Err(error) if error.is_cancelled() => return Err(RunError::Aborted),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
        Ok(RunSummary {
            id: self.id,
            counts: self.client.ledger().counts(self.run).await?,
        })
    }
}

impl Stream for Run {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        Pin::new(&mut self.events).poll_next(context)
    }
}
