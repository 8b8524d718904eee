//! Reads: machines by id and by name, actions by id and by machine. A read changes
//! nothing, so it is retried if the service is busy or the connection fails.

use std::{collections::HashSet, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::Instant;
use tracing::debug;

use super::{
    listing::{ListedMachine, Listing, MAX_IDS},
    retry_after::pause_of,
    runner::{Runner, duration_ms, interrupted, status_of, unrecorded},
    throttling::Throttling,
    verdict::{read_problem, refused},
};
use crate::{
    contract::{
        ActionFilter, ActionId, ActionType, Machine, MachineAction, MachineId, Problem,
        ProblemKind, ReadError, Retry, refers_to,
    },
    egress::{CallRecord, Delivery},
    grant::Route,
    problem::is_outage,
    sandbox::CallOutcome,
    verify::Delivered,
};

/// The number of machines on one page of a search.
const SEARCH_PAGE: u32 = 200;
/// The most pages of one search. A name that matches more machines is ambiguous.
const MAX_PAGES: usize = 20;
/// The most bytes of machines that one search keeps: thousands of machines.
const MAX_FOUND: usize = 8 * 1024 * 1024;
/// The number of actions on one page; a machine has few.
pub(super) const ACTIONS: u32 = 1000;
/// A listing can keep the ids of all its pages, if the service respects `ACTIONS`.
const _: () = assert!(MAX_PAGES * ACTIONS as usize <= MAX_IDS);
/// The longest `Retry-After` that a read outside of a run waits for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(65);

impl Runner {
    /// Reads one machine.
    ///
    /// # Errors
    /// The service, the plugin or the connection reports a problem.
    pub async fn machine(&self, id: &MachineId) -> Result<Machine, Problem> {
        let (machine, record) = self
            .read(Route::ReadMachine, || {
                self.sandbox.get_machine(&self.connection, id)
            })
            .await?;
        let sent = Delivered::read(&record).is_some_and(|sent| sent.has_machine(&machine));
        if sent && machine.id.eq_ignore_ascii_case(id.as_str()) {
            Ok(machine)
        } else {
            Err(not_delivered("a machine"))
        }
    }

    /// Whether the service lists at least one machine with this credential.
    ///
    /// # Errors
    /// As [`Runner::machine`].
    pub async fn one_machine(&self) -> Result<bool, Problem> {
        let (page, record) = self
            .read(Route::ListMachines, || {
                self.sandbox.list_machines(&self.connection, None, 1)
            })
            .await?;
        let sent = Delivered::read(&record);
        Ok(sent.is_some_and(|sent| page.machines.iter().any(|one| sent.has_machine(one))))
    }

    /// Finds all machines with a name, each once.
    ///
    /// # Errors
    /// As [`Runner::machine`].
    pub async fn find(&self, name: &str) -> Result<Vec<Machine>, Problem> {
        let mut machines = Vec::new();
        let mut known = HashSet::new();
        let mut kept = 0;
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let (page, record) = self
                .read(Route::ListMachines, || {
                    self.sandbox.find_machines(
                        &self.connection,
                        name,
                        cursor.as_deref(),
                        SEARCH_PAGE,
                    )
                })
                .await?;
            let sent = Delivered::read(&record);
            check_next(sent.as_ref(), page.next.as_deref(), true)?;
            for machine in page.machines {
                // The plugin may report another machine, and a service may ignore the
                // filter.
                if has_name(&machine, name)
                    && sent.as_ref().is_some_and(|sent| sent.has_machine(&machine))
                    && known.insert(machine.id.to_ascii_lowercase())
                {
                    kept += machine.json.len();
                    machines.push(machine);
                }
            }
            if kept > MAX_FOUND {
                break;
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(machines);
            }
        }
        let message = format!("{name} matches too many machines to list");
        Err(Problem::new("rejected", Retry::Never, message))
    }

    /// Reads one action.
    ///
    /// # Errors
    /// As [`Runner::machine`]; and if the service did not send what the plugin
    /// reports.
    pub async fn action(&self, id: &ActionId) -> Result<MachineAction, Problem> {
        let (action, record) = self
            .read(Route::ReadAction, || {
                self.sandbox.get_action(&self.connection, id)
            })
            .await?;
        let sent = Delivered::read(&record).is_some_and(|sent| sent.has_action(&action));
        if sent && action.id.eq_ignore_ascii_case(id.as_str()) {
            Ok(action)
        } else {
            Err(not_delivered("an action"))
        }
    }

    /// The listed offboardings of these machines. If the service rejects a filter with all of
    /// them, each machine is queried by itself; if it rejects that filter as well, all actions
    /// are listed.
    ///
    /// # Errors
    /// As [`Runner::offboardings`].
    pub(super) async fn offboardings_of(
        &self,
        machines: &[&MachineId],
    ) -> Result<Listing, Problem> {
        match self.offboardings(machines).await {
            Err(problem) if problem.status == Some(400) => {}
            listing => return listing,
        }
        let mut all = Listing::default();
        for machine in machines {
            let one = match self.offboardings(&[*machine]).await {
                Err(problem) if problem.status == Some(400) => {
                    return self.list_offboardings(machines, &filter_of(&[])).await;
                }
                one => one?,
            };
            if !all.extend(one) {
                return Err(too_many());
            }
        }
        Ok(all)
    }

    /// Lists the offboardings of these machines.
    ///
    /// # Errors
    /// As [`Runner::action`]; and if there are more than can be listed.
    pub async fn offboardings(&self, machines: &[&MachineId]) -> Result<Listing, Problem> {
        self.list_offboardings(machines, &filter_of(machines)).await
    }

    /// The offboardings of these machines among the actions that this filter selects.
    async fn list_offboardings(
        &self,
        machines: &[&MachineId],
        filter: &ActionFilter,
    ) -> Result<Listing, Problem> {
        let mut listing = Listing::default();
        let mut known = HashSet::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let (page, record) = self
                .read(Route::ListActions, || {
                    self.sandbox
                        .list_actions(&self.connection, filter, cursor.as_deref(), ACTIONS)
                })
                .await?;
            let sent = Delivered::read(&record);
            check_next(sent.as_ref(), page.next.as_deref(), false)?;
            let sent = sent.ok_or_else(|| not_delivered("a list"))?;
            let ids = sent.listed().ok_or_else(|| not_delivered("a list"))?;
            for (id, machine) in ids {
                if !listing.keep_id(id, ListedMachine::of(machine, machines)) {
                    return Err(too_many());
                }
            }
            // A service that ignores the filter lists the actions of all machines.
            for action in page.actions {
                let is_queried = matches!(
                    ListedMachine::of(action.machine_id.as_deref(), machines),
                    ListedMachine::Queried(_)
                );
                if action.action_type == ActionType::Offboard
                    && is_queried
                    && sent.has_action(&action)
                    && known.insert(action.id.to_ascii_lowercase())
                    && !listing.keep_action(action)
                {
                    return Err(too_many());
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(listing);
            }
        }
        Err(too_many())
    }

    /// Reads with retries: four tries if the service or the network fails and, within a run,
    /// for a limited time if the service limits the rate. An answer counts only if egress delivered it.
    pub(super) async fn read<T, F>(
        &self,
        route: Route,
        call: impl Fn() -> F,
    ) -> Result<(T, CallRecord), Problem>
    where
        F: Future<Output = CallOutcome<Result<T, ReadError>>>,
    {
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(300))
            .build();
        let mut throttling = Throttling::default();
        loop {
            let problem = match self.read_once(route, &call).await {
                Ok(read) => return Ok(read),
                Err(problem) => problem,
            };
            if !is_outage(&problem) || problem.retry != Retry::Safe || self.stopped() {
                return Err(problem);
            }
            let asked = problem.retry_after.map(Duration::from_secs);
            if let Some(longest) = self.longest_throttling
                && problem.kind == ProblemKind::Throttled
            {
                let asked = pause_of(problem.retry_after);
                let Some(pause) = throttling.pause(asked, longest, Instant::now()) else {
                    return Err(problem);
                };
                // The next slot is granted after the pause, and a long one is reported.
                let held = self.rate_limiter.hold(pause).await;
                held.map_err(|error| unrecorded(&error))?;
                continue;
            }
            let pause = pauses.next().filter(|_| asked <= Some(LONGEST_RETRY_AFTER));
            let Some(pause) = pause else {
                return Err(problem);
            };
            self.pause(pause.max(asked.unwrap_or_default())).await;
            if self.stopped() {
                return Err(interrupted("interrupted before the request"));
            }
        }
    }

    /// One read, and a second one if the service refused the token and there is a new one.
    async fn read_once<T, F>(
        &self,
        route: Route,
        call: impl Fn() -> F,
    ) -> Result<(T, CallRecord), Problem>
    where
        F: Future<Output = CallOutcome<Result<T, ReadError>>>,
    {
        let slot = self.slot_to_read(route).await?;
        let begun = Instant::now();
        let mut called = call().await;
        slot.end(called.record.answered());
        debug!(
            route = route.template(),
            status = status_of(&called.record),
            duration_ms = duration_ms(begun),
            "a read ended"
        );
        if self.renewed(&called.record).await {
            let slot = self.slot_to_read(route).await?;
            called = call().await;
            slot.end(called.record.answered());
        }
        let CallOutcome { result, record, .. } = called;
        self.apply_retry_after(&record).await?;
        match result {
            // A 404 may mean an empty list.
            Ok(Ok(value)) if matches!(record.delivery(), Delivery::Answered(200..=299 | 404)) => {
                Ok((value, record))
            }
            Ok(Ok(_)) => {
                let said = not_delivered("something");
                Err(match record.delivery() {
                    Delivery::Answered(_) => read_problem(&record, said),
                    Delivery::NotSent | Delivery::Unanswered => refused(&record).unwrap_or(said),
                })
            }
            Ok(Err(error)) => Err(read_problem(&record, Problem::from(error))),
            Err(error) => Err(Problem::from_error("plugin", Retry::Never, error)),
        }
    }
}

