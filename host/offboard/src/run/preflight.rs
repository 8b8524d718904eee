//! The preflight of a run, before anything is sent: whether each machine exists, is the
//! one that the list names, may be offboarded, and has no other order.

use tracing::{Instrument, info_span};

use super::{
    conflict::skip_conflicting,
    evaluate::{only_machine, settle_unsendable},
    event::Event,
    event_stream::Events,
    fleet::FleetSize,
    ready::{NextStep, ReadyOrder, SendContext},
    runner::Runner,
};
use crate::{
    contract::{Problem, Retry},
    grant::ClockReading,
    ledger::{LedgerError, OrderRecord, RunId},
    order::{Preflight, State, Target, Verdict},
    problem::{is_for_all_reads, state_if_undone},
};

/// The number of orders that are read from the ledger at once.
const ORDERS_PAGE: u32 = 500;
/// The number of machines that are read one by one before they are recorded. A run that ends
/// early reads at most this many again.
const SINGLE_READS: u32 = 20;

impl Runner {
    /// Reads the machine of every planned order of a run that had no preflight. Orders that
    /// cannot be sent are settled with the reason. A problem that all machines would have ends
    /// the preflight, and is returned.
    ///
    /// # Errors
    /// The ledger cannot be used.
    pub(crate) async fn preflight(
        &self,
        run: RunId,
        again: bool,
        events: &Events,
    ) -> Result<Option<Problem>, LedgerError> {
        let span = info_span!("preflight", %run);
        self.preflight_all(run, again, events)
            .instrument(span)
            .await
    }

    async fn preflight_all(
        &self,
        run: RunId,
        again: bool,
        events: &Events,
    ) -> Result<Option<Problem>, LedgerError> {
        let is_batch = self.session.ledger().counts(run).await?.total() > 1;
        let runner = self.for_run(is_batch);
        runner.preflight_run(run, again, events).await
    }

    async fn preflight_run(
        &self,
        run: RunId,
        again: bool,
        events: &Events,
    ) -> Result<Option<Problem>, LedgerError> {
        // Orders with a preflight were also compared with other orders.
        let wanted = self.session.ledger().not_looked_at(run).await?;
        let fleet = self.preflight_fleet(run, wanted, events).await?;
        let mut for_all = None;
        if wanted > 0 {
            for_all = self.preflight_each(run, events).await?;
            self.compare(run, again).await?;
        }
        if for_all.is_some() || self.stopped() {
            return Ok(for_all);
        }
        self.check_share(run, fleet).await?;
        Ok(None)
    }

    /// Reads the machines that were not in the fleet, one by one.
    async fn preflight_each(
        &self,
        run: RunId,
        events: &Events,
    ) -> Result<Option<Problem>, LedgerError> {
        let mut after = 0;
        loop {
            let entries = self
                .session
                .ledger()
                .unseen(run, after, SINGLE_READS)
                .await?;
            let Some(last) = entries.last() else {
                return Ok(None);
            };
            after = last.number;
            let mut seen = Vec::new();
            let mut for_all = None;
            for mut entry in entries {
                if self.stopped() {
                    break;
                }
                events.send(Event::Preflight {
                    order: (&entry).into(),
                });
                self.preflight_one(&mut entry, events).await;
                let problem = entry.order.problem();
                for_all = problem.filter(|problem| is_for_all_reads(problem)).cloned();
                seen.push(entry);
                if for_all.is_some() {
                    break;
                }
            }
            self.session.save_all(&mut seen).await?;
            if for_all.is_some() || self.stopped() {
                return Ok(for_all);
            }
        }
    }

    /// Reads the machine of an order that is about to be sent again, if its preflight is too
    /// old or another process has cleared it, and applies the policy. Returns the next step if
    /// the order must not be sent.
    pub(super) async fn refresh_preflight(
        &self,
        ready: &mut ReadyOrder,
        context: SendContext<'_>,
    ) -> Result<Option<NextStep>, LedgerError> {
        let now = ClockReading::now();
        let read_at = ready.read_at.or(context.read_at);
        let entry = &mut ready.entry;
        let is_fresh = read_at.is_some_and(|read| read.is_within(self.preflight_age, now));
        // An unknown order is only resent by the user's explicit choice, and stays unknown.
        let is_planned = entry.order.state() == State::Planned;
        if !is_planned || (is_fresh && entry.order.preflight().is_some()) {
            return Ok(None);
        }
        self.preflight_one(entry, context.events).await;
        if self.stopped() {
            return Ok(Some(NextStep::Leave));
        }
        let problem = entry.order.problem().cloned();
        self.session.save(entry).await?;
        ready.read_at = Some(now);
        Ok(match (ready.entry.order.state(), problem) {
            (State::Planned, _) => None,
            (State::NotSent, Some(problem)) if is_for_all_reads(&problem) => {
                Some(NextStep::StopRun(problem))
            }
            (State::NotSent | State::Rejected | State::Skipped, _) => Some(NextStep::SettledUnsent),
            // Another process has the order.
            _ => Some(NextStep::Leave),
        })
    }

