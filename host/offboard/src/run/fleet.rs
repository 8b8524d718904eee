//! Reads the whole fleet by pages, if that takes fewer calls than one for each machine.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    evaluate::{MAX_CANDIDATES, candidate},
    event::Event,
    event_stream::Events,
    pages::Pages,
    runner::Runner,
};
use crate::{
    contract::{Machine, MachineId, Problem, Retry, canonical_name, label},
    ledger::{LedgerError, OrderRecord, RunId},
    order::{DeviceSnapshot, State, Target},
};

/// The number of machines on one page. More would exceed the plugin's memory.
const FLEET_PAGE: u32 = 1000;
/// Up to this many machines are read one by one.
const FEW: u64 = 20;

/// The number of machines in the fleet.
pub(super) enum FleetSize {
    /// All were read.
    Known(u64),
    /// Not all were read, perhaps because of a problem.
    Unknown(Option<Problem>),
}

impl Runner {
    /// Reads the fleet, if it has fewer pages than there are machines to read, and
    /// evaluates the orders of its machines.
    ///
    /// # Errors
    /// The ledger cannot be used.
    pub(super) async fn preflight_fleet(
        &self,
        run: RunId,
        wanted: u64,
        events: &Events,
    ) -> Result<FleetSize, LedgerError> {
        let weighs = self.policy.largest_share.is_some();
        if wanted <= FEW && !weighs {
            return Ok(FleetSize::Unknown(None));
        }
        let mut count = 0;
        let mut pages = Pages::of_list(FLEET_PAGE);
        let mut cursor: Option<String> = None;
        let mut by_name = BTreeSet::new();
        let size = loop {
            // Each page costs one call, like each machine.
            if self.stopped() || (count > wanted.max(1) && !weighs) {
                break FleetSize::Unknown(None);
            }
            let page = self.fleet_page(cursor.as_deref(), FLEET_PAGE, &mut pages);
            let page = match page.await {
                Ok(page) => page,
                // Then the machines are read one by one. A missing permission is reported
                // there.
                Err(problem) => break FleetSize::Unknown(Some(problem)),
            };
            count += 1;
            if wanted > 0 {
                by_name.extend(self.preflight_page(run, &page.machines).await?);
            }
            let machines = pages.len();
            events.send(Event::FleetRead { machines });
            cursor = page.next;
            if cursor.is_none() {
                break FleetSize::Known(machines);
            }
        };
        if matches!(size, FleetSize::Unknown(_)) {
            // A name selects one machine only if all machines were read.
            self.forget_names(run, &by_name).await?;
        }
        Ok(size)
    }

    async fn forget_names(&self, run: RunId, numbers: &BTreeSet<u64>) -> Result<(), LedgerError> {
        let mut after = numbers
            .first()
            .copied()
            .unwrap_or_default()
            .saturating_sub(1);
        while numbers.range(after + 1..).next().is_some() {
            let ledger = self.session.ledger();
            let mut entries = ledger.entries(run, after, 500).await?;
            let Some(last) = entries.last() else {
                return Ok(());
            };
            after = last.number;
            entries.retain(|entry| numbers.contains(&entry.number) && !entry.confirmed);
            for entry in &mut entries {
                entry.order.clear_machine();
            }
            self.session.save_all(&mut entries).await?;
        }
        Ok(())
    }

    /// Evaluates the orders of the machines of a page. Returns the numbers of the orders
    /// that were given by name.
    async fn preflight_page(
        &self,
        run: RunId,
        machines: &[Machine],
    ) -> Result<Vec<u64>, LedgerError> {
        let plain = |machine: &Machine| {
            canonical_name(machine.computer_dns_name.as_deref().unwrap_or_default())
        };
        let ids: Vec<String> = machines
            .iter()
            .map(|machine| machine.id.to_ascii_lowercase())
            .collect();
        let names: HashSet<String> = machines
            .iter()
            .map(plain)
            .flat_map(|name| [label(&name).to_owned(), name])
            .collect();
        let names: Vec<String> = names.into_iter().collect();
        let ledger = self.session.ledger();
        let mut found = ledger.entries_of(run, &ids, &names).await?;
        // By the id or the name in the order, which several orders may share.
        let mut sought: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, entry) in found.iter().enumerate() {
            let target = entry.order.target();
            let key = target.sought().unwrap_or_else(|| target.to_string());
            sought.entry(key).or_default().push(at);
        }
        for (machine, id) in machines.iter().zip(&ids) {
            let name = plain(machine);
            let label = label(&name);
            let by_name = [Some(name.as_str()), Some(label).filter(|one| *one != name)];
            let keys = [Some(id.as_str())].into_iter().chain(by_name).flatten();
            for at in keys.filter_map(|key| sought.get(key)).flatten() {
                if let Some(entry) = found.get_mut(*at) {
                    self.evaluate_found(entry, machine);
                }
            }
        }
        self.session.save_all(&mut found).await?;
        let is_name = |entry: &&OrderRecord| entry.order.target().sought().is_some();
        let by_name = found.iter().filter(is_name);
        Ok(by_name.map(|entry| entry.number).collect())
    }

    /// An id selects one machine. If a name matches another machine on a later page, the
    /// order is rejected.
    fn evaluate_found(&self, entry: &mut OrderRecord, machine: &Machine) {
        let order = &entry.order;
        let is_new = order.state() == State::Planned && order.preflight().is_none();
        let known = order.machine().map(|known| known.as_str());
        let several = order.problem();
        let is_several = several.is_some_and(|problem| problem.kind == "ambiguous-name");
        let is_other = is_several || known.is_some_and(|id| !id.eq_ignore_ascii_case(&machine.id));
        match order.target().clone() {
            // The machine of this name was shown and confirmed before, so it stays.
            _ if is_new && !is_other => self.evaluate(entry, machine),
            _ if is_new => {}
            Target::Name(name) if is_other && !entry.confirmed => {
                let problem = ambiguous(&name, entry, machine);
                entry.order.reject_ambiguous(problem);
            }
            _ => {}
        }
    }
}

/// The problem of a name that another machine also has.
fn ambiguous(name: &str, entry: &OrderRecord, machine: &Machine) -> Problem {
    let known = entry.order.problem();
    let known = known.filter(|problem| problem.kind == "ambiguous-name");
    let (message, mut candidates) = match known {
        Some(problem) => (
            problem.message.clone().unwrap_or_default(),
            problem.candidates().to_vec(),
        ),
        None => {
            let device = entry.order.device().cloned().unwrap_or_default();
            let id = entry.order.machine().map_or("", MachineId::as_str);
            let first = candidate(id, &device);
            let message = format!("several machines have the name {name}: {first}");
            (message, vec![id.to_owned()])
        }
    };
    let message = if candidates.len() < MAX_CANDIDATES {
        candidates.push(machine.id.clone());
        let next = candidate(&machine.id, &DeviceSnapshot::from(machine));
        format!("{message}, {next}")
    } else {
        message
    };
    Problem::new("ambiguous-name", Retry::Never, message).with_candidates(candidates)
}
