//! The whole fleet, by pages, where that is cheaper than one call a machine.

use std::collections::BTreeMap;

use super::{
    Event, Observe, Runner,
    evidence::Delivered,
    look::check_next,
    preflight::{MAX_CANDIDATES, candidate},
};
use crate::{
    contract::{Machine, MachineId, Problem, Retry, label, plain_name},
    grant::Route,
    ledger::{Entry, LedgerError, RunId},
    order::{Seen, State, Target, Verdict},
};

/// Machines of one page; more would not fit into the memory that a plugin gets.
const PAGE: u32 = 1000;
/// Up to so many machines are looked up one by one.
const FEW: u64 = 20;

impl Runner {
    /// Reads the fleet, as long as it has fewer pages than there are machines to
    /// look up, and judges those that are in it. How many machines it has, if it
    /// was read to its end.
    ///
    /// # Errors
    /// The ledger cannot be used.
    pub(super) async fn look_at_the_fleet(
        &self,
        run: RunId,
        observe: &Observe<'_>,
    ) -> Result<Option<u64>, LedgerError> {
        let weighs = self.policy.largest_share.is_some();
        let wanted = self.session.ledger().not_looked_at(run).await?;
        if wanted <= FEW && !weighs {
            return Ok(None);
        }
        let mut read = 0;
        let mut pages = 0;
        let mut cursor: Option<String> = None;
        loop {
            // Each page costs a call, as one machine does.
            if self.stopped() || (pages > wanted.max(1) && !weighs) {
                return Ok(None);
            }
            let (machines, next) = match self.fleet_page(cursor.as_deref()).await {
                Ok(page) => page,
                // One by one, then: whoever may not list is told there.
                Err(_) => return Ok(None),
            };
            read += machines.len() as u64;
            pages += 1;
            self.look_at_page(run, &machines).await?;
            observe(Event::Fleet(read));
            match next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        Ok(Some(read))
    }

    async fn fleet_page(
        &self,
        cursor: Option<&str>,
    ) -> Result<(Vec<Machine>, Option<String>), Problem> {
        let (page, record) = self
            .read(Route::ListMachines, || {
                self.sandbox.list_machines(&self.connection, cursor, PAGE)
            })
            .await?;
        let sent = Delivered::read(&record);
        check_next(sent.as_ref(), page.next.as_deref(), false)?;
        let mut machines = page.machines;
        machines.retain(|machine| sent.as_ref().is_some_and(|sent| sent.has_machine(machine)));
        Ok((machines, page.next))
    }

    /// Judges the orders that a page's machines are meant by.
    async fn look_at_page(&self, run: RunId, machines: &[Machine]) -> Result<(), LedgerError> {
        let ledger = self.session.ledger();
        let mut found: BTreeMap<u64, Entry> = BTreeMap::new();
        for machine in machines {
            let id = machine.id.to_ascii_lowercase();
            let name = plain_name(machine.computer_dns_name.as_deref().unwrap_or_default());
            let names = [name.as_str(), label(&name)];
            for entry in ledger.entries_of(run, &id, names).await? {
                // As an earlier machine of this page left it.
                let entry = found.entry(entry.number).or_insert(entry);
                self.judge_found(entry, machine);
            }
        }
        let mut found: Vec<Entry> = found.into_values().collect();
        self.session.save_all(&mut found).await
    }

    /// An id means one machine. A name may mean another one that comes later:
    /// then neither is taken.
    fn judge_found(&self, entry: &mut Entry, machine: &Machine) {
        let order = &entry.order;
        let is_new = order.state() == State::Planned && order.look().is_none();
        let known = order.machine().map(|known| known.as_str());
        let is_other = known.is_some_and(|id| !id.eq_ignore_ascii_case(&machine.id));
        match order.target().clone() {
            _ if is_new => self.judge(entry, machine),
            Target::Name(name) if is_other => {
                let problem = ambiguous(&name, entry, machine);
                entry.order.settle(Verdict::Rejected(problem));
            }
            _ => {}
        }
    }
}

/// Another machine of this name, beside those that are known.
fn ambiguous(name: &str, entry: &Entry, machine: &Machine) -> Problem {
    let known = entry.order.problem();
    let known = known.filter(|problem| problem.kind == "ambiguous-name");
    let known = match known.and_then(|problem| problem.message.clone()) {
        Some(message) => message,
        None => {
            let seen = entry.order.seen().cloned().unwrap_or_default();
            let id = entry.order.machine().map_or("", MachineId::as_str);
            let first = candidate(id, &seen);
            format!("several machines have the name {name}: {first}")
        }
    };
    let message = match known.matches("last seen").count() {
        ..MAX_CANDIDATES => {
            let next = candidate(&machine.id, &Seen::from(machine));
            format!("{known}, {next}")
        }
        _ => known,
    };
    Problem::new("ambiguous-name", Retry::Never, message)
}
