//! Searches for machines by name, completely. Whether the service compares names by case is not
//! documented. If it does, a search misses machines whose names are spelled differently, and a
//! name could seem to belong to only one machine. So the runner tests this once. If the service
//! compares by case, the whole fleet is searched.

use std::collections::HashSet;

use tracing::debug;

use super::{
    pages::{Pages, incomplete},
    runner::Runner,
};
use crate::{
    contract::{Machine, MachineId, MachinePage, Problem, Retry, canonical_name, label, refers_to},
    egress::CallRecord,
    grant::Route,
    verify::Delivered,
};

/// The number of machines on one page of a search.
const SEARCH_PAGE: u32 = 200;
/// The most pages of one search. A name that matches more machines is ambiguous.
const MAX_PAGES: usize = 24;
/// The number of machines on one page of the fleet. More would exceed the plugin's memory.
const FLEET_PAGE: u32 = 1000;
/// The most pages of the fleet that are searched for one name.
const MAX_FLEET_PAGES: usize = 50;
/// The most bytes of machines that one search keeps: thousands of machines.
const MAX_FOUND: usize = 8 * 1024 * 1024;
/// How many machines are searched for one that has letters in its name.
const SAMPLE: u32 = 20;

/// The machines of one page that egress delivered.
pub(super) struct MachinesPage {
    pub(super) machines: Vec<Machine>,
    /// The number of entries without a machine id.
    pub(super) odd: u64,
    /// Whether the plugin left out a machine that the service listed.
    pub(super) is_incomplete: bool,
    /// The cursor of the next page.
    pub(super) next: Option<String>,
}

impl Runner {
    /// Finds all machines with a name, each once.
    ///
    /// # Errors
    /// As [`Runner::machine`]; and if the list may be incomplete.
    pub async fn find(&self, name: &str) -> Result<Vec<Machine>, Problem> {
        // The service has no final dot in its names.
        let name = Some(name.trim_end_matches('.')).filter(|name| !name.is_empty());
        let name = name.unwrap_or(".");
        let found = self.search(name).await?;
        if self.ignores_case(name, &found).await? {
            return Ok(found);
        }
        debug!("the service compares names by case: the fleet is searched");
        self.find_in_fleet(name).await
    }

    /// What the service finds.
    async fn search(&self, name: &str) -> Result<Vec<Machine>, Problem> {
        let mut found = Found::new(name);
        let mut pages = Pages::of_search(SEARCH_PAGE);
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let read = self
                .read(Route::ListMachines, || {
                    let cursor = cursor.as_deref();
                    self.sandbox
                        .find_machines(&self.connection, name, cursor, SEARCH_PAGE)
                })
                .await;
            let page = self.machines_page(read, &mut pages)?;
            found.add(page.machines)?;
            cursor = page.next;
            if cursor.is_none() {
                return Ok(found.machines);
            }
        }
        Err(found.too_many())
    }

    /// The machines with this name in the whole fleet.
    async fn find_in_fleet(&self, name: &str) -> Result<Vec<Machine>, Problem> {
        let mut found = Found::new(name);
        let mut pages = Pages::of_list(FLEET_PAGE);
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_FLEET_PAGES {
            let page = self
                .fleet_page(cursor.as_deref(), FLEET_PAGE, &mut pages)
                .await?;
            found.add(page.machines)?;
            cursor = page.next;
            if cursor.is_none() {
                return Ok(found.machines);
            }
        }
        let why = "compares names by case, and has too many machines to read them all";
        Err(incomplete(why))
    }

    /// One page of the fleet.
    pub(super) async fn fleet_page(
        &self,
        cursor: Option<&str>,
        limit: u32,
        pages: &mut Pages,
    ) -> Result<MachinesPage, Problem> {
        let read = self
            .read(Route::ListMachines, || {
                self.sandbox.list_machines(&self.connection, cursor, limit)
            })
            .await;
        self.machines_page(read, pages)
    }

    /// The machines of a page that egress delivered, and the next page. Entries that cannot be
    /// used are reported.
    fn machines_page(
        &self,
        read: Result<(MachinePage, CallRecord), Problem>,
        pages: &mut Pages,
    ) -> Result<MachinesPage, Problem> {
        let (page, record) = match read {
            Ok(read) => read,
            Err(problem) => {
                return Ok(MachinesPage {
                    machines: Vec::new(),
                    odd: 0,
                    is_incomplete: false,
                    next: pages.refused(problem)?,
                });
            }
        };
        let sent = Delivered::read(&record);
        let next = pages.next(&record, sent.as_ref(), page.next)?;
        let mut machines = page.machines;
        // The plugin may report another machine.
        machines.retain(|machine| sent.as_ref().is_some_and(|sent| sent.has_machine(machine)));
        self.report_odd("machines", sent.as_ref());
        let reported = machines.iter().map(|machine| machine.id.as_str());
        let (odd, is_incomplete) = sent
            .as_ref()
            .map_or((0, false), |sent| compared(sent, reported));
        Ok(MachinesPage {
            machines,
            odd,
            is_incomplete,
            next,
        })
    }

    /// Whether the service ignores the case of names. `found` is what it found for this name.
    async fn ignores_case(&self, name: &str, found: &[Machine]) -> Result<bool, Problem> {
        if other_case(name).is_none() {
            return Ok(true);
        }
        if let Some(known) = self.ignores_case.get() {
            return Ok(*known);
        }
        let spelled = |machine: &Machine| {
            let found = machine.computer_dns_name.as_deref().unwrap_or_default();
            let found = if name.contains('.') {
                found
            } else {
                label(found)
            };
            found != name && found != name.to_lowercase()
        };
        let ignores = found.iter().any(spelled) || {
            let Some(sample) = self.sample(found).await? else {
                return Ok(true);
            };
            self.finds_in_other_case(&sample).await?
        };
        Ok(*self.ignores_case.get_or_init(|| ignores))
    }

    /// A machine with letters in its name; `None` if there is none.
    async fn sample(&self, found: &[Machine]) -> Result<Option<Machine>, Problem> {
        let has_letters = |machine: &&Machine| {
            let name = machine.computer_dns_name.as_deref();
            name.is_some_and(|name| other_case(name).is_some())
        };
        if let Some(machine) = found.iter().find(has_letters) {
            return Ok(Some(machine.clone()));
        }
        let mut pages = Pages::of_list(SAMPLE);
        let page = self.fleet_page(None, SAMPLE, &mut pages).await?;
        Ok(page.machines.iter().find(has_letters).cloned())
    }

    /// Whether the service finds a machine by its name in another case.
    async fn finds_in_other_case(&self, machine: &Machine) -> Result<bool, Problem> {
        let name = machine.computer_dns_name.as_deref().unwrap_or_default();
        let Some(other) = other_case(name) else {
            return Ok(true);
        };
        let (page, record) = self
            .read(Route::ListMachines, || {
                self.sandbox
                    .find_machines(&self.connection, &other, None, SEARCH_PAGE)
            })
            .await?;
        let sent = Delivered::read(&record);
        let is_it = |found: &Machine| {
            found.id.eq_ignore_ascii_case(&machine.id)
                && sent.as_ref().is_some_and(|sent| sent.has_machine(found))
        };
        Ok(page.machines.iter().any(is_it))
    }
}

