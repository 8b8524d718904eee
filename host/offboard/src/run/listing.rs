//! The offboardings that the service lists for some machines. They show which actions are new,
//! which are pending, and which ids were known before a request.

use std::collections::{HashMap, HashSet};

use crate::{
    contract::{ActionStatus, MachineAction, MachineId},
    external_id::ExternalIdSupport,
    order::Order,
    verify::as_delivered,
};

/// The most ids that one listing keeps. If there are more, the listing fails instead of
/// being incomplete.
pub(super) const MAX_IDS: usize = 20_000;
/// The most bytes of actions that one listing keeps: thousands of actions.
const MAX_KEPT: usize = 16 * 1024 * 1024;
/// The most bytes that one order keeps of the ids that were known before: hundreds of
/// ids, while a machine has a few offboardings.
const MAX_KNOWN: usize = 32 * 1024;

/// The offboardings that the service lists for some machines.
#[derive(Default)]
pub struct Listing {
    /// In the service's order: newest first.
    actions: Vec<MachineAction>,
    /// The id of every entry, in lower case, and the machine that the entry names.
    ids: HashMap<String, ListedMachine>,
    /// The size of the actions, in bytes.
    kept: usize,
}

/// Which machine an entry of a list names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ListedMachine {
    /// One of the machines of the query.
    Queried(MachineId),
    /// Another machine.
    Other,
    /// No machine: the entry may belong to any of them.
    Unnamed,
}

impl ListedMachine {
    pub(super) fn of(machine: Option<&str>, queried: &[&MachineId]) -> Self {
        let Some(machine) = machine else {
            return Self::Unnamed;
        };
        let same = |id: &&&MachineId| id.as_str().eq_ignore_ascii_case(machine);
        let queried = queried.iter().find(same);
        queried.map_or(Self::Other, |id| Self::Queried((*id).clone()))
    }
}

impl Listing {
    /// The offboardings, newest first.
    pub fn actions(&self) -> impl Iterator<Item = &MachineAction> + Clone {
        self.actions.iter()
    }

    /// Whether the service listed this action, even if the plugin left it out.
    pub(super) fn shows(&self, action: &str) -> bool {
        self.ids.contains_key(&action.to_ascii_lowercase())
    }

    /// Whether the plugin reported this action as the service listed it.
    pub(super) fn has(&self, action: &str) -> bool {
        self.actions()
            .any(|one| one.id.eq_ignore_ascii_case(action))
    }

    /// A listing of actions that were read with one call each.
    pub(super) fn of_actions(actions: Vec<MachineAction>) -> Self {
        let id = |action: &MachineAction| (action.id.to_ascii_lowercase(), ListedMachine::Unnamed);
        Self {
            ids: actions.iter().map(id).collect(),
            actions,
            kept: 0,
        }
    }

    /// The offboardings of this machine, newest first.
    pub fn of(&self, machine: &MachineId) -> impl Iterator<Item = &MachineAction> + Clone {
        self.actions().filter(|action| {
            let id = action.machine_id.as_deref().unwrap_or_default();
            machine.as_str().eq_ignore_ascii_case(id)
        })
    }

    /// The newest offboarding of this machine that has not ended.
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

    /// The ids of all entries, except those of other machines. `None` if there are more than
    /// an order keeps: if one were missing, an old action could be mistaken for a new one.
    #[must_use]
    pub fn known(&self, machine: &MachineId) -> Option<HashSet<String>> {
        let mut known = HashSet::new();
        let mut left = MAX_KNOWN;
        for id in self.may_be_of(machine) {
            // Plus its quotation marks and its comma in the ledger.
            left = left.checked_sub(id.len() + 3)?;
            known.insert(id.to_owned());
        }
        Some(known)
    }

    /// Whether all entries, except those of other machines, are among these.
    pub(super) fn shows_only(&self, machine: &MachineId, known: &HashSet<String>) -> bool {
        self.may_be_of(machine).all(|id| known.contains(id))
    }

