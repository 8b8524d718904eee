//! Reads: machines by id and by name, actions by id and by machine. A read may
//! be repeated, and is, where the service is busy or the line drops.

use std::{collections::HashSet, time::Duration};

use backon::{ExponentialBuilder, Retryable};
use jiff::Timestamp;

use super::{
    Runner,
    evidence::Delivered,
    facts::facts,
    verdict::{read_problem, refused},
};
use crate::{
    contract::{
        ActionFilter, ActionId, ActionType, Comment, Machine, MachineAction, MachineId, Problem,
        ReadError, Retry, stands_for,
    },
    egress::Delivery,
    grant::Route,
    order::{Order, Target, Verdict},
    sandbox::Called,
};

/// Machines of one page of a search.
const PAGE: u32 = 200;
/// Pages of one search; a name that needs more is no name.
const MAX_PAGES: usize = 20;
/// Candidates that are listed for an ambiguous name.
const MAX_CANDIDATES: usize = 10;
/// Actions of one page; a machine has few.
const ACTIONS: u32 = 1000;
/// The longest pause that a read waits out.
const LONGEST_PAUSE: Duration = Duration::from_secs(65);

/// What is known about a machine before anything is sent.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Preflight {
    /// The machine, as the service knows it.
    Found(Box<Machine>),
    /// The token may not read; an id can be sent all the same.
    Unavailable(Problem),
    /// The order cannot be sent; it says why.
    Refused,
}

/// Offboardings that the service knows.
#[derive(Default)]
pub struct Listing {
    /// In the service's order: newest first.
    actions: Vec<MachineAction>,
    /// The ids of everything that was listed, whatever it is.
    ids: HashSet<String>,
}

impl Listing {
    /// The offboardings, newest first.
    pub fn actions(&self) -> impl Iterator<Item = &MachineAction> {
        self.actions.iter()
    }

    /// The newest that has not ended.
    #[must_use]
    pub fn pending(&self) -> Option<&MachineAction> {
        self.actions().find(|action| !action.status.is_final())
    }

    pub(super) fn knows(&self, id: &str) -> bool {
        self.ids.contains(&id.to_ascii_lowercase())
    }

    /// The one that came after what was known, for an order with this comment.
    /// Where the answer to the order named an action, no other will do.
    pub(super) fn new_since(
        self,
        known: &Listing,
        comment: &Comment,
        named: Option<&str>,
    ) -> Option<MachineAction> {
        self.actions.into_iter().find(|action| {
            !known.knows(&action.id)
                && action.requestor_comment.as_deref() == Some(comment.as_str())
                && named.is_none_or(|named| named.eq_ignore_ascii_case(&action.id))
        })
    }
}

impl Runner {
    /// Looks an order's machine up. An order that cannot be sent is settled
    /// with the reason.
    pub async fn preflight(&self, order: &mut Order) -> Preflight {
        let preflight = match order.target().clone() {
            Target::Id(id) => self.preflight_id(order, &id).await,
            Target::Name(name) => self.preflight_name(order, &name).await,
        };
        let known = match &preflight {
            _ if self.policy.is_empty() => return preflight,
            Preflight::Found(machine) => facts(&machine.json),
            Preflight::Unavailable(_) => None,
            Preflight::Refused => return preflight,
        };
        let now = Timestamp::now();
        let objection = order
            .machine()
            .and_then(|machine| self.policy.objection(machine, known.as_ref(), now));
        if let Some(objection) = objection {
            let problem = Problem::new("policy", Retry::Never, objection.to_string());
            order.settle(Verdict::Rejected(problem));
        }
        preflight
    }

    async fn preflight_id(&self, order: &mut Order, id: &MachineId) -> Preflight {
        match self.machine(id).await {
            Ok(machine) => {
                order.resolved(id.clone(), machine.computer_dns_name.clone());
                Preflight::Found(Box::new(machine))
            }
            Err(problem) if problem.kind == "forbidden" => Preflight::Unavailable(problem),
            Err(problem) => refuse(order, problem),
        }
    }

    async fn preflight_name(&self, order: &mut Order, name: &str) -> Preflight {
        let mut machines = match self.find(name).await {
            Ok(machines) => machines,
            Err(problem) => return refuse(order, problem),
        };
        let machine = match machines.pop() {
            Some(machine) if machines.is_empty() => machine,
            Some(last) => {
                machines.push(last);
                let candidates: Vec<String> = machines
                    .iter()
                    .take(MAX_CANDIDATES)
                    .map(candidate)
                    .collect();
                let message = format!(
                    "{} machines have the name {name}: {}",
                    machines.len(),
                    candidates.join(", ")
                );
                return refuse(order, Problem::new("ambiguous-name", Retry::Never, message));
            }
            None => {
                let message = format!("no machine has the name {name}");
                return refuse(order, Problem::new("not-found", Retry::Never, message));
            }
        };
        match machine.id.parse::<MachineId>() {
            Ok(id) => {
                order.resolved(id, machine.computer_dns_name.clone());
                Preflight::Found(Box::new(machine))
            }
            Err(error) => {
                let message = format!("the service's id of {name} is not usable: {error}");
                refuse(
                    order,
                    Problem::new("unreadable-answer", Retry::Never, message),
                )
            }
        }
    }

