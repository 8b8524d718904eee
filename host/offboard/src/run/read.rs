//! Reads: machines by id and by name, actions by id and by machine. A read may
//! be repeated, and is, where the service is busy or the line drops.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use backon::{ExponentialBuilder, Retryable};
use tokio::time::Instant;
use tracing::debug;

use super::{
    Runner, duration_ms, status_of,
    verdict::{read_problem, refused},
};
use crate::{
    contract::{
        ActionFilter, ActionId, ActionStatus, ActionType, Comment, Machine, MachineAction,
        MachineId, Problem, ReadError, Retry, refers_to,
    },
    egress::Delivery,
    grant::Route,
    sandbox::CallOutcome,
    verify::Delivered,
};

/// Machines of one page of a search.
const PAGE: u32 = 200;
/// Pages of one search; a name that needs more is no name.
const MAX_PAGES: usize = 20;
/// Actions of one page; a machine has few.
const ACTIONS: u32 = 1000;
/// The most ids that one listing keeps: those of all its pages, if the service keeps to
/// `ACTIONS`. If there are more, the listing fails instead of being incomplete.
const MAX_IDS: usize = MAX_PAGES * ACTIONS as usize;
/// The most bytes of actions that one listing keeps: thousands of actions.
const MAX_KEPT: usize = 16 * 1024 * 1024;
/// The most bytes that one order keeps of the ids that were known before: hundreds of
/// ids, while a machine has a few offboardings.
const MAX_KNOWN: usize = 32 * 1024;
/// The longest pause that a read waits out.
const LONGEST_PAUSE: Duration = Duration::from_secs(65);

/// Offboardings that the service knows.
#[derive(Default)]
pub struct Listing {
    /// In the service's order: newest first.
    actions: Vec<MachineAction>,
    /// The ids of everything that was listed, whatever it is, in lower case; and
    /// the machine that it names.
    ids: HashMap<String, Named>,
    /// How much the actions take, in bytes.
    kept: usize,
}

/// Which machine an entry of a list names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    /// One that was asked about.
    Asked(MachineId),
    /// Another one.
    Other,
    /// None: it may be any machine's.
    None,
}

