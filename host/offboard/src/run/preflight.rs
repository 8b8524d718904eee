//! A look at the machines of a run, before anything is sent: whether each is
//! there, is the one that is meant, may be offboarded, and is not under way
//! already.

use jiff::Timestamp;
use tracing::{Instrument, info_span};

use super::{Event, Events, Runner, Since};
use crate::{
    contract::{Machine, MachineId, Problem, Retry, refers_to},
    ledger::{Entry, LedgerError, RunId, Taken},
    order::{Look, Order, Seen, State, Target, Verdict},
    verify::{facts, seen},
};

/// Candidates that are listed for an ambiguous name.
pub(super) const MAX_CANDIDATES: usize = 10;
/// Orders that are read from the ledger at once.
const PAGE: u32 = 500;
/// Machines that are looked up one by one before they are put on record: what
/// was asked is not to be asked again.
const ONES: u32 = 20;

impl Runner {
    /// Looks at every planned machine of a run that was not looked at. Those that
    /// cannot be sent are settled with the reason. What would meet all of them
    /// ends the look, and is returned.
    ///
    /// # Errors
    /// The ledger cannot be used.
    pub async fn preflight(
        &self,
        run: RunId,
        again: bool,
        events: &Events,
    ) -> Result<Option<Problem>, LedgerError> {
        let span = info_span!("preflight", %run);
        self.look_at_all(run, again, events).instrument(span).await
    }

    async fn look_at_all(
        &self,
        run: RunId,
        again: bool,
        events: &Events,
    ) -> Result<Option<Problem>, LedgerError> {
        // What was looked at was compared, too.
        let wanted = self.session.ledger().not_looked_at(run).await?;
        let fleet = self.look_at_the_fleet(run, wanted, events).await?;
        if wanted > 0 {
            let for_all = self.look_at_each(run, events).await?;
            self.compare(run, again).await?;
            if for_all.is_some() || self.stopped() {
                return Ok(for_all);
            }
        }
        self.weigh(run, fleet).await?;
        Ok(None)
    }