    /// Reads one machine.
    ///
    /// # Errors
    /// What the service, the plugin or the line said.
    pub async fn machine(&self, id: &MachineId) -> Result<Machine, Problem> {
        let (machine, record) = self
            .read(Route::ReadMachine, || {
                self.sandbox.get_machine(&self.connection, id)
            })
            .await?;
        let sent = Delivered::read(&record).is_some_and(|sent| sent.has_machine(&machine));
        match sent && machine.id.eq_ignore_ascii_case(id.as_str()) {
            true => Ok(machine),
            false => Err(not_delivered("a machine")),
        }
    }

    /// Whether the service lists a machine to this credential, any.
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

    /// Finds all machines of a name, each once.
    ///
    /// # Errors
    /// As [`Runner::machine`].
    pub async fn find(&self, name: &str) -> Result<Vec<Machine>, Problem> {
        let mut machines = Vec::new();
        let mut known = HashSet::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let (page, record) = self
                .read(Route::ListMachines, || {
                    self.sandbox
                        .find_machines(&self.connection, name, cursor.as_deref(), PAGE)
                })
                .await?;
            let sent = Delivered::read(&record);
            check_next(sent.as_ref(), page.next.as_deref(), true)?;
            machines.extend(page.machines.into_iter().filter(|machine| {
                // Not the plugin's word for it, nor a service's that ignores
                // the filter.
                has_name(machine, name)
                    && sent.as_ref().is_some_and(|sent| sent.has_machine(machine))
                    && known.insert(machine.id.to_ascii_lowercase())
            }));
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
        match sent && action.id.eq_ignore_ascii_case(id.as_str()) {
            true => Ok(action),
            false => Err(not_delivered("an action")),
        }
    }

    /// The offboardings of these machines that the service knows.
    ///
    /// # Errors
    /// As [`Runner::action`]; and if there are more than can be listed.
    pub async fn offboardings(&self, machines: &[&MachineId]) -> Result<Listing, Problem> {
        let filter = ActionFilter {
            machine_ids: machines.iter().map(ToString::to_string).collect(),
            action_type: Some(ActionType::Offboard),
            statuses: Vec::new(),
            created_after: None,
        };
        let mut listing = Listing::default();
        let mut known = HashSet::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let (page, record) = self
                .read(Route::ListActions, || {
                    self.sandbox
                        .list_actions(&self.connection, &filter, cursor.as_deref(), ACTIONS)
                })
                .await?;
            let sent = Delivered::read(&record);
            check_next(sent.as_ref(), page.next.as_deref(), false)?;
            let sent = sent.ok_or_else(|| not_delivered("a list"))?;
            let ids = sent.listed().ok_or_else(|| not_delivered("a list"))?;
            listing.ids.extend(ids.map(ToOwned::to_owned));
            // A service that ignores the filter lists them all.
            listing
                .actions
                .extend(page.actions.into_iter().filter(|action| {
                    let id = action.machine_id.as_deref().unwrap_or_default();
                    action.action_type == ActionType::Offboard
                        && machines
                            .iter()
                            .any(|machine| machine.as_str().eq_ignore_ascii_case(id))
                        && sent.has_action(action)
                        && known.insert(action.id.to_ascii_lowercase())
                }));
            cursor = page.next;
            if cursor.is_none() {
                return Ok(listing);
            }
        }
        let message = "the service lists more actions than can be read";
        Err(Problem::new("rejected", Retry::Never, message))
    }

    /// Reads, and reads again where that may help. The answer is believed only
    /// if egress says that one came.
    async fn read<T, F>(
        &self,
        route: Route,
        call: impl Fn() -> F,
    ) -> Result<(T, crate::egress::CallRecord), Problem>
    where
        F: Future<Output = Called<Result<T, ReadError>>>,
    {
        let once = || async {
            let slot = self.slot(route).await.ok_or_else(interrupted)?;
            let mut called = call().await;
            drop(slot);
            if self.renewed(&called.record).await {
                let slot = self.slot(route).await.ok_or_else(interrupted)?;
                called = call().await;
                drop(slot);
            }
            let Called { result, record, .. } = called;
            match result {
                // A 404 may stand for an empty list.
                Ok(Ok(value))
                    if matches!(record.delivery(), Delivery::Answered(200..=299 | 404)) =>
                {
                    Ok((value, record))
                }
                Ok(Ok(_)) => {
                    let said = not_delivered("something");
                    Err(match record.delivery() {
                        Delivery::Answered(_) => read_problem(&record, said),
                        Delivery::NotSent | Delivery::Unanswered => {
                            refused(&record).unwrap_or(said)
                        }
                    })
                }
                Ok(Err(error)) => Err(read_problem(&record, Problem::from(error))),
                Err(error) => Err(Problem::new("plugin", Retry::Never, error.to_string())),
            }
        };
        once.retry(ExponentialBuilder::default().with_min_delay(Duration::from_millis(300)))
            .when(|problem| {
                matches!(problem.kind, "throttled" | "service-failure" | "no-answer")
                    && problem.retry == Retry::Safe
                    && !self.stopped()
            })
            .adjust(
                |problem, pause| match problem.retry_after.map(Duration::from_secs) {
                    Some(asked) if asked > LONGEST_PAUSE => None,
                    Some(asked) => pause.map(|pause| pause.max(asked)),
                    None => pause,
                },
            )
            .await
    }
}

