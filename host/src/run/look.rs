//! Reads: machines by id and by name, actions by id and by machine. A read may
//! be repeated, and is, where the service is busy or the line drops.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use backon::{ExponentialBuilder, Retryable};

use super::{
    Runner,
    evidence::Delivered,
    verdict::{read_problem, refused},
};
use crate::{
    contract::{
        ActionFilter, ActionId, ActionType, Comment, Machine, MachineAction, MachineId, Problem,
        ReadError, Retry, stands_for,
    },
    egress::Delivery,
    grant::Route,
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

/// Offboardings that the service knows.
#[derive(Default)]
pub struct Listing {
    /// In the service's order: newest first.
    actions: Vec<MachineAction>,
    /// The ids of everything that was listed, whatever it is, in lower case; and
    /// the machine that it names.
    ids: HashMap<String, Option<String>>,
}

impl Listing {
    /// The offboardings, newest first.
    pub fn actions(&self) -> impl Iterator<Item = &MachineAction> {
        self.actions.iter()
    }

    /// Whether the service listed this action, whatever a plugin made of it.
    pub(super) fn shows(&self, action: &str) -> bool {
        self.ids.contains_key(&action.to_ascii_lowercase())
    }

    /// What was read one by one.
    pub(super) fn of_actions(actions: Vec<MachineAction>) -> Self {
        let id = |action: &MachineAction| (action.id.to_ascii_lowercase(), None);
        Self {
            ids: actions.iter().map(id).collect(),
            actions,
        }
    }

    /// The offboardings of this machine, newest first.
    pub fn of(&self, machine: &MachineId) -> impl Iterator<Item = &MachineAction> {
        self.actions().filter(|action| {
            let id = action.machine_id.as_deref().unwrap_or_default();
            machine.as_str().eq_ignore_ascii_case(id)
        })
    }

    /// The newest of this machine that has not ended.
    #[must_use]
    pub fn pending(&self, machine: &MachineId) -> Option<&MachineAction> {
        self.of(machine).find(|action| !action.status.is_final())
    }

    /// The ids of everything that was listed, but for what is another machine's.
    #[must_use]
    pub fn known(&self, machine: &MachineId) -> HashSet<String> {
        let may_be_its = |of: &Option<String>| {
            let names = |id: &String| id.eq_ignore_ascii_case(machine.as_str());
            of.as_ref().is_none_or(names)
        };
        let ids = self.ids.iter().filter(|(_, of)| may_be_its(of));
        ids.map(|(id, _)| id.clone()).collect()
    }

    /// The one that came after what was known, for an order of this machine with
    /// this comment. Where the answer to the order named an action, no other
    /// will do.
    pub(super) fn new_since(
        &self,
        machine: &MachineId,
        known: &HashSet<String>,
        comment: &Comment,
        named: Option<&str>,
    ) -> Option<&MachineAction> {
        self.of(machine).find(|action| {
            !known.contains(&action.id.to_ascii_lowercase())
                && action.requestor_comment.as_deref() == Some(comment.as_str())
                && named.is_none_or(|named| named.eq_ignore_ascii_case(&action.id))
        })
    }
}

impl Runner {
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
            let ids = ids.map(|(id, machine)| (id.to_owned(), machine.map(ToOwned::to_owned)));
            listing.ids.extend(ids);
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
    pub(super) async fn read<T, F>(
        &self,
        route: Route,
        call: impl Fn() -> F,
    ) -> Result<(T, crate::egress::CallRecord), Problem>
    where
        F: Future<Output = Called<Result<T, ReadError>>>,
    {
        let once = || async {
            let slot = self.slot_to_read(route).await?;
            let mut called = call().await;
            slot.end(called.record.answered());
            if self.renewed(&called.record).await {
                let slot = self.slot_to_read(route).await?;
                called = call().await;
                slot.end(called.record.answered());
            }
            let Called { result, record, .. } = called;
            self.heed(&record).await?;
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
                matches!(
                    &*problem.kind,
                    "throttled" | "service-failure" | "no-answer"
                ) && problem.retry == Retry::Safe
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

/// Whether the plugin says how a list goes on as the service does. Whoever looks
/// for a name may go on with another spelling of it.
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

fn not_delivered(what: &str) -> Problem {
    let message = format!("the plugin reports {what} that the service did not send");
    Problem::new("unreadable-answer", Retry::Never, message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const MACHINE: &str = "0123456789abcdef0123456789abcdef01234567";

    fn listing(actions: &[(&str, Option<&str>, &str)]) -> Listing {
        let action = |(id, comment, machine): &(&str, Option<&str>, &str)| MachineAction {
            requestor_comment: comment.map(ToOwned::to_owned),
            machine_id: Some((*machine).to_owned()),
            ..MachineAction::bare(id)
        };
        Listing {
            actions: actions.iter().map(action).collect(),
            ids: HashMap::new(),
        }
    }

    #[test]
    fn only_this_order_s_action_is_adopted() {
        let known = HashSet::from(["old".to_owned()]);
        let comment: Comment = "Retired".parse().unwrap();
        let machine: MachineId = MACHINE.parse().unwrap();
        let adopted = |actions: &[(&str, Option<&str>, &str)], named: Option<&str>| {
            let listing = listing(actions);
            let found = listing.new_since(&machine, &known, &comment, named);
            found.map(|action| action.id.clone())
        };
        let new = ("New", Some("Retired"), MACHINE);
        assert_eq!(adopted(&[new], None).as_deref(), Some("New"));
        assert_eq!(adopted(&[("OLD", Some("Retired"), MACHINE)], None), None);
        assert_eq!(adopted(&[("New", Some("Stolen"), MACHINE)], None), None);
        assert_eq!(adopted(&[("New", None, MACHINE)], None), None);
        let other = "f".repeat(40);
        assert_eq!(adopted(&[("New", Some("Retired"), &other)], None), None);
        // Where the answer named an action, it is that one or none.
        assert_eq!(
            adopted(&[("Other", Some("Retired"), MACHINE), new], Some("new")).as_deref(),
            Some("New")
        );
        assert_eq!(adopted(&[new], Some("other")), None);
    }

    #[test]
    fn what_is_not_another_machine_s_is_known() {
        let id = |id: &str, machine: Option<&str>| (id.to_owned(), machine.map(ToOwned::to_owned));
        let other = "f".repeat(40);
        let listing = Listing {
            actions: Vec::new(),
            ids: HashMap::from([
                id("a", Some(&MACHINE.to_uppercase())),
                id("b", Some(&other)),
                id("c", None),
            ]),
        };
        let known = listing.known(&MACHINE.parse().unwrap());
        assert_eq!(known, HashSet::from(["a".to_owned(), "c".to_owned()]));
    }
}
