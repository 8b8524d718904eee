//! Plans the unfinished orders of an earlier run.

use super::{Client, PlanError};
use crate::{
    contract::{Problem, ProblemKind, Retry},
    ledger::{LedgerError, OrderRecord, RunId, RunRow},
    order::{State, Verdict},
    plan::{Draft, GuardError, Guards, Origin},
};

/// The number of orders that are read from the ledger at once.
const ORDERS_PAGE: u32 = 500;

/// Unfinished runs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Unfinished {
    /// The runs of the client's tenant, application and API, oldest first.
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
    guards: Guards,
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

    /// Checks that all runs may be confirmed in advance.
    ///
    /// # Errors
    /// They have more machines than the guards allow.
    pub fn check_consent(&self) -> Result<(), GuardError> {
        self.guards.check_consent(self.machines)
    }
}

impl Client {
    /// The run with this id, the beginning of an id, or `last`. If `None`, all unfinished
    /// runs.
    ///
    /// # Errors
    /// The ledger has no such run, or the run belongs to another account.
    pub async fn unfinished(&self, run: Option<&str>) -> Result<Unfinished, PlanError> {
        let session = self.session();
        if let Some(id) = run {
            let run = self.ledger().run(id).await?;
            if !session.owns(run.id).await? {
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
            machines += self.put_back(run.id, options.will_be_shown, false).await?;
            if options.resend_unknown {
                let counts = self.ledger().counts(run.id).await?;
                machines += counts.of(State::Unknown);
            }
        }
        Ok(machines)
    }

    /// Plans the unsent orders of these runs again.
    ///
    /// # Errors
    /// The ledger cannot be used, or the number of machines is not the expected one.
    pub async fn reopen(
        &self,
        runs: Vec<RunRow>,
        options: ResumeOptions,
    ) -> Result<Reopened, PlanError> {
        let machines = self.resumable(&runs, options).await?;
        options.guards.check(machines)?;
        let mut counts = Vec::new();
        for run in &runs {
            self.put_back(run.id, options.will_be_shown, true).await?;
            let recorded = self.ledger().counts(run.id).await?;
            let resent = if options.resend_unknown {
                recorded.of(State::Unknown)
            } else {
                0
            };
            counts.push(recorded.of(State::Planned) + resent);
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
            session: self.who().session,
        };
        Ok(Reopened {
            drafts: runs.into_iter().zip(counts).map(draft).collect(),
            machines,
            guards: options.guards,
        })
    }

    /// Plans orders again that were not sent or were rejected: the confirmed ones, or all if a
    /// user will see the plan. Their machines are read again, because the policy or an earlier
    /// offboarding may now lead to another decision.
    ///
    /// Returns their number. Without `writes`, nothing is changed.
    pub(super) async fn put_back(
        &self,
        run: RunId,
        all: bool,
        writes: bool,
    ) -> Result<u64, LedgerError> {
        let session = self.session();
        let mut count = 0;
        for state in [State::NotSent, State::Rejected, State::Planned] {
            let mut after = 0;
            loop {
                let mut entries = session
                    .ledger()
                    .entries_in(run, state, after, ORDERS_PAGE)
                    .await?;
                let Some(last) = entries.last() else {
                    break;
                };
                after = last.number;
                // A user saw these orders and did not confirm them.
                let is_declined =
                    |entry: &OrderRecord| !all && !entry.confirmed && state == State::Planned;
                entries.retain(|entry| {
                    is_declined(entry)
                        || (entry.confirmed || all)
                            && (entry.order.may_be_replanned() || state == State::Planned)
                });
                for entry in &mut entries {
                    if is_declined(entry) {
                        entry.order.settle(Verdict::NotSent(Problem::new(
                            ProblemKind::Interrupted,
                            Retry::Safe,
                            "it was planned again and not confirmed",
                        )));
                        continue;
                    }
                    // It would be found again among the planned orders.
                    count += u64::from(!writes || state == State::Planned);
                    entry.order.replan();
                    entry.order.clear_preflight();
                }
                if writes {
                    session.save_all(&mut entries).await?;
                }
            }
        }
        Ok(count)
    }

    /// Forgets the preflights of the planned orders: another process, with another policy,
    /// may have recorded them since this client put the orders back (a race).
    pub(super) async fn forget_preflights(&self, run: RunId) -> Result<(), LedgerError> {
        let session = self.session();
        let mut after = 0;
        loop {
            let ledger = session.ledger();
            let planned = ledger.entries_in(run, State::Planned, after, ORDERS_PAGE);
            let mut entries = planned.await?;
            let Some(last) = entries.last() else {
                return Ok(());
            };
            after = last.number;
            entries.retain(|entry| entry.order.preflight().is_some());
            for entry in &mut entries {
                entry.order.clear_preflight();
            }
            session.save_all(&mut entries).await?;
        }
    }
}
