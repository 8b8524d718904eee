//! The entries of a list, and duplicates among them.

use std::{
    collections::{HashMap, hash_map::RandomState},
    fmt,
    hash::BuildHasher,
};

use super::{EntraDeviceId, MachineComment, MachineReference};
use crate::contract::{MachineId, refers_to};

/// One machine of a list, and its comment.
#[derive(Debug)]
pub struct ListEntry<M = MachineReference> {
    /// The line in the list, from 1.
    pub line: u64,
    /// The machine.
    pub machine: M,
    /// Its name in the list, if the list has its id, too.
    pub display_name: Option<String>,
    /// The reason for the offboarding.
    pub comment: MachineComment,
}

impl<M> ListEntry<M> {
    /// The same entry with another reference to its machine; `None` without one.
    pub(super) fn try_map<N>(self, machine: impl FnOnce(M) -> Option<N>) -> Option<ListEntry<N>> {
        Some(ListEntry {
            line: self.line,
            machine: machine(self.machine)?,
            display_name: self.display_name,
            comment: self.comment,
        })
    }

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

/// What a row refers to.
#[derive(Debug)]
pub(super) enum Listed {
    Machine(MachineReference),
    EntraDevice(EntraDeviceId),
}

impl Listed {
    /// The reference to a machine; `None` for an Entra device.
    pub(super) fn machine(self) -> Option<MachineReference> {
        match self {
            Self::Machine(machine) => Some(machine),
            Self::EntraDevice(_) => None,
        }
    }

    /// The Entra device; `None` for a machine.
    pub(super) fn entra_device(self) -> Option<EntraDeviceId> {
        match self {
            Self::Machine(_) => None,
            Self::EntraDevice(device) => Some(device),
        }
    }

    /// The machine id, if the row has one.
    pub(super) fn id(&self) -> Option<&MachineId> {
        match self {
            Self::Machine(machine) => machine.id(),
            Self::EntraDevice(_) => None,
        }
    }

    /// A key that is the same for all spellings.
    fn key(&self) -> String {
        match self {
            Self::Machine(machine) => machine.key(),
            Self::EntraDevice(device) => device.to_string(),
        }
    }

    /// Merges a reference with the same key. Returns whether both refer to the same machine.
    pub(super) fn merge(&mut self, other: &Self) -> bool {
        match (self, other) {
            (Self::Machine(machine), Self::Machine(other)) => machine.merge(other),
            (Self::EntraDevice(device), Self::EntraDevice(other)) => device == other,
            _ => false,
        }
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine(machine) => machine.target.fmt(formatter),
            Self::EntraDevice(device) => device.fmt(formatter),
        }
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
        machine: &Listed,
        entries: &[ListEntry<Listed>],
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
