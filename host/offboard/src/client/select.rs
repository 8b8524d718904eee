//! Selects machines of the fleet: by rule, by Entra device id, and by search. Each reads the whole
//! fleet. A list of the fleet that may be incomplete is never used.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use thiserror::Error;

use super::Client;
use crate::{
    contract::{Comment, Machine, MachineId, Problem, canonical_name},
    identity::TokenClaims,
    run::Events,
    selection::{
        EntraDevices, MachineQuery, MachineReference, NearestNames, Rule, RuleVerdict,
        SelectedMachine, Selection,
    },
    verify::{addresses, entra_device, machine_facts},
};

/// The most pages of the fleet that are read for suggestions.
const SUGGESTION_PAGES: u64 = 10;
/// How long a token may have expired by the clock of this computer when the service accepts it.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(10 * 60);
/// The most names that are suggested.
const SUGGESTIONS: usize = 5;

/// The machines of the fleet that a rule selects.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RuleSelection {
    /// The machines, in the order of their ids, each with the name that the service reports.
    pub selection: Selection,
    /// The number of machines in the fleet.
    pub fleet: u64,
    /// The number of machines that were not selected because the service does not report a fact
    /// that the rule needs.
    pub undecided: u64,
}

/// Why no machines were selected.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SelectError {
    /// The rule would select the whole fleet.
    #[error("the rule has no conditions")]
    EmptyRule,
    /// The rule has an agent version and no operating system. Versions of different operating
    /// systems cannot be compared.
    #[error("the rule has an agent version, but no operating system")]
    AgentWithoutSystem,
    /// The service accepts the token, which has expired by the clock of this computer: the clock
    /// is ahead, and machines would seem to be inactive.
    #[error("the clock of this computer is ahead of the service's clock")]
    Clock,
    /// The fleet could not be read completely.
    #[error("the fleet could not be read")]
    Fleet(#[source] Problem),
}

/// A machine that a rule may select.
struct Found {
    name: Option<String>,
    verdict: RuleVerdict,
}

impl Client {
    /// Selects the machines of the fleet that meet a rule. The selection is subject to the same
    /// policy and guards as any other.
    ///
    /// # Errors
    /// The rule is empty, there is no token, or the fleet could not be read completely.
    pub async fn select(
        &self,
        rule: &Rule,
        comment: &Comment,
        events: &Events,
    ) -> Result<RuleSelection, SelectError> {
        if rule.is_empty() {
            return Err(SelectError::EmptyRule);
        }
        if rule.older_agent_than.is_some() && rule.systems.is_empty() {
            return Err(SelectError::AgentWithoutSystem);
        }
        self.check_token().map_err(SelectError::Fleet)?;
        let now = Timestamp::now();
        // If the service accepts the token below, this computer's clock is wrong.
        let is_expired = |claims: &TokenClaims| claims.ended() > Some(CLOCK_TOLERANCE);
        let was_expired = self.claims().is_some_and(is_expired);
        let mut found: HashMap<MachineId, Found> = HashMap::new();
        let fleet = self.runner().read_fleet(None, events, |id, machine| {
            let facts = machine_facts(&machine.json).unwrap_or_default();
            let verdict = rule.evaluate(&facts, now);
            if let Some(known) = found.get_mut(id) {
                // The fleet changed while it was read: both entries must meet the rule.
                known.verdict = both(known.verdict, verdict);
                return;
            }
            let name = machine.computer_dns_name.clone();
            found.insert(id.clone(), Found { name, verdict });
        });
        let fleet = fleet.await.map_err(SelectError::Fleet)?;
        if rule.inactive_for.is_some() && was_expired {
            return Err(SelectError::Clock);
        }
        let is = |verdict| move |found: &&Found| found.verdict == verdict;
        let undecided = found.values().filter(is(RuleVerdict::Undecided)).count();
        let mut selected: Vec<(MachineId, Found)> = found
            .into_iter()
            .filter(|(_, found)| found.verdict == RuleVerdict::Selected)
            .collect();
        selected.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        let selected = selected.into_iter().map(|(id, found)| SelectedMachine {
            machine: MachineReference::from(id),
            display_name: found.name,
            comment: comment.clone().into(),
        });
        Ok(RuleSelection {
            selection: selected.collect(),
            fleet: fleet.machines,
            undecided: undecided as u64 + fleet.odd,
        })
    }

