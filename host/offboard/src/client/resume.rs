//! Plans the unfinished orders of an earlier run.

use std::sync::Arc;

use super::{Client, PlanError};
use crate::{
    contract::{Comment, Problem, ProblemKind, Retry},
    ledger::{LedgerError, OrderRecord, RunId, RunRow, discard_reason},
    order::{State, Verdict},
    plan::{Draft, Guards, Origin},
};

/// Unfinished runs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Unfinished {
    /// The runs of the client's tenant, application and API, oldest first; or the run that the
    /// caller named. That one may also have no tenant, if no request of it was sent: if it is
    /// reopened, the client's account adopts it.
    pub runs: Vec<RunRow>,
    /// The number of runs of other accounts.
    pub others: u64,
}

/// How runs are resumed.
#[derive(Debug, Clone, Copy, Default)]
pub struct ResumeOptions {
    /// Whether each order with an unknown outcome is sent once more if the service lists no
    /// action for it after the grace time. Its first request may have been carried out.
    pub resend_unknown: bool,
    /// Limits on the number of machines, for all runs together.
    pub guards: Guards,
    /// Whether a user will see the plans before they are confirmed. Otherwise they contain
    /// only orders that were confirmed before.
    pub will_be_shown: bool,
}

/// Runs whose unsent orders are planned again.
#[derive(Debug)]
pub struct Reopened {
    drafts: Vec<Draft>,
    machines: u64,
}

impl Reopened {
    /// The runs.
    #[must_use]
    pub fn drafts(&self) -> &[Draft] {
        &self.drafts
    }

    /// The total number of machines to which the runs would send a request.
    #[must_use]
    pub fn machines(&self) -> u64 {
        self.machines
    }
}

impl Client {
    /// The run with this id, the beginning of an id, or `last`. If `None`, all unfinished
    /// runs.
    ///
    /// # Errors
    /// The ledger has no such run, or the run belongs to another account. A run without a tenant
    /// of which nothing was sent belongs to any account of its API.
    pub async fn unfinished(&self, run: Option<&str>) -> Result<Unfinished, PlanError> {
        let session = self.session();
        if let Some(id) = run {
            let run = self.ledger().run(id).await?;
            if !session.owns(run.id).await? && !session.may_adopt(run.id).await? {
                return Err(PlanError::OtherAccount(Box::new(run)));
            }
            return Ok(Unfinished {
                runs: vec![run],
                others: 0,
            });
        }
        let mut unfinished = Unfinished {
            runs: Vec::new(),
            others: 0,
        };
        for run in self.ledger().unfinished().await? {
            if session.owns(run.id).await? {
                unfinished.runs.push(run);
            } else {
                unfinished.others += 1;
            }
        }
        Ok(unfinished)
    }

