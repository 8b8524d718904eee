//! The tags that were added and removed while the simulator runs, in place of those that the
//! fleet began with.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::machine::Machine;

/// The change of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TagAction {
    Add,
    Remove,
}

/// All tags of each machine whose tags were changed.
#[derive(Debug, Default)]
pub(crate) struct Tags(Mutex<HashMap<String, Vec<String>>>);

impl Tags {
    /// No step under the lock leaves the tags inconsistent, so they are usable after a panic.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds or removes a tag. Returns all tags that the machine has then.
    ///
    /// Unsourced: that a tag that is added again is there only once, that removing a missing
    /// tag is not an error, and that tags are case-sensitive.
    pub(crate) fn change(&self, machine: &Machine, tag: String, action: TagAction) -> Vec<String> {
        let mut tags = self.lock();
        let tags = tags
            .entry(machine.id.clone())
            .or_insert_with(|| machine.machine_tags.clone());
        match action {
            TagAction::Add if tags.contains(&tag) => {}
            TagAction::Add => tags.push(tag),
            TagAction::Remove => tags.retain(|known| *known != tag),
        }
        tags.clone()
    }

    /// All tags of a machine, if they were changed.
    pub(crate) fn of(&self, machine: &str) -> Option<Vec<String>> {
        self.lock().get(machine).cloned()
    }

    /// The machine with its present tags.
    pub(crate) fn on(&self, machine: &Machine) -> Machine {
        let mut machine = machine.clone();
        if let Some(tags) = self.of(&machine.id) {
            machine.machine_tags = tags;
        }
        machine
    }
}