/// Whether a machine has this name, or a full name that begins with it.
fn has_name(machine: &Machine, name: &str) -> bool {
    let found = machine.computer_dns_name.as_deref();
    found.is_some_and(|found| refers_to(name, found))
}

/// Checks that the plugin reports the same next page of a list as the service. A search for a
/// name may continue with another spelling of it (`spelled`).
pub(super) fn check_next(
    sent: Option<&Delivered<'_>>,
    next: Option<&str>,
    spelled: bool,
) -> Result<(), Problem> {
    let query = match (spelled, next) {
        (false, next) => next,
        (true, next) => next
            .and_then(|next| next.split_once(':'))
            .map(|(_, query)| query)
            .filter(|query| !query.is_empty()),
    };
    let is_delivered = match sent {
        Some(sent) => sent.goes_on(query),
        // A 404 means an empty list.
        None => query.is_none(),
    };
    if is_delivered {
        Ok(())
    } else {
        Err(not_delivered("the end of a list, or a next page,"))
    }
}

/// Selects the offboardings of these machines. Without machines, it selects every action.
fn filter_of(machines: &[&MachineId]) -> ActionFilter {
    ActionFilter {
        machine_ids: machines.iter().map(ToString::to_string).collect(),
        action_type: (!machines.is_empty()).then_some(ActionType::Offboard),
        statuses: Vec::new(),
        created_after: None,
    }
}

fn too_many() -> Problem {
    let message = "the service lists more actions than can be read";
    Problem::new("rejected", Retry::Never, message)
}

pub(super) fn not_delivered(what: &str) -> Problem {
    let message = format!("the plugin reports {what} that the service did not send");
    Problem {
        reading: true,
        ..Problem::new("unreadable-answer", Retry::Safe, message)
    }
}