    /// The number of machines that these runs would send a request for if they were
    /// reopened. Changes nothing.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn resumable(
        &self,
        runs: &[RunRow],
        options: ResumeOptions,
    ) -> Result<u64, LedgerError> {
        let mut machines = 0;
        for run in runs {
            for state in REPLANNED {
                let mut pages = self.ledger().order_pages_in(run.id, state);
                while let Some(entries) = pages.next().await? {
                    let all = options.will_be_shown;
                    let planned = entries.iter().filter(|entry| is_replanned(entry, all));
                    machines += planned.count() as u64;
                }
            }
            machines += self.count_resent(run.id, options).await?;
        }
        Ok(machines)
    }

    /// Plans the unsent orders of these runs again. If no user will see the plans, this is
    /// also the check of a consent in advance.
    ///
    /// # Errors
    /// The ledger cannot be used, or the guards do not allow the number of machines. Then
    /// nothing was planned again. A run without a tenant is not reopened unless a user will see
    /// its plan ([`PlanError::WithoutTenant`]).
    pub async fn reopen(
        &self,
        runs: Vec<RunRow>,
        options: ResumeOptions,
    ) -> Result<Reopened, PlanError> {
        // Before anything is planned again: another process may be sending these runs.
        let machines = self.resumable(&runs, options).await?;
        if options.will_be_shown {
            options.guards.check(machines)?;
        } else {
            options.guards.check_consent(machines)?;
        }
        for run in &runs {
            self.adopt(run, options).await?;
        }
        let mut counts = Vec::new();
        for run in &runs {
            self.put_back(run.id, options.will_be_shown).await?;
            let planned = self.ledger().counts(run.id).await?.of(State::Planned);
            counts.push(planned + self.count_resent(run.id, options).await?);
        }
        let machines = counts.iter().sum();
        let draft = |(run, counted): (RunRow, u64)| Draft {
            run: run.id,
            id: run.uuid,
            tag: run.tag,
            again: run.again,
            resend_unknown: options.resend_unknown,
            origin: Origin::Resumed,
            guards: options.guards,
            guarded: machines,
            machines: counted,
            read_at: Arc::default(),
            session: self.who().session,
        };
        Ok(Reopened {
            drafts: runs.into_iter().zip(counts).map(draft).collect(),
            machines,
        })
    }

    /// Moves a run without a tenant to the client's account.
    async fn adopt(&self, run: &RunRow, options: ResumeOptions) -> Result<(), PlanError> {
        let session = self.session();
        if session.owns(run.id).await? {
            return Ok(());
        }
        // Its orders were confirmed for an unknown tenant.
        if !options.will_be_shown {
            return Err(PlanError::WithoutTenant(run.uuid));
        }
        Ok(session.adopt(run.id).await?)
    }

    /// Discards the orders of a run that a resume would send, as `Ledger::discard_unsent` does,
    /// also of a run that this client created. Returns the number of orders that were discarded.
    ///
    /// # Errors
    /// Another process executes the run, the run belongs to another account, or the ledger
    /// cannot be written.
    pub async fn discard_unsent(
        &self,
        run: &RunRow,
        comment: Option<&Comment>,
    ) -> Result<u64, PlanError> {
        if !self.session().owns(run.id).await? {
            return Err(PlanError::OtherAccount(Box::new(run.clone())));
        }
        let reason = discard_reason(self.who(), comment);
        Ok(self.session().discard_unsent(run, &reason).await?)
    }

    /// The number of orders with an unknown outcome, if they are sent once more.
    async fn count_resent(&self, run: RunId, options: ResumeOptions) -> Result<u64, LedgerError> {
        if !options.resend_unknown {
            return Ok(0);
        }
        Ok(self.ledger().counts(run).await?.of(State::Unknown))
    }

    /// Plans orders again that were not sent: the confirmed ones, or all if a user will see the
    /// plan. Their machines are read again, because the policy or an earlier
    /// offboarding may now lead to another decision. Planned orders that a user saw and did
    /// not confirm are settled, unless a user will see them again.
    pub(super) async fn put_back(&self, run: RunId, all: bool) -> Result<(), LedgerError> {
        for state in REPLANNED {
            let mut pages = self.ledger().order_pages_in(run, state);
            while let Some(mut entries) = pages.next().await? {
                entries.retain(|entry| state == State::Planned || is_replanned(entry, all));
                for entry in &mut entries {
                    if is_replanned(entry, all) {
                        entry.order.replan();
                        entry.order.clear_preflight();
                    } else {
                        entry.order.settle(Verdict::NotSent(Problem::new(
                            ProblemKind::Interrupted,
                            Retry::Safe,
                            "it was planned again and not confirmed",
                        )));
                    }
                }
                self.session().save_all(&mut entries).await?;
            }
        }
        Ok(())
    }

    /// Forgets the preflights of the planned orders: another process, with another policy,
    /// may have recorded them since this client put the orders back (a race).
    pub(super) async fn forget_preflights(&self, run: RunId) -> Result<(), LedgerError> {
        let mut pages = self.ledger().order_pages_in(run, State::Planned);
        while let Some(mut entries) = pages.next().await? {
            entries.retain(|entry| entry.order.preflight().is_some());
            for entry in &mut entries {
                entry.order.clear_preflight();
            }
            self.session().save_all(&mut entries).await?;
        }
        Ok(())
    }
}

/// The states of orders that may be planned again. Planned orders are last: an order that was
/// put back is one of them.
const REPLANNED: [State; 2] = [State::NotSent, State::Planned];

/// Whether an order is planned again: it was confirmed, or all orders are shown to a user. A
/// rejected order is final.
fn is_replanned(entry: &OrderRecord, all: bool) -> bool {
    (entry.confirmed || all) && REPLANNED.contains(&entry.order.state())
}
