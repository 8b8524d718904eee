//! The entries of a list, and duplicates among them.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
};

use super::{MachineComment, MachineReference};
use crate::contract::refers_to;

/// One machine of a list, and its comment.
#[derive(Debug)]
pub struct ListEntry {
    /// The line in the list, from 1.
    pub line: u64,
    /// The machine.
    pub machine: MachineReference,
    /// Its name in the list, if the list has its id, too.
    pub display_name: Option<String>,
    /// The reason for the offboarding.
    pub comment: MachineComment,
}

impl ListEntry {
    /// Merges the other line's display name into this one, if this one has none. Returns
    /// whether both names may belong to the same machine.
    pub(super) fn merge_name(&mut self, other: &Self) -> bool {
        match (&self.display_name, &other.display_name) {
            (Some(one), Some(other)) => refers_to(one, other) || refers_to(other, one),
            (Some(_), None) => true,
            (None, name) => {
                self.display_name.clone_from(name);
                true
            }
        }
    }

    /// Whether both have the same comment.
    pub(super) fn has_comment_of(&self, other: &Self) -> bool {
        self.comment.comment() == other.comment.comment()
    }
}

/// The position of each machine's first entry. Only a hash of the machine is kept.
#[derive(Default)]
pub(super) struct FirstEntries {
    hasher: RandomState,
    positions: HashMap<u64, u32>,
}

impl FirstEntries {
    /// The position of the machine's first entry among these. If it has none, the
    /// position after them is recorded for it.
    pub(super) fn position(
        &mut self,
        machine: &MachineReference,
        entries: &[ListEntry],
    ) -> Option<usize> {
        let key = machine.key();
        let mut hash = self.hasher.hash_one(&key);
        // A hash collision, which is very rare: the next slot is used.
        while let Some(&position) = self.positions.get(&hash) {
            let position = position as usize;
            if entries
                .get(position)
                .is_some_and(|entry| entry.machine.key() == key)
            {
                return Some(position);
            }
            hash = hash.wrapping_add(1);
        }
        let position = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        self.positions.insert(hash, position);
        None
    }
}