    async fn preflight_one(&self, entry: &mut OrderRecord, events: &Events) {
        let settled = entry.order.machine().cloned();
        let found = match (entry.order.target().clone(), settled) {
            // Also if the name was looked up before: its id was shown and confirmed.
            (Target::Id(id), _) | (Target::Name(_), Some(id)) => self.machine(&id).await,
            (Target::Name(name), None) => match self.find(&name).await {
                Ok(machines) => only_machine(&name, machines),
                Err(problem) => Err(problem),
            },
        };
        match found {
            Ok(machine) => self.evaluate(entry, &machine),
            // An order with an id can be sent without the preflight.
            Err(problem)
                if problem.kind == "forbidden" && entry.order.target().sought().is_none() =>
            {
                events.send(Event::PreflightUnavailable {
                    order: (&*entry).into(),
                    problem: problem.clone(),
                });
                entry.order.record_preflight(Preflight::Unavailable);
                self.apply_policy(&mut entry.order, None);
            }
            Err(problem) => settle_unsendable(&mut entry.order, problem),
        }
    }

    /// Settles the orders whose machines have other orders, in this run or an earlier one.
    async fn compare(&self, run: RunId, again: bool) -> Result<(), LedgerError> {
        let mut after = 0;
        loop {
            let entries = self
                .session
                .ledger()
                .rivals(run, after, ORDERS_PAGE)
                .await?;
            let Some(last) = entries.last() else {
                return Ok(());
            };
            after = last.number;
            self.read_earlier_actions(&entries, again).await?;
            let mut settled: Vec<OrderRecord> = Vec::new();
            for mut entry in entries {
                // The outcome of the first order decides about the second.
                let machine = entry.order.machine();
                if settled.iter().any(|other| other.order.machine() == machine) {
                    self.session.save_all(&mut settled).await?;
                    settled.clear();
                }
                self.compare_one(run, &mut entry, again).await?;
                if entry.order.state() != State::Planned {
                    settled.push(entry);
                }
            }
            self.session.save_all(&mut settled).await?;
        }
    }

    async fn compare_one(
        &self,
        run: RunId,
        entry: &mut OrderRecord,
        again: bool,
    ) -> Result<(), LedgerError> {
        if let Some(twin) = self.session.ledger().twin(run, entry).await? {
            if twin == *entry.order.comment() {
                entry.order.skip(duplicate(
                    "this run already has the machine under another name",
                ));
            } else {
                entry.order.settle(Verdict::Rejected(duplicate(
                    "this run already has the machine under another name, with another comment",
                )));
            }
            return Ok(());
        }
        if let Some(conflict) = self.session.conflict(entry, again).await? {
            skip_conflicting(&mut entry.order, &conflict);
        }
        Ok(())
    }

    /// Rejects all planned orders if they are too large a share of the fleet. If the fleet
    /// could not be read, its problem decides whether they may be sent later.
    async fn check_share(&self, run: RunId, fleet: FleetSize) -> Result<(), LedgerError> {
        let planned = self.session.ledger().counts(run).await?.of(State::Planned);
        let (machines, failure) = match fleet {
            FleetSize::Known(machines) => (Some(machines), None),
            FleetSize::Unknown(failure) => (None, failure),
        };
        let Some(objection) = self.policy.objection_to_share(planned, machines) else {
            return Ok(());
        };
        let problem = match failure {
            Some(failure) if state_if_undone(&failure) == State::NotSent => Problem {
                message: Some(format!("{objection}: {failure}")),
                ..failure
            },
            _ => Problem::new("policy", Retry::Never, objection.to_string()),
        };
        self.settle_planned(run, &Verdict::Rejected(problem)).await
    }

    /// Settles all planned orders with the same verdict.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub(crate) async fn settle_planned(
        &self,
        run: RunId,
        verdict: &Verdict,
    ) -> Result<(), LedgerError> {
        loop {
            let mut entries = self.session.planned(run, 0, ORDERS_PAGE).await?;
            if entries.is_empty() {
                return Ok(());
            }
            for entry in &mut entries {
                entry.order.settle(verdict.clone());
            }
            self.session.save_all(&mut entries).await?;
        }
    }
}

fn duplicate(message: &str) -> Problem {
    Problem::new("duplicate", Retry::Never, message)
}
