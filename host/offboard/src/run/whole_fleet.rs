//! Reads the whole fleet for a caller that selects machines of it. A list that may be incomplete
//! is an error.

use super::{
    event::Event,
    event_stream::Events,
    pages::{Pages, incomplete},
    runner::{Runner, interrupted},
};
use crate::contract::{Machine, MachineId, Problem};

/// The number of machines on one page. More would exceed the plugin's memory.
const FLEET_PAGE: u32 = 1000;

/// What was read of a fleet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FleetRead {
    /// The number of its machines.
    pub(crate) machines: u64,
    /// The number of listed entries whose id is not a machine id.
    pub(crate) odd: u64,
}

impl Runner {
    /// Passes every machine of the fleet to `each`, as the service sent it. If the fleet changes
    /// meanwhile, a machine may be passed twice. At most `limit` pages are read.
    ///
    /// # Errors
    /// The service, the plugin or the connection reports a problem; the list may be incomplete;
    /// or the runner was stopped.
    pub(crate) async fn read_fleet(
        &self,
        limit: Option<u64>,
        events: &Events,
        mut each: impl FnMut(&MachineId, &Machine),
    ) -> Result<FleetRead, Problem> {
        let runner = self.for_run(true);
        let mut pages = Pages::of_list(FLEET_PAGE);
        let mut fleet = FleetRead::default();
        let mut cursor: Option<String> = None;
        let mut read = 0;
        loop {
            let page = runner.fleet_page(cursor.as_deref(), FLEET_PAGE, &mut pages);
            let page = page.await?;
            if page.is_incomplete {
                return Err(incomplete(
                    "listed machines that the plugin does not report",
                ));
            }
            for machine in &page.machines {
                if let Ok(id) = machine.id.parse() {
                    each(&id, machine);
                }
            }
            read += 1;
            // A page that only proves the end repeats entries.
            if pages.len() > fleet.machines {
                fleet.odd += page.odd;
            }
            fleet.machines = pages.len();
            events.send(Event::FleetRead {
                machines: fleet.machines,
            });
            cursor = page.next;
            if cursor.is_none() || limit.is_some_and(|limit| read >= limit) {
                return Ok(fleet);
            }
            if self.stopped() {
                return Err(interrupted("interrupted before the whole fleet was read"));
            }
        }
    }
}
