//! Machine actions of a machine: the newest offboarding, and the one that can be cancelled. What
//! is read of the action of an order is recorded with the order.

use thiserror::Error;
use tracing::warn;

use super::Client;
use crate::{
    contract::{
        ActionId, ActionType, InvalidMachineId, MachineAction, MachineId, Problem, ProblemKind,
        Retry,
    },
    ledger::{LedgerError, SentOrder},
    order::Target,
    run::Events,
};

impl Client {
    /// The id of the machine with this id or name.
    ///
    /// # Errors
    /// There is no token; no machine has the name, or several have it; or the service cannot be
    /// read.
    pub async fn machine_id(&self, target: &Target) -> Result<MachineId, Problem> {
        let name = match target {
            Target::Id(id) => return Ok(id.clone()),
            Target::Name(name) => name,
        };
        self.check_token()?;
        let machines = self.runner().find(name).await?;
        match machines.as_slice() {
            [machine] => machine.id.parse().map_err(|error: InvalidMachineId| {
                Problem::from_error(ProblemKind::UnreadableAnswer, Retry::Never, error)
            }),
            [] => {
                let message = format!("no machine has the name {name}");
                Err(Problem::new(ProblemKind::NotFound, Retry::Never, message))
            }
            several => {
                let ids: Vec<&str> = several.iter().map(|machine| machine.id.as_str()).collect();
                let message = format!(
                    "{} machines have the name {name}: {}",
                    ids.len(),
                    ids.join(", ")
                );
                let ids = ids.into_iter().map(ToOwned::to_owned).collect();
                let problem = Problem::new(ProblemKind::AmbiguousName, Retry::Never, message);
                Err(problem.with_candidates(ids))
            }
        }
    }

    /// The action with this id. The orders of the action in the ledger get its status.
    ///
    /// # Errors
    /// There is no token, the action does not exist, or the service cannot be read.
    pub async fn action(&self, id: &ActionId) -> Result<MachineAction, Problem> {
        self.check_token()?;
        let action = self.runner().action(id).await;
        let action = action.map_err(|problem| match problem.kind {
            ProblemKind::NotFound => Problem {
                kind: ProblemKind::ActionNotFound,
                ..problem
            },
            _ => problem,
        })?;
        self.record_status(&action).await;
        Ok(action)
    }

    /// The newest offboarding of a machine, in any state. The orders of the action in the
    /// ledger get its status.
    ///
    /// # Errors
    /// There is no token, the machine has no offboarding, or the service cannot be read.
    pub async fn newest_offboarding(&self, machine: &MachineId) -> Result<MachineAction, Problem> {
        self.check_token()?;
        let listing = self.runner().offboardings(&[machine]).await?;
        let Some(newest) = listing.of(machine).next() else {
            return self.recorded_action(machine).await;
        };
        self.record_status(newest).await;
        Ok(newest.clone())
    }

    /// The action of the newest order of a machine in the ledger: the service may list it without
    /// its machine.
    async fn recorded_action(&self, machine: &MachineId) -> Result<MachineAction, Problem> {
        let ledger = self.0.viewed.as_ref().unwrap_or(self.ledger());
        let sent = ledger.sent_order(self.who(), machine, None).await;
        let action = sent.ok().flatten().and_then(|sent| sent.action);
        let Some(id) = action.and_then(|id| id.parse::<ActionId>().ok()) else {
            return Err(no_offboarding(machine));
        };
        match self.action(&id).await {
            Err(problem) if problem.kind == ProblemKind::ActionNotFound => {
                Err(no_offboarding(machine))
            }
            // The service says now that it is the action of another machine.
            Ok(action)
                if action
                    .machine_id
                    .as_deref()
                    .is_some_and(|id| !id.eq_ignore_ascii_case(machine.as_str())) =>
            {
                Err(no_offboarding(machine))
            }
            read => read,
        }
    }

    /// Records the status of an action with its orders. A read does not fail because of the
    /// ledger: the next one records it.
    async fn record_status(&self, action: &MachineAction) {
        let events = Events::default();
        let recorded = self.runner().record_status(action, &events).await;
        if let Err(error) = recorded {
            warn!(action = %action.id, %error, "a status could not be recorded");
        }
    }

