//! Cancels one action. The request is recorded like every POST, and never repeated. If the
//! service confirms it, the orders of the action are cancelled in the ledger, too.

use thiserror::Error;
use tracing::info;

use super::{
    event::Event,
    event_stream::Events,
    runner::{NoSlot, Runner, interrupted, status_of, unrecorded},
    verdict::cancel_verdict,
};
use crate::{
    contract::{ActionId, Comment, MachineAction, Problem},
    grant::{Grant, Route},
    ledger::LedgerError,
    order::{State, state_of},
    problem::state_of_request,
};

/// An action was not cancelled.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CancelError {
    /// The ledger cannot be written, so the request was not sent.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A problem of the service, the plugin or the connection.
    #[error(transparent)]
    Problem(#[from] Problem),
}

impl From<CancelError> for Problem {
    fn from(error: CancelError) -> Self {
        match error {
            CancelError::Ledger(error) => unrecorded(&error),
            CancelError::Problem(problem) => problem,
        }
    }
}

impl Runner {
    /// Cancels one action.
    ///
    /// # Errors
    /// See [`CancelError`].
    pub async fn cancel(
        &self,
        action: &ActionId,
        comment: &Comment,
        events: &Events,
    ) -> Result<MachineAction, CancelError> {
        let route = Route::CancelAction;
        let granted = Grant::cancel(&self.connection.api_root, action, comment).to_string();
        let request = || {
            let (route, action, comment) = (route.template(), action.as_str(), comment.as_str());
            self.session.request(None, route, action, comment, &granted)
        };
        let slot = match self.slot(route).await? {
            Ok(slot) => slot,
            Err(NoSlot::TooLong(problem)) => return Err(problem.into()),
            Err(NoSlot::Stopped) => {
                return Err(interrupted("interrupted before it was sent").into());
            }
        };
        let mut on_record = request().await?;
        let send = || {
            self.sandbox
                .cancel_action(&self.connection, action, comment)
        };
        let mut called = send().await;
        slot.end(called.record.answered());
        if self.renewed(&called.record).await
            && let Ok(slot) = self.slot(route).await?
            && !self.stopped()
        {
            let rejected = State::Rejected.name();
            self.session
                .answered(on_record, &called.record, rejected, None, None)
                .await?;
            on_record = request().await?;
            events.send(Event::TokenRenewed);
            called = send().await;
            slot.end(called.record.answered());
        }
        let record = called.record.clone();
        let result = cancel_verdict(action, called);
        info!(
            request = %on_record,
            action = %action,
            status = status_of(&record),
            is_cancelled = result.is_ok(),
            "a cancellation has an outcome"
        );
        let (state, problem) = match &result {
            Ok(action) => (state_of(&action.status).name(), None),
            Err(problem) => (state_of_request(problem).name(), Some(problem)),
        };
        let recorded = async {
            let session = &self.session;
            session
                .answered(on_record, &record, state, problem, None)
                .await?;
            match &result {
                Ok(action) => self.record_status(action, events).await,
                Err(_) => Ok(()),
            }
        };
        // The request was sent, so a failure to record it is only reported.
        if let Err(error) = recorded.await {
            events.send(Event::CancellationNotRecorded {
                error: error.to_string(),
            });
        }
        Ok(result?)
    }
}