    /// The machines of the fleet by their Entra device ids.
    ///
    /// # Errors
    /// There is no token, or the fleet could not be read completely.
    pub async fn entra_devices(&self, events: &Events) -> Result<EntraDevices, SelectError> {
        self.check_token().map_err(SelectError::Fleet)?;
        let mut devices = EntraDevices::default();
        let fleet = self.runner().read_fleet(None, events, |id, machine| {
            if let Some(device) = entra_device(&machine.json) {
                devices.add(device, id.clone());
            }
        });
        fleet.await.map_err(SelectError::Fleet)?;
        Ok(devices)
    }

    /// The machines that a query finds, each once.
    ///
    /// # Errors
    /// There is no token, or the service could not be read. For an Entra device id, an address
    /// or a prefix: the fleet could not be read completely.
    pub async fn search(
        &self,
        query: &MachineQuery,
        events: &Events,
    ) -> Result<Vec<Machine>, Problem> {
        if let MachineQuery::Machine(machine) = query {
            self.bind_tenant_of([machine]).await;
        }
        self.check_token()?;
        match query {
            MachineQuery::Machine(machine) => match machine.id() {
                Some(id) => self.machine_if_listed(id).await,
                None => self.runner().find(&machine.target.to_string()).await,
            },
            MachineQuery::Name(name) => self.runner().find(name).await,
            MachineQuery::EntraDevice(device) => {
                self.machines_with(events, |machine| {
                    entra_device(&machine.json) == Some(*device)
                })
                .await
            }
            MachineQuery::Address(address) => {
                self.machines_with(events, |machine| addresses(&machine.json).contains(address))
                    .await
            }
            MachineQuery::Prefix(prefix) => {
                let prefix = canonical_name(prefix);
                self.machines_with(events, |machine| {
                    let name = machine.computer_dns_name.as_deref().unwrap_or_default();
                    canonical_name(name).starts_with(&prefix)
                })
                .await
            }
        }
    }

    /// Names of the fleet that resemble this one, the nearest first. Only the first machines of
    /// a large fleet are considered.
    ///
    /// # Errors
    /// As [`Client::search`].
    pub async fn nearest_names(&self, name: &str, events: &Events) -> Result<Vec<String>, Problem> {
        self.check_token()?;
        let mut nearest = NearestNames::new(name, SUGGESTIONS);
        let add = |_: &MachineId, machine: &Machine| {
            if let Some(name) = &machine.computer_dns_name {
                nearest.add(name);
            }
        };
        let pages = Some(SUGGESTION_PAGES);
        self.runner().read_fleet(pages, events, add).await?;
        Ok(nearest.names())
    }

    async fn machine_if_listed(&self, id: &MachineId) -> Result<Vec<Machine>, Problem> {
        match self.runner().machine(id).await {
            Ok(machine) => Ok(vec![machine]),
            Err(problem) if problem.kind == "not-found" => Ok(Vec::new()),
            Err(problem) => Err(problem),
        }
    }

    async fn machines_with(
        &self,
        events: &Events,
        is_sought: impl Fn(&Machine) -> bool,
    ) -> Result<Vec<Machine>, Problem> {
        let mut found: Vec<Machine> = Vec::new();
        let add = |_: &MachineId, machine: &Machine| {
            if is_sought(machine) && !found.iter().any(|known| known.id == machine.id) {
                found.push(machine.clone());
            }
        };
        self.runner().read_fleet(None, events, add).await?;
        Ok(found)
    }
}

/// The verdict on a machine that is listed twice.
fn both(one: RuleVerdict, other: RuleVerdict) -> RuleVerdict {
    use RuleVerdict::{NotSelected, Selected, Undecided};
    match (one, other) {
        (Selected, Selected) => Selected,
        (NotSelected, _) | (_, NotSelected) => NotSelected,
        (Undecided, _) | (_, Undecided) => Undecided,
    }
}
