//! The tags that were put on machines and taken off while the simulator runs,
//! over those that the fleet began with.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::machine::Machine;

/// What is to be done with a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TagAction {
    Add,
    Remove,
}

/// Of each machine that was tagged, all its tags.
#[derive(Debug, Default)]
pub(crate) struct Tags(Mutex<HashMap<String, Vec<String>>>);

impl Tags {
    /// No step under the lock leaves them half changed, so they can still be
    /// used after a panic.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a tag or removes it; gives all that the machine has then.
    ///
    /// Unsourced: that a tag is there once however often it is added, that
    /// removing one that is not there is no error, and that tags are told apart
    /// by case.
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

    /// All that a machine has, if they were ever changed.
    pub(crate) fn of(&self, machine: &str) -> Option<Vec<String>> {
        self.lock().get(machine).cloned()
    }

    /// The machine with the tags that it has now.
    pub(crate) fn on(&self, machine: &Machine) -> Machine {
        let mut machine = machine.clone();
        if let Some(tags) = self.of(&machine.id) {
            machine.machine_tags = tags;
        }
        machine
    }
}