impl Named {
    fn of(machine: Option<&str>, asked: &[&MachineId]) -> Self {
        let Some(machine) = machine else {
            return Self::None;
        };
        let same = |id: &&&MachineId| id.as_str().eq_ignore_ascii_case(machine);
        let asked = asked.iter().find(same);
        asked.map_or(Self::Other, |id| Self::Asked((*id).clone()))
    }
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
        let id = |action: &MachineAction| (action.id.to_ascii_lowercase(), Named::None);
        Self {
            ids: actions.iter().map(id).collect(),
            actions,
            kept: 0,
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

    /// Whether an offboarding of the same machine that is newer than this one has failed.
    pub(super) fn failed_after(&self, action: &MachineAction) -> bool {
        let machine = action.machine_id.as_deref().unwrap_or_default();
        self.actions()
            .take_while(|one| one.id != action.id)
            .filter(|one| {
                let id = one.machine_id.as_deref().unwrap_or_default();
                id.eq_ignore_ascii_case(machine)
            })
            .any(|one| one.status == ActionStatus::Failed)
    }

    /// The ids of everything that was listed, except those of other machines. `None` if
    /// they are more than an order keeps: without one of them, an old action could be
    /// taken for a new one.
    #[must_use]
    pub fn known(&self, machine: &MachineId) -> Option<HashSet<String>> {
        let mut known = HashSet::new();
        let mut left = MAX_KNOWN;
        for id in self.may_be_of(machine) {
            // With its quotes and its comma in the ledger.
            left = left.checked_sub(id.len() + 3)?;
            known.insert(id.to_owned());
        }
        Some(known)
    }

    /// Whether everything that was listed, except for other machines, is one of these.
    pub(super) fn shows_only(&self, machine: &MachineId, known: &HashSet<String>) -> bool {
        self.may_be_of(machine).all(|id| known.contains(id))
    }

    fn may_be_of(&self, machine: &MachineId) -> impl Iterator<Item = &str> {
        let ids = self.ids.iter().filter(move |(_, named)| match named {
            Named::Asked(id) => id == machine,
            Named::Other => false,
            Named::None => true,
        });
        ids.map(|(id, _)| id.as_str())
    }

    /// Keeps an id. Returns whether the listing is still within its limit.
    fn keep_id(&mut self, id: &str, named: Named) -> bool {
        self.ids.insert(id.to_owned(), named);
        self.ids.len() <= MAX_IDS
    }

    fn keep_action(&mut self, action: MachineAction) -> bool {
        let action = as_delivered(action);
        self.kept = self.kept.saturating_add(action.json.len());
        self.actions.push(action);
        self.kept <= MAX_KEPT
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
            for (id, machine) in ids {
                if !listing.keep_id(id, Named::of(machine, machines)) {
                    return Err(too_many());
                }
            }
            // A service that ignores the filter lists them all.
            for action in page.actions {
                let is_asked = matches!(
                    Named::of(action.machine_id.as_deref(), machines),
                    Named::Asked(_)
                );
                if action.action_type == ActionType::Offboard
                    && is_asked
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

    /// Reads, and reads again where that may help. The answer is believed only
    /// if egress says that one came.
    pub(super) async fn read<T, F>(
        &self,
        route: Route,
        call: impl Fn() -> F,
    ) -> Result<(T, crate::egress::CallRecord), Problem>
    where
        F: Future<Output = CallOutcome<Result<T, ReadError>>>,
    {
        let once = || async {
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
                Err(error) => Err(Problem::from_error("plugin", Retry::Never, error)),
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
    found.is_some_and(|found| refers_to(name, found))
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

fn too_many() -> Problem {
    let message = "the service lists more actions than can be read";
    Problem::new("rejected", Retry::Never, message)
}

/// An action without the members that only the plugin vouches for.
fn as_delivered(action: MachineAction) -> MachineAction {
    let bare = MachineAction::bare(&action.id);
    MachineAction {
        id: action.id,
        action_type: action.action_type,
        status: action.status,
        requestor_comment: action.requestor_comment,
        machine_id: action.machine_id,
        computer_dns_name: action.computer_dns_name,
        json: action.json,
        ..bare
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
            ..Listing::default()
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

    fn listed(entries: &[(&str, Option<&str>)]) -> Listing {
        let machine: MachineId = MACHINE.parse().unwrap();
        let mut listing = Listing::default();
        for (id, of) in entries {
            assert!(listing.keep_id(id, Named::of(*of, &[&machine])));
        }
        listing
    }

    #[test]
    fn what_is_not_another_machine_s_is_known() {
        let upper = MACHINE.to_uppercase();
        let other = "f".repeat(40);
        let listing = listed(&[("a", Some(&upper)), ("b", Some(&other)), ("c", None)]);
        let machine = MACHINE.parse().unwrap();
        let known = listing.known(&machine).unwrap();
        assert_eq!(known, HashSet::from(["a".to_owned(), "c".to_owned()]));
        assert!(listing.shows_only(&machine, &known));
        let known = HashSet::from(["a".to_owned()]);
        assert!(!listing.shows_only(&machine, &known));
    }

    /// Dropping one of them could make an old action look new.
    #[test]
    fn more_known_ids_than_an_order_keeps_are_none() {
        let id = |number: usize| format!("{number:0>253}");
        let machine: MachineId = MACHINE.parse().unwrap();
        for of in [None, Some(MACHINE)] {
            let ids: Vec<String> = (0..=128).map(id).collect();
            let entries: Vec<_> = ids.iter().map(|id| (id.as_str(), of)).collect();
            let fits = listed(&entries[..128]).known(&machine);
            assert_eq!(fits.map(|known| known.len()), Some(128));
            let listing = listed(&entries);
            assert_eq!(listing.known(&machine), None);
            assert!(!listing.shows_only(&machine, &HashSet::new()));
        }
    }

    #[test]
    fn what_a_listing_keeps_has_an_end() {
        let mut listing = Listing::default();
        assert!((0..MAX_IDS).all(|id| listing.keep_id(&id.to_string(), Named::Other)));
        assert!(!listing.keep_id("one more", Named::None));

        let action = MachineAction {
            title: Some("of the plugin".to_owned()),
            json: "x".repeat(1024),
            ..MachineAction::bare("a")
        };
        let mut listing = Listing::default();
        assert!((0..MAX_KEPT / 1024).all(|_| listing.keep_action(action.clone())));
        assert!(!listing.keep_action(action));
        assert_eq!(listing.actions[0].title, None);
    }
}