    fn may_be_of(&self, machine: &MachineId) -> impl Iterator<Item = &str> {
        let ids = self
            .ids
            .iter()
            .filter(move |(_, machine_of)| match machine_of {
                ListedMachine::Queried(id) => id == machine,
                ListedMachine::Other => false,
                ListedMachine::Unnamed => true,
            });
        ids.map(|(id, _)| id.as_str())
    }

    /// Records an id, in lower case. Returns whether the listing is still within its limit.
    pub(super) fn keep_id(&mut self, id: &str, machine: ListedMachine) -> bool {
        self.ids.insert(id.to_owned(), machine);
        self.is_within_limits()
    }

    /// Records an action. Returns whether the listing is still within its limit.
    pub(super) fn keep_action(&mut self, action: MachineAction) -> bool {
        let action = as_delivered(action);
        self.kept = self.kept.saturating_add(action.json.len());
        self.actions.push(action);
        self.is_within_limits()
    }

    fn is_within_limits(&self) -> bool {
        self.ids.len() <= MAX_IDS && self.kept <= MAX_KEPT
    }

    /// Adds a listing of another machine. Returns whether the listing is still within its limit.
    pub(super) fn extend(&mut self, other: Self) -> bool {
        for (id, machine) in other.ids {
            let known = self.ids.entry(id).or_insert_with(|| machine.clone());
            // The other query did not ask for the machine of this entry.
            if *known == ListedMachine::Other {
                *known = machine;
            }
        }
        self.actions.extend(other.actions);
        self.kept = self.kept.saturating_add(other.kept);
        self.is_within_limits()
    }

    /// The action of this order that is not among the known ids: see [`Order::owns`]. An action
    /// with the order's external id precedes one with its comment only. If the answer to the
    /// request named an action, only that action qualifies, and the service may have left out its
    /// machine and its comment.
    pub(super) fn new_since(
        &self,
        order: &Order,
        known: &HashSet<String>,
        named: Option<&str>,
        support: Option<ExternalIdSupport>,
    ) -> Option<&MachineAction> {
        let machine = order.machine()?;
        let is_new = |action: &&MachineAction| !known.contains(&action.id.to_ascii_lowercase());
        let Some(named) = named else {
            let mut new = self.of(machine).filter(is_new);
            let by_id = new.clone().find(|action| order.has_external_id_of(action));
            return by_id.or_else(|| new.find(|action| order.owns(action, support)));
        };
        let is_its = |action: &MachineAction| {
            let is_unnamed = action.requestor_comment.is_none();
            order.owns(action, support) || (is_unnamed && !order.is_of_another_order(action))
        };
        self.actions().filter(is_new).find(|action| {
            let its_machine = action.machine_id.as_deref();
            named.eq_ignore_ascii_case(&action.id)
                && its_machine.is_none_or(|id| id.eq_ignore_ascii_case(machine.as_str()))
                && is_its(action)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::order::Target;

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
        let order = Order::new(
            Target::Id(MACHINE.parse().unwrap()),
            "Retired".parse().unwrap(),
        );
        let adopted = |actions: &[(&str, Option<&str>, &str)], named: Option<&str>| {
            let listing = listing(actions);
            let found = listing.new_since(&order, &known, named, None);
            found.map(|action| action.id.clone())
        };
        let new = ("New", Some("Retired"), MACHINE);
        assert_eq!(adopted(&[new], None).as_deref(), Some("New"));
        assert_eq!(adopted(&[("OLD", Some("Retired"), MACHINE)], None), None);
        assert_eq!(adopted(&[("New", Some("Returned"), MACHINE)], None), None);
        assert_eq!(adopted(&[("New", None, MACHINE)], None), None);
        let other = "f".repeat(40);
        assert_eq!(adopted(&[("New", Some("Retired"), &other)], None), None);
        // If the answer named an action, only that action qualifies.
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
            assert!(listing.keep_id(id, ListedMachine::of(*of, &[&machine])));
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

    /// If one were dropped, an old action could look new.
    #[test]
    fn too_many_known_ids_count_as_none() {
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
        assert!((0..MAX_IDS).all(|id| listing.keep_id(&id.to_string(), ListedMachine::Other)));
        assert!(!listing.keep_id("one more", ListedMachine::Unnamed));

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