/// Whether a machine has this name, or a full name that begins with it.
fn has_name(machine: &Machine, name: &str) -> bool {
    let found = machine.computer_dns_name.as_deref();
    found.is_some_and(|found| stands_for(name, found))
}

fn candidate(machine: &Machine) -> String {
    let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
    format!(
        "{} ({}, {}, last seen {})",
        machine.id,
        word(&machine.os_platform),
        word(&machine.health_status),
        word(&machine.last_seen)
    )
}

/// Whether the plugin says how a list goes on as the service does. Whoever looks
/// for a name may go on with another spelling of it.
fn check_next(
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
    let honest = match sent {
        Some(sent) => sent.goes_on(query),
        // A 404 stands for an empty list.
        None => query.is_none(),
    };
    match honest {
        true => Ok(()),
        false => Err(not_delivered("an end of a list, or a way on,")),
    }
}

fn interrupted() -> Problem {
    Problem::new(
        "interrupted",
        Retry::Safe,
        "interrupted before it was asked",
    )
}

fn not_delivered(what: &str) -> Problem {
    let message = format!("the plugin reports {what} that the service did not send");
    Problem::new("unreadable-answer", Retry::Never, message)
}

/// Settles an order that cannot be sent. Nothing left, but only what may be
/// tried again is called not sent.
fn refuse(order: &mut Order, problem: Problem) -> Preflight {
    order.settle(match problem.kind {
        "not-found" => Verdict::Rejected(Problem {
            kind: "machine-not-found",
            ..problem
        }),
        // The offboarding was not sent, whatever became of the question.
        "no-answer" => Verdict::NotSent(Problem {
            kind: "not-sent",
            retry: Retry::Safe,
            ..problem
        }),
        "plugin" | "interrupted" => Verdict::NotSent(Problem {
            retry: Retry::Safe,
            ..problem
        }),
        "no-credential" | "no-authority" | "throttled" | "service-failure" | "audit" => {
            Verdict::NotSent(problem)
        }
        _ => Verdict::Rejected(problem),
    });
    Preflight::Refused
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn action(id: &str, comment: Option<&str>) -> MachineAction {
        MachineAction {
            requestor_comment: comment.map(ToOwned::to_owned),
            ..MachineAction::bare(id)
        }
    }

    #[test]
    fn only_this_order_s_action_is_adopted() {
        let known = Listing {
            actions: Vec::new(),
            ids: HashSet::from(["old".to_owned()]),
        };
        let comment: Comment = "Retired".parse().unwrap();
        let adopted = |actions: &[(&str, Option<&str>)], named: Option<&str>| {
            let listing = Listing {
                actions: actions
                    .iter()
                    .map(|(id, comment)| action(id, *comment))
                    .collect(),
                ids: HashSet::new(),
            };
            let found = listing.new_since(&known, &comment, named);
            found.map(|action| action.id)
        };
        let new = ("New", Some("Retired"));
        assert_eq!(adopted(&[new], None).as_deref(), Some("New"));
        assert_eq!(adopted(&[("OLD", Some("Retired"))], None), None);
        assert_eq!(adopted(&[("New", Some("Stolen"))], None), None);
        assert_eq!(adopted(&[("New", None)], None), None);
        // Where the answer named an action, it is that one or none.
        assert_eq!(
            adopted(&[("Other", Some("Retired")), new], Some("new")).as_deref(),
            Some("New")
        );
        assert_eq!(adopted(&[new], Some("other")), None);
    }
}
