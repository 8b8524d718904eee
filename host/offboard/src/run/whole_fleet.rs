//! Reads the whole fleet for a caller that selects machines of it. A list that may be incomplete
//! is an error.

use std::collections::HashSet;

use super::{
    event::Event,
    event_stream::Events,
    read::check_next,
    runner::{Runner, interrupted},
};
use crate::{
    contract::{Machine, MachineId, Problem, ProblemKind, Retry},
    grant::Route,
    verify::Delivered,
};

/// The number of machines on one page. More would exceed the plugin's memory.
const FLEET_PAGE: u32 = 1000;
/// The most machines of a fleet. A list without an end would be read forever.
const MAX_MACHINES: usize = 1_000_000;

/// What was read of a fleet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FleetRead {
    /// The number of its machines.
    pub(crate) machines: u64,
    /// The number of listed entries whose id is not a machine id.
    pub(crate) odd: u64,
}

/// A page of the fleet.
struct Page {
    machines: Vec<(MachineId, Machine)>,
    /// The number of listed entries.
    count: u64,
    odd: u64,
    next: Option<String>,
}

impl Runner {
    /// Passes every machine of the fleet to `each`, as the service sent it. If the fleet changes
    /// meanwhile, a machine may be passed twice. At most `pages` pages are read.
    ///
    /// # Errors
    /// The service, the plugin or the connection reports a problem; the list may be incomplete;
    /// or the runner was stopped.
    pub(crate) async fn read_fleet(
        &self,
        pages: Option<u64>,
        events: &Events,
        mut each: impl FnMut(&MachineId, &Machine),
    ) -> Result<FleetRead, Problem> {
        let runner = self.for_run(true);
        let mut known = HashSet::new();
        let mut fleet = FleetRead::default();
        let mut cursor: Option<String> = None;
        let mut count = 0;
        let mut read = 0;
        loop {
            let page = runner.page_of_fleet(cursor.as_deref()).await?;
            let mut has_new = false;
            for (id, machine) in &page.machines {
                has_new |= known.insert(id.clone());
                each(id, machine);
            }
            count += page.count;
            read += 1;
            fleet.odd += page.odd;
            fleet.machines = known.len() as u64;
            events.send(Event::FleetRead {
                machines: fleet.machines,
            });
            let is_full = page.count >= u64::from(FLEET_PAGE);
            cursor = match page.next {
                next if next.is_none() && !is_full => return Ok(fleet),
                _ if pages.is_some_and(|pages| read >= pages) => return Ok(fleet),
                _ if page.count > 0 && !has_new => return Err(incomplete("it repeats a page")),
                _ if known.len() > MAX_MACHINES => return Err(incomplete("it is too long")),
                Some(next) => Some(next),
                // For some services `$top` is the size of a page, for others the limit of the
                // whole result (as in OData): a full page is not the end.
                None => Some(format!("$top={FLEET_PAGE}&$skip={count}")),
            };
            if self.stopped() {
                return Err(interrupted("interrupted before the whole fleet was read"));
            }
        }
    }

    async fn page_of_fleet(&self, cursor: Option<&str>) -> Result<Page, Problem> {
        let (page, record) = self
            .read(Route::ListMachines, || {
                self.sandbox
                    .list_machines(&self.connection, cursor, FLEET_PAGE)
            })
            .await?;
        let sent = Delivered::read(&record);
        check_next(sent.as_ref(), page.next.as_deref(), false)?;
        let Some(sent) = sent else {
            // A 404 means an empty list.
            return Ok(Page {
                machines: Vec::new(),
                count: 0,
                odd: 0,
                next: None,
            });
        };
        let machine = |machine: Machine| Some((machine.id.parse().ok()?, machine));
        let machines: Vec<(MachineId, Machine)> = page
            .machines
            .into_iter()
            .filter(|machine| sent.has_machine(machine))
            .filter_map(machine)
            .collect();
        let reported: HashSet<&MachineId> = machines.iter().map(|(id, _)| id).collect();
        let (mut count, mut odd) = (0, 0);
        for (id, _) in sent.listed().into_iter().flatten() {
            count += 1;
            match id.parse::<MachineId>() {
                Ok(id) if reported.contains(&id) => {}
                Ok(_) => return Err(incomplete("the plugin does not report all of its machines")),
                Err(_) => odd += 1,
            }
        }
        Ok(Page {
            machines,
            count,
            odd,
            next: page.next,
        })
    }
}

fn incomplete(reason: &str) -> Problem {
    let message = format!("the list of the fleet may be incomplete: {reason}");
    Problem {
        reading: true,
        ..Problem::new(ProblemKind::UnreadableAnswer, Retry::Safe, message)
    }
}