    /// Looks at those that the fleet did not show.
    async fn look_at_each(
        &self,
        run: RunId,
        events: &Events,
    ) -> Result<Option<Problem>, LedgerError> {
        let mut after = 0;
        loop {
            let entries = self.session.ledger().unseen(run, after, ONES).await?;
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
                self.look_at_one(&mut entry, events).await;
                let problem = entry.order.problem();
                for_all = problem.filter(|problem| is_for_all(problem)).cloned();
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

    async fn look_at_one(&self, entry: &mut Entry, events: &Events) {
        let settled = entry.order.machine().cloned();
        let found = match (entry.order.target().clone(), settled) {
            // Also of a name that was looked up before: that was shown and confirmed.
            (Target::Id(id), _) | (Target::Name(_), Some(id)) => self.machine(&id).await,
            (Target::Name(name), None) => match self.find(&name).await {
                Ok(machines) => the_one(&name, machines),
                Err(problem) => Err(problem),
            },
        };
        match found {
            Ok(machine) => self.judge(entry, &machine),
            // An id can be sent all the same.
            Err(problem)
                if problem.kind == "forbidden" && entry.order.target().sought().is_none() =>
            {
                events.send(Event::PreflightUnavailable {
                    order: (&*entry).into(),
                    problem: problem.clone(),
                });
                entry.order.looked(Look::Unavailable);
                self.ask_policy(&mut entry.order, None);
            }
            Err(problem) => refuse(&mut entry.order, problem),
        }
    }

    /// What this machine means for its order.
    pub(super) fn judge(&self, entry: &mut Entry, machine: &Machine) {
        let order = &mut entry.order;
        let id = match machine.id.parse::<MachineId>() {
            Ok(id) => id,
            Err(error) => {
                let asked = order.target();
                let message = format!("the service's id of {asked} is not usable: {error}");
                let problem = Problem::new("unreadable-answer", Retry::Never, message);
                return refuse(order, problem);
            }
        };
        order.resolved(id, machine.computer_dns_name.clone());
        order.looked(Look::Seen(seen(machine)));
        self.ask_policy(order, Some(machine));
        if order.state() == State::Planned
            && let Some(problem) = objection(entry.called.as_deref(), machine)
        {
            entry.order.settle(Verdict::Rejected(problem));
        }
    }

    fn ask_policy(&self, order: &mut Order, machine: Option<&Machine>) {
        if self.policy.is_empty() {
            return;
        }
        let known = machine.and_then(|machine| facts(&machine.json));
        let objection = order.machine().and_then(|machine| {
            self.policy
                .objection(machine, known.as_ref(), Timestamp::now())
        });
        if let Some(objection) = objection {
            let problem = Problem::new("policy", Retry::Never, objection.to_string());
            order.settle(Verdict::Rejected(problem));
        }
    }

    /// Whether their machines have other orders: in this run, or in one before.
    async fn compare(&self, run: RunId, again: bool) -> Result<(), LedgerError> {
        let mut after = 0;
        loop {
            let entries = self.session.ledger().rivals(run, after, PAGE).await?;
            let Some(last) = entries.last() else {
                return Ok(());
            };
            after = last.number;
            let mut settled: Vec<Entry> = Vec::new();
            for mut entry in entries {
                // What became of the first says what becomes of the second.
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
        entry: &mut Entry,
        again: bool,
    ) -> Result<(), LedgerError> {
        if let Some(twin) = self.session.ledger().twin(run, entry).await? {
            match twin == *entry.order.comment() {
                true => entry.order.skip(duplicate(
                    "another name of a machine that this run has already",
                )),
                false => entry.order.settle(Verdict::Rejected(duplicate(
                    "another name of a machine that this run has already, with another comment",
                ))),
            }
            return Ok(());
        }
        if let Some(taken) = self.session.taken(entry, again).await? {
            stand_aside(&mut entry.order, &taken);
        }
        Ok(())
    }

    /// Whether so many machines may be offboarded at once.
    async fn weigh(&self, run: RunId, fleet: Option<u64>) -> Result<(), LedgerError> {
        let planned = self.session.ledger().counts(run).await?.of(State::Planned);
        let Some(objection) = self.policy.objection_to_share(planned, fleet) else {
            return Ok(());
        };
        let problem = Problem::new("policy", Retry::Never, objection.to_string());
        self.settle_planned(run, &Verdict::Rejected(problem)).await
    }

    /// Settles all that is planned alike.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn settle_planned(&self, run: RunId, verdict: &Verdict) -> Result<(), LedgerError> {
        loop {
            let mut entries = self.session.planned(run, 0, PAGE).await?;
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

/// A problem of the token would meet every machine.
fn is_for_all(problem: &Problem) -> bool {
    matches!(
        &*problem.kind,
        "unauthorized" | "no-credential" | "no-authority" | "ledger"
    )
}

fn duplicate(message: &str) -> Problem {
    Problem::new("duplicate", Retry::Never, message)
}

/// Skips an order if another order has its machine.
pub(super) fn stand_aside(order: &mut Order, taken: &Taken) {
    let problem = stands_in_the_way(order, taken);
    order.skip(problem);
}

/// Why a machine is left out that another order has.
fn stands_in_the_way(order: &Order, taken: &Taken) -> Problem {
    let Taken::Machine {
        run,
        state,
        action,
        answer,
        failed_later,
    } = taken
    else {
        return Problem::new("under-way", Retry::Never, "another process is at it");
    };
    let run = run.split('-').next().unwrap_or_default();
    let action = action
        .as_ref()
        .map_or_else(String::new, |id| format!(", by action {id}"));
    let (kind, message) = match state {
        State::Sending => ("under-way", format!("run {run} is sending it now")),
        State::Unknown => (
            "under-way",
            format!("run {run} does not know what became of it: resume that run"),
        ),
        // An earlier success does not show what the machine is now.
        State::Succeeded => {
            let since = Since::of(order.seen(), answer.as_deref().unwrap_or_default());
            return since
                .but_failed(*failed_later)
                .problem(&format!("run {run} offboarded it{action}"));
        }
        _ => (
            "still-pending",
            format!("run {run} ordered it, and the service accepted it{action}"),
        ),
    };
    Problem::new(kind, Retry::Never, message)
}

/// The one machine of a name.
fn the_one(name: &str, mut machines: Vec<Machine>) -> Result<Machine, Problem> {
    let Some(last) = machines.pop() else {
        let message = format!("no machine has the name {name}");
        return Err(Problem::new("not-found", Retry::Never, message));
    };
    if machines.is_empty() {
        return Ok(last);
    }
    machines.push(last);
    let candidates: Vec<String> = machines
        .iter()
        .take(MAX_CANDIDATES)
        .map(|machine| candidate(&machine.id, &Seen::from(machine)))
        .collect();
    let message = format!(
        "{} machines have the name {name}: {}",
        machines.len(),
        candidates.join(", ")
    );
    Err(Problem::new("ambiguous-name", Retry::Never, message))
}

pub(super) fn candidate(id: &str, seen: &Seen) -> String {
    let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
    format!(
        "{id} ({}, {}, last seen {})",
        word(&seen.platform),
        word(&seen.health),
        word(&seen.last_seen)
    )
}

/// Why this is not the machine that a list means: a table that was sorted by
/// halves has an id beside another machine's name.
fn objection(called: Option<&str>, machine: &Machine) -> Option<Problem> {
    let called = called?;
    let name = machine.computer_dns_name.as_deref();
    // The service knows some machines by their labels alone.
    if name.is_some_and(|name| refers_to(called, name) || refers_to(name, called)) {
        return None;
    }
    let name = name.map_or_else(|| "nothing".to_owned(), |name| format!("{name:?}"));
    let message = format!("the list calls it {called:?}, and the service {name}");
    Some(Problem::new("wrong-machine", Retry::Never, message))
}

/// Settles an order that cannot be sent. Nothing left, but only what may be
/// tried again is called not sent.
fn refuse(order: &mut Order, problem: Problem) {
    order.settle(match &*problem.kind {
        "not-found" => Verdict::Rejected(Problem {
            kind: "machine-not-found".into(),
            ..problem
        }),
        // The offboarding was not sent, whatever became of the question.
        "no-answer" => Verdict::NotSent(Problem {
            kind: "not-sent".into(),
            retry: Retry::Safe,
            ..problem
        }),
        "plugin" | "interrupted" => Verdict::NotSent(Problem {
            retry: Retry::Safe,
            ..problem
        }),
        "no-credential" | "no-authority" | "throttled" | "service-failure" | "audit" | "ledger" => {
            Verdict::NotSent(problem)
        }
        _ => Verdict::Rejected(problem),
    });
}