    /// The unfinished offboarding of a machine, which can be cancelled.
    ///
    /// # Errors
    /// There is no token, the machine has no unfinished offboarding, or the service cannot be
    /// read.
    pub async fn pending_offboarding(
        &self,
        machine: &MachineId,
    ) -> Result<Cancellable, NotCancellable> {
        self.check_token()?;
        let listing = self.runner().offboardings(&[machine]).await?;
        if let Some(pending) = listing.pending(machine)
            && let Ok(id) = pending.id.parse()
        {
            self.record_status(pending).await;
            let action = Some(Box::new(pending.clone()));
            return Ok(Cancellable { id, action });
        }
        let newest = match listing.of(machine).next() {
            Some(ended) => {
                self.record_status(ended).await;
                ended.clone()
            }
            None => self.recorded_action(machine).await?,
        };
        match newest.id.parse() {
            Ok(id) if !newest.status.is_final() => {
                let action = Some(Box::new(newest));
                Ok(Cancellable { id, action })
            }
            _ => Err(NotCancellable::ended(newest)),
        }
    }

    /// The offboarding with this id, which can be cancelled. If the token may not read actions,
    /// nothing is checked.
    ///
    /// # Errors
    /// It is another type of action, it has ended, the action does not exist, there is no token,
    /// or the service cannot be read.
    pub async fn cancellable(&self, id: &ActionId) -> Result<Cancellable, NotCancellable> {
        let cancellable = |action| Cancellable {
            id: id.clone(),
            action,
        };
        match self.action(id).await {
            Ok(action) if action.action_type != ActionType::Offboard => {
                let message = "this action is not an offboarding";
                Err(NotCancellable {
                    problem: Problem::new(ProblemKind::NoOffboarding, Retry::Never, message),
                    action: Some(Box::new(action)),
                })
            }
            Ok(action) if action.status.is_final() => Err(NotCancellable::ended(action)),
            Ok(action) => Ok(cancellable(Some(Box::new(action)))),
            Err(problem) if problem.kind == ProblemKind::Forbidden => Ok(cancellable(None)),
            Err(problem) => Err(problem.into()),
        }
    }

    /// The order of a machine in the ledger that the service may not list yet: its outcome is
    /// unknown, or `is_missing` is set. An offboarding that is not listed may have been
    /// carried out nevertheless. `listed` is the action that the service lists.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn unlisted_order(
        &self,
        machine: &MachineId,
        listed: Option<&MachineAction>,
        is_missing: bool,
    ) -> Result<Option<SentOrder>, LedgerError> {
        let ledger = self.0.viewed.as_ref().unwrap_or(self.ledger());
        let sent = ledger.sent_order(self.who(), machine, listed).await?;
        Ok(sent.filter(|sent| sent.is_unknown() || is_missing))
    }

    pub(super) fn check_token(&self) -> Result<(), Problem> {
        self.missing_token().cloned().map_or(Ok(()), Err)
    }
}

/// An offboarding that can be cancelled.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Cancellable {
    /// Its id.
    pub id: ActionId,
    /// The action, if it was read.
    pub action: Option<Box<MachineAction>>,
}

/// Why an action is not cancelled. Nothing was sent.
#[derive(Debug, Clone, Error)]
#[error("{problem}")]
#[non_exhaustive]
pub struct NotCancellable {
    /// The reason.
    #[source]
    pub problem: Problem,
    /// The action, if it was read.
    pub action: Option<Box<MachineAction>>,
}

impl NotCancellable {
    fn ended(action: MachineAction) -> Self {
        let (id, status) = (&action.id, action.status.name());
        let message = format!("offboarding {id} has ended: {status}");
        Self {
            problem: Problem::new(ProblemKind::AlreadyEnded, Retry::Never, message),
            action: Some(Box::new(action)),
        }
    }
}

impl From<Problem> for NotCancellable {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            action: None,
        }
    }
}

fn no_offboarding(machine: &MachineId) -> Problem {
    let message = format!("the service lists no offboarding of {machine}");
    Problem::new(ProblemKind::NoOffboarding, Retry::Never, message)
}
