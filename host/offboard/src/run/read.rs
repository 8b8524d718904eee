//! Reads: machines by id and by name, actions by id and by machine. A read changes
//! nothing, so it is retried if the service is busy or the connection fails.

use std::{collections::HashSet, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::Instant;
use tracing::debug;

use super::{
    listing::{ListedMachine, Listing, MAX_IDS},
    pages::Pages,
    retry_after::pause_of,
    runner::{Runner, duration_ms, interrupted, status_of, unrecorded},
    throttling::Throttling,
    verdict::{read_problem, refused, unanswered},
};
use crate::{
    contract::{
        ActionFilter, ActionId, ActionType, Machine, MachineAction, MachineId, Problem,
        ProblemKind, ReadError, Retry,
    },
    egress::{CallRecord, Delivery},
    grant::Route,
    problem::is_outage,
    sandbox::CallOutcome,
    verify::{Delivered, external_id},
};

/// The most pages of one list of actions.
const MAX_PAGES: usize = 20;
/// After this time, a read that fails is not tried again: a service that is silent uses up the
/// whole time of each call.
const LONGEST_SILENCE: Duration = Duration::from_secs(65);
/// The pause before a machine is read again that the service did not find.
const READ_AGAIN: Duration = Duration::from_millis(300);
/// The number of actions on one page; a machine has few.
pub(super) const ACTIONS: u32 = 1000;
/// A listing can keep the ids of all its pages, if the service respects `ACTIONS`.
const _: () = assert!(MAX_PAGES * ACTIONS as usize <= MAX_IDS);
/// The longest `Retry-After` that a read outside of a run waits for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(65);

impl Runner {
    /// Reads one machine.
    ///
    /// If the service does not find it, it is read once more: single answers 404 for a machine
    /// that exists were reported.
    ///
    /// # Errors
    /// The service, the plugin or the connection reports a problem.
    pub async fn machine(&self, id: &MachineId) -> Result<Machine, Problem> {
        match self.machine_once(id).await {
            Err(problem) if problem.status == Some(404) && !self.stopped() => {
                self.pause(READ_AGAIN).await;
                self.machine_once(id).await
            }
            read => read,
        }
    }

    async fn machine_once(&self, id: &MachineId) -> Result<Machine, Problem> {
        let (machine, record) = self
            .read(Route::ReadMachine, || {
                self.sandbox.get_machine(&self.connection, id)
            })
            .await?;
        let sent = Delivered::read(&record);
        let is_sent = sent.as_ref().is_some_and(|sent| sent.has_machine(&machine));
        if is_sent && machine.id.eq_ignore_ascii_case(id.as_str()) {
            Ok(machine)
        } else if sent.is_some_and(|sent| sent.is_too_deep(id.as_str())) {
            Err(unusable(
                "the machine in the answer is nested too deeply to be used",
            ))
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
        let sent = Delivered::read(&record);
        let is_sent = sent.as_ref().is_some_and(|sent| sent.has_action(&action));
        if is_sent && action.id.eq_ignore_ascii_case(id.as_str()) {
            Ok(MachineAction {
                external_id: external_id(&action.json),
                ..action
            })
        } else if sent.is_some_and(|sent| sent.is_too_deep(id.as_str())) {
            Err(unusable(
                "the action in the answer is nested too deeply to be used",
            ))
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
        self.list_until(machines, filter, None).await
    }

    /// Lists the offboardings of these machines until these actions were listed, by their ids in
    /// lower case.
    pub(super) async fn offboardings_until(
        &self,
        machines: &[&MachineId],
        sought: &HashSet<String>,
    ) -> Result<Listing, Problem> {
        self.list_until(machines, &filter_of(machines), Some(sought))
            .await
    }

    /// The offboardings of these machines among the actions that this filter selects: all, or
    /// until the sought actions were listed.
    async fn list_until(
        &self,
        machines: &[&MachineId],
        filter: &ActionFilter,
        sought: Option<&HashSet<String>>,
    ) -> Result<Listing, Problem> {
        let mut listing = Listing::default();
        let mut known = HashSet::new();
        let mut pages = Pages::of_list(ACTIONS);
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let read = self.read(Route::ListActions, || {
                self.sandbox
                    .list_actions(&self.connection, filter, cursor.as_deref(), ACTIONS)
            });
            let (page, record) = match read.await {
                Ok(read) => read,
                Err(problem) => {
                    cursor = pages.refused(problem)?;
                    if cursor.is_none() {
                        return Ok(listing);
                    }
                    continue;
                }
            };
            let sent = Delivered::read(&record);
            cursor = pages.next(&record, sent.as_ref(), page.next)?;
            self.report_odd("actions", sent.as_ref());
            let sent = sent.ok_or_else(|| not_delivered("a list"))?;
            let ids = sent.listed().ok_or_else(|| not_delivered("a list"))?;
            for (id, machine) in ids {
                if !listing.keep_id(id, ListedMachine::of(machine, machines)) {
                    return Err(too_many());
                }
            }
            for action in page.actions {
                // A service that ignores the filter lists the actions of all machines. An action
                // without a machine may be that of an order, which knows its id.
                let machine = ListedMachine::of(action.machine_id.as_deref(), machines);
                if action.action_type == ActionType::Offboard
                    && machine != ListedMachine::Other
                    && sent.has_action(&action)
                    && known.insert(action.id.to_ascii_lowercase())
                    && !listing.keep_action(action)
                {
                    return Err(too_many());
                }
            }
            let has_all = sought.is_some_and(|sought| sought.iter().all(|id| listing.shows(id)));
            if cursor.is_none() || has_all {
                return Ok(listing);
            }
        }
        Err(too_many())
    }

    /// Reports the entries of a list that are skipped because they have no id.
    pub(super) fn report_odd(&self, list: &str, sent: Option<&Delivered<'_>>) {
        for entry in sent.iter().flat_map(|sent| sent.odd()) {
            (self.skipped)(&format!(
                "The service's list of {list} has {entry}. It is skipped."
            ));
        }
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
        let begun = Instant::now();
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
            let longest = self.throttling.unwrap_or(LONGEST_SILENCE);
            let is_slow = begun.elapsed() >= longest.min(LONGEST_SILENCE);
            let pause = pauses
                .next()
                .filter(|_| asked <= Some(LONGEST_RETRY_AFTER) && !is_slow);
            let Some(pause) = pause else {
                return Err(problem);
            };
            self.pause(pause.max(asked.unwrap_or_default())).await;
            if self.stopped() {
                return Err(Problem {
                    reading: true,
                    ..interrupted("interrupted before the request")
                });
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
            Err(error) => Err(match (refused(&record), unanswered(&record, &error)) {
                (Some(problem), _) => problem,
                (None, Some(reason)) => Problem {
                    reading: true,
                    ..Problem::new("no-answer", Retry::Safe, reason)
                },
                (None, None) => Problem::from_error("plugin", Retry::Never, error),
            }),
        }
    }
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
    unusable(&format!(
        "the plugin reports {what} that the service did not send"
    ))
}

fn unusable(why: &str) -> Problem {
    Problem {
        reading: true,
        ..Problem::new("unreadable-answer", Retry::Safe, why)
    }
}
