//! Reads the whole fleet by pages, if that takes fewer calls than one for each machine.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    evaluate::{MAX_CANDIDATES, candidate},
    event::Event,
    event_stream::Events,
    read::check_next,
    runner::Runner,
};
use crate::{
    contract::{Machine, MachineId, Problem, Retry, canonical_name, label},
    grant::Route,
    ledger::{LedgerError, OrderRecord, RunId},
    order::{DeviceSnapshot, State, Target},
    verify::Delivered,
};

/// The number of machines on one page. More would exceed the plugin's memory.
const FLEET_PAGE: u32 = 1000;
/// The most pages that are read, and the most in a row without a machine that is new. A service
/// may continue a list for ever.
const MAX_PAGES: u64 = 1000;
const MAX_IDLE_PAGES: u64 = 20;
/// Up to this many machines are read one by one.
const FEW: u64 = 20;

/// The number of machines in the fleet.
pub(super) enum FleetSize {
    /// All were read.
    Known(u64),
    /// Not all were read, perhaps because of a problem.
    Unknown(Option<Problem>),
}

/// A page of the fleet.
struct FleetPage {
    machines: Vec<Machine>,
    /// The ids of all machines on the page, in lower case.
    ids: Vec<String>,
    /// The number of machines on the page.
    count: u64,
    next: Option<String>,
}

/// How far the fleet was read.
#[derive(Default)]
struct FleetProgress {
    pages: u64,
    /// The pages in a row without a machine that is new.
    idle: u64,
    /// The ids of all entries so far, in lower case.
    known: HashSet<String>,
}

impl FleetProgress {
    /// Counts a page.
    ///
    /// # Errors
    /// The list has no end: it repeats itself, has nothing new for many pages, or is longer
    /// than any fleet.
    fn add(&mut self, page: &FleetPage) -> Result<(), Problem> {
        let before = self.known.len();
        self.known.extend(page.ids.iter().cloned());
        self.pages += 1;
        let has_more = self.known.len() > before;
        self.idle = if has_more { 0 } else { self.idle + 1 };
        // A service that ignores `$skip` returns the same page again and again.
        let is_repeated = !has_more && !page.ids.is_empty();
        if is_repeated || self.idle >= MAX_IDLE_PAGES || self.pages >= MAX_PAGES {
            let message = format!(
                "the service's list of machines has no end: {} machines on {} pages so far",
                before, self.pages
            );
            return Err(Problem::new("endless-list", Retry::Never, message));
        }
        Ok(())
    }
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
        let mut read = 0;
        let mut progress = FleetProgress::default();
        let mut cursor: Option<String> = None;
        let mut by_name = BTreeSet::new();
        let size = loop {
            // Each page costs one call, like each machine.
            if self.stopped() || (progress.pages > wanted.max(1) && !weighs) {
                break FleetSize::Unknown(None);
            }
            let page = match self.fleet_page(cursor.as_deref()).await {
                Ok(page) => page,
                // Then the machines are read one by one. A missing permission is reported
                // there.
                Err(problem) => break FleetSize::Unknown(Some(problem)),
            };
            if let Err(problem) = progress.add(&page) {
                break FleetSize::Unknown(Some(problem));
            }
            read += page.count;
            if wanted > 0 {
                by_name.extend(self.preflight_page(run, &page.machines).await?);
            }
            events.send(Event::FleetRead { machines: read });
            cursor = match page.next {
                Some(next) => Some(next),
                // For some services `$top` is the size of a page, for others the limit of the
                // whole result (as in OData): a full page is not the end.
                None if page.count >= u64::from(FLEET_PAGE) => {
                    Some(format!("$top={FLEET_PAGE}&$skip={read}"))
                }
                None => break FleetSize::Known(progress.known.len() as u64),
            };
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

    async fn fleet_page(&self, cursor: Option<&str>) -> Result<FleetPage, Problem> {
        let (page, record) = self
            .read(Route::ListMachines, || {
                self.sandbox
                    .list_machines(&self.connection, cursor, FLEET_PAGE)
            })
            .await?;
        let sent = Delivered::read(&record);
        check_next(sent.as_ref(), page.next.as_deref(), false)?;
        let mut machines = page.machines;
        machines.retain(|machine| sent.as_ref().is_some_and(|sent| sent.has_machine(machine)));
        let ids = sent.as_ref().and_then(Delivered::listed);
        let ids = ids.map(|ids| ids.map(|(id, _)| id.to_owned()).collect());
        let ids: Vec<String> = ids.unwrap_or_default();
        Ok(FleetPage {
            machines,
            count: ids.len() as u64,
            ids,
            next: page.next,
        })
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
    let known = match known.and_then(|problem| problem.message.clone()) {
        Some(message) => message,
        None => {
            let device = entry.order.device().cloned().unwrap_or_default();
            let id = entry.order.machine().map_or("", MachineId::as_str);
            let first = candidate(id, &device);
            format!("several machines have the name {name}: {first}")
        }
    };
    let message = match known.matches("last seen").count() {
        ..MAX_CANDIDATES => {
            let next = candidate(&machine.id, &DeviceSnapshot::from(machine));
            format!("{known}, {next}")
        }
        _ => known,
    };
    Problem::new("ambiguous-name", Retry::Never, message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn page(ids: &[String]) -> FleetPage {
        FleetPage {
            machines: Vec::new(),
            ids: ids.to_vec(),
            count: ids.len() as u64,
            next: Some("$skip=1".to_owned()),
        }
    }

    /// The number of pages until the list counts as endless.
    fn pages(ids_of: impl Fn(u64) -> Vec<String>) -> u64 {
        let mut progress = FleetProgress::default();
        let pages = (1..5000).find(|number| progress.add(&page(&ids_of(*number))).is_err());
        pages.unwrap()
    }

    #[test]
    fn every_list_of_the_fleet_has_an_end() {
        let id = |number: u64| format!("{number:040x}");
        assert_eq!(pages(|_| Vec::new()), MAX_IDLE_PAGES);
        assert_eq!(pages(|_| vec![id(1)]), 2);
        // Two pages in turn.
        assert_eq!(pages(|number| vec![id(number % 2)]), 3);
        assert_eq!(pages(|number| vec![id(number)]), MAX_PAGES);
        let mut progress = FleetProgress::default();
        assert!((1..MAX_PAGES).all(|number| progress.add(&page(&[id(number)])).is_ok()));
    }

    /// New machines move entries to the next page while the fleet is read.
    #[test]
    fn entries_that_move_to_the_next_page_do_not_end_the_list() {
        let id = |number: u64| format!("{number:040x}");
        let mut progress = FleetProgress::default();
        for number in 0..50 {
            let ids = [id(number), id(number + 1)];
            progress.add(&page(&ids)).unwrap();
        }
        assert_eq!(progress.known.len(), 51);
    }
}
