//! Reads: machines by id and by name, actions by id and by machine. A read may
//! be repeated, and is, where the service is busy or the line drops.

use std::{collections::HashSet, time::Duration};

use backon::{ExponentialBuilder, Retryable};

use super::{
    Runner,
    verdict::{Proof, proves},
};
use crate::{
    contract::{
        ActionFilter, ActionId, ActionType, Machine, MachineAction, MachineId, Problem, ReadError,
        Retry,
    },
    order::{Order, Target},
    sandbox::Called,
};

/// Machines of one page of a search.
const PAGE: u32 = 200;
/// Pages of one search; a name that needs more is no name.
const MAX_PAGES: usize = 20;
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

impl Runner {
    /// Looks an order's machine up. An order that cannot be sent is settled
    /// with the reason.
    pub async fn preflight(&self, order: &mut Order) -> Preflight {
        match order.target().clone() {
            Target::Id(id) => self.preflight_id(order, &id).await,
            Target::Name(name) => self.preflight_name(order, &name).await,
        }
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
                let candidates: Vec<String> = machines.iter().map(candidate).collect();
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
        self.read(|| self.sandbox.get_machine(&self.connection, id))
            .await
            .map(|(machine, _)| machine)
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
            let (page, _) = self
                .read(|| {
                    self.sandbox
                        .find_machines(&self.connection, name, cursor.as_deref(), PAGE)
                })
                .await?;
            machines.extend(
                page.machines
                    .into_iter()
                    .filter(|machine| known.insert(machine.id.to_ascii_lowercase())),
            );
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
    /// As [`Runner::machine`].
    pub async fn action(&self, id: &ActionId) -> Result<MachineAction, Problem> {
        let (action, record) = self
            .read(|| self.sandbox.get_action(&self.connection, id))
            .await?;
        if record.delivered(&action.json) {
            Ok(action)
        } else {
            Err(not_delivered())
        }
    }

    /// The offboardings of these machines that the service knows, newest
    /// first; only such that it really sent and that name one of the machines.
    ///
    /// # Errors
    /// As [`Runner::machine`].
    pub async fn offboardings(
        &self,
        machines: &[&MachineId],
    ) -> Result<Vec<MachineAction>, Problem> {
        let filter = ActionFilter {
            machine_ids: machines.iter().map(ToString::to_string).collect(),
            action_type: Some(ActionType::Offboard),
            statuses: Vec::new(),
            created_after: None,
        };
        let mut actions = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let (page, record) = self
                .read(|| {
                    self.sandbox
                        .list_actions(&self.connection, &filter, cursor.as_deref(), ACTIONS)
                })
                .await?;
            actions.extend(page.actions.into_iter().filter(|action| {
                machines
                    .iter()
                    .any(|machine| proves(&record, action, machine, Proof::Look))
            }));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        Ok(actions)
    }

    /// Reads, and reads again where that may help. The answer is believed only
    /// if egress says that one came.
    async fn read<T, F>(
        &self,
        call: impl Fn() -> F,
    ) -> Result<(T, crate::egress::CallRecord), Problem>
    where
        F: Future<Output = Called<Result<T, ReadError>>>,
    {
        let once = || async {
            let Called { result, record, .. } = call().await;
            match result {
                Ok(Ok(value)) => Ok((value, record)),
                Ok(Err(error)) => {
                    let mut problem = Problem::from(error);
                    // The guest sees only that it failed; egress knows why.
                    if let (None, Some(reason)) = (
                        problem.status,
                        record
                            .exchange
                            .as_ref()
                            .and_then(|exchange| exchange.failure.clone()),
                    ) {
                        problem.message = Some(reason);
                    }
                    if let Some(refusal) = record.refusals.first() {
                        problem.message = Some(refusal.to_string());
                    }
                    Err(problem)
                }
                Err(error) => Err(Problem::new("no-answer", Retry::Never, error.to_string())),
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

fn not_delivered() -> Problem {
    Problem::new(
        "unreadable-answer",
        Retry::Never,
        "the plugin reports an action that the service did not send",
    )
}

/// Settles an order that cannot be sent. Nothing left, but only what may be
/// tried again is called not sent.
fn refuse(order: &mut Order, problem: Problem) -> Preflight {
    use crate::order::Verdict;
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
        "no-credential" | "throttled" | "service-failure" => Verdict::NotSent(problem),
        _ => Verdict::Rejected(problem),
    });
    Preflight::Refused
}