/// The number of entries of a list without a machine id, and whether the reported ids lack one
/// that the list has.
fn compared<'a>(sent: &Delivered<'_>, reported: impl Iterator<Item = &'a str>) -> (u64, bool) {
    let reported: HashSet<String> = reported.map(str::to_ascii_lowercase).collect();
    let mut odd = sent.odd().len() as u64;
    let mut is_incomplete = false;
    for (id, _) in sent.listed().into_iter().flatten() {
        if id.parse::<MachineId>().is_err() {
            odd += 1;
        } else {
            is_incomplete |= !reported.contains(id);
        }
    }
    (odd, is_incomplete)
}

/// The machines with a name, each once.
struct Found<'a> {
    name: &'a str,
    machines: Vec<Machine>,
    known: HashSet<String>,
    /// The size of the machines, in bytes.
    kept: usize,
}

impl<'a> Found<'a> {
    fn new(name: &'a str) -> Self {
        Self {
            name,
            machines: Vec::new(),
            known: HashSet::new(),
            kept: 0,
        }
    }

    /// Adds those of these machines that have the name: a service may ignore the filter.
    ///
    /// # Errors
    /// There are more than one search keeps.
    fn add(&mut self, machines: Vec<Machine>) -> Result<(), Problem> {
        for machine in machines {
            let name = machine.computer_dns_name.as_deref();
            if name.is_some_and(|name| refers_to(self.name, name))
                && self.known.insert(machine.id.to_ascii_lowercase())
            {
                self.kept = self.kept.saturating_add(machine.json.len());
                self.machines.push(machine);
            }
        }
        if self.kept > MAX_FOUND {
            return Err(self.too_many());
        }
        Ok(())
    }

    fn too_many(&self) -> Problem {
        let message = format!("{} matches too many machines to list", self.name);
        Problem::new("rejected", Retry::Never, message)
    }
}

/// The name in upper case, or in lower case if it is that already; `None` for a name without
/// letters.
fn other_case(name: &str) -> Option<String> {
    let upper = name.to_uppercase();
    let other = if upper == name {
        canonical_name(name)
    } else {
        upper
    };
    (other != name).then_some(other)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A malicious plugin must not be able to hide a machine from a selection.
    #[test]
    fn a_machine_that_the_plugin_leaves_out_is_noticed() {
        let ids: Vec<String> = (1..4).map(|number| format!("{number:040x}")).collect();
        let [one, two, three] = &ids[..] else {
            panic!("{ids:?}");
        };
        let text = format!(
            r#"{{"value": [{{"id": "{one}"}}, {{"id": "{two}"}}, {{"id": "x"}}, {{"name": "y"}}]}}"#
        );
        let record = CallRecord::of_answer(200, &text);
        let sent = Delivered::read(&record).unwrap();
        let compare = |ids: &[&str]| compared(&sent, ids.iter().copied());
        assert_eq!(compare(&[one, two]), (2, false));
        assert_eq!(compare(&[one, three]), (2, true));
        assert_eq!(compare(&[two]), (2, true));
        assert_eq!(compare(&[]), (2, true));
    }
}
