//! The machine that a user named.

use std::fmt;

use crate::contract::{MachineId, canonical_name};

/// The machine that a user named: by its id, or by a name that has to be looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A machine id.
    Id(MachineId),
    /// A DNS name.
    Name(String),
}

impl Target {
    /// The canonical form of a name, for comparisons; `None` for an id.
    #[must_use]
    pub fn sought(&self) -> Option<String> {
        match self {
            Self::Id(_) => None,
            Self::Name(name) => Some(canonical_name(name)),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(formatter),
            Self::Name(name) => formatter.write_str(name),
        }
    }
}
