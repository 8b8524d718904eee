//! All actions, in the order in which they were created.

use std::collections::HashMap;

use jiff::Timestamp;
use uuid::Uuid;

use crate::action::Action;
use crate::action_kind::ActionKind;

#[derive(Debug, Default)]
pub(crate) struct Actions {
    in_order: Vec<Action>,
    by_id: HashMap<Uuid, usize>,
    /// The actions of each machine, in order.
    by_machine: HashMap<String, Vec<usize>>,
}

impl Actions {
    pub(crate) fn of_machine(&self, id: &str) -> impl Iterator<Item = &Action> {
        self.by_machine
            .get(id)
            .into_iter()
            .flatten()
            .filter_map(|index| self.in_order.get(*index))
    }

    pub(crate) fn by_id(&self, id: Uuid) -> Option<&Action> {
        self.in_order.get(*self.by_id.get(&id)?)
    }

    pub(crate) fn by_id_mut(&mut self, id: Uuid) -> Option<&mut Action> {
        self.in_order.get_mut(*self.by_id.get(&id)?)
    }

    /// All of them, oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Action> {
        self.in_order.iter()
    }

    /// Of the actions of one type, only the last one of a machine can be non-final.
    pub(crate) fn pending(
        &self,
        machine: &str,
        kind: ActionKind,
        now: Timestamp,
    ) -> Option<&Action> {
        self.of_machine(machine)
            .filter(|action| action.kind.has_type_of(kind))
            .last()
            .filter(|action| !action.status(now).is_final())
    }

    pub(crate) fn add(&mut self, action: Action) {
        let index = self.in_order.len();
        self.by_id.insert(action.id, index);
        self.by_machine
            .entry(action.machine_id.clone())
            .or_default()
            .push(index);
        self.in_order.push(action);
    }
}
