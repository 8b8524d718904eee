//! The limits of a call. The defaults are ample for a page of 10,000 machines. Each
//! limit has a ceiling that no configuration exceeds.

use std::{fmt, time::Duration};

use thiserror::Error;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// The limits of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The whole call: instantiation, resolution, connection, transfer and
    /// computation. Default 60 seconds, at most 10 minutes.
    pub deadline: Duration,
    /// Linear memory, all memories together, in bytes. Default 96 MiB, at most
    /// 1 GiB.
    pub memory: u64,
    /// Linear memories. Default 4, at most 16.
    pub memories: u64,
    /// Tables. Default 8, at most 64.
    pub tables: u64,
    /// Elements of all tables together. Default 10,000, at most 1,000,000.
    pub table_elements: u64,
    /// Core instances. Default 8, at most 64.
    pub instances: u64,
    /// The stack of WebAssembly frames, in bytes. Default 256 KiB, at most
    /// 1 MiB.
    pub stack: u64,
    /// Data that one host call, or one result, may copy out of the guest, in bytes. Default 64
    /// MiB, at most 256 MiB.
    pub host_data: u64,
    /// Handles to resources that a guest may hold at once. Default 64, at most
    /// 10,000.
    pub handles: u64,
}

/// One of the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::deadline`], in milliseconds.
    Deadline,
    /// [`Limits::memory`].
    Memory,
    /// [`Limits::memories`].
    Memories,
    /// [`Limits::tables`].
    Tables,
    /// [`Limits::table_elements`].
    TableElements,
    /// [`Limits::instances`].
    Instances,
    /// [`Limits::stack`].
    Stack,
    /// [`Limits::host_data`].
    HostData,
    /// [`Limits::handles`].
    Handles,
}

/// The unit of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Milliseconds,
    /// Bytes.
    Bytes,
    /// A number of items.
    Count,
}

/// A limit outside its range.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the limit {limit} is 1 to {} ({}), not {value}", .limit.ceiling(), .limit.unit().name())]
pub struct LimitError {
    /// The limit.
    pub limit: Limit,
    /// The rejected value.
    pub value: u64,
}

impl Limit {
    /// All limits.
    pub const ALL: [Self; 9] = [
        Self::Deadline,
        Self::Memory,
        Self::Memories,
        Self::Tables,
        Self::TableElements,
        Self::Instances,
        Self::Stack,
        Self::HostData,
        Self::Handles,
    ];

    /// The name of the limit.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Memories => "memories",
            Self::Tables => "tables",
            Self::TableElements => "table-elements",
            Self::Instances => "instances",
            Self::Stack => "stack",
            Self::HostData => "host-data",
            Self::Handles => "handles",
        }
    }

    /// The unit of the limit.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Self::Deadline => Unit::Milliseconds,
            Self::Memory | Self::Stack | Self::HostData => Unit::Bytes,
            Self::Memories
            | Self::Tables
            | Self::TableElements
            | Self::Instances
            | Self::Handles => Unit::Count,
        }
    }

    /// The largest permitted value.
    #[must_use]
    pub fn ceiling(self) -> u64 {
        match self {
            Self::Deadline => 10 * 60 * 1000,
            Self::Memory => 1024 * MIB,
            Self::Memories => 16,
            Self::Tables | Self::Instances => 64,
            Self::TableElements => 1_000_000,
            Self::Stack => MIB,
            Self::HostData => 256 * MIB,
            Self::Handles => 10_000,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Unit {
    /// The name of the unit.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Milliseconds => "milliseconds",
            Self::Bytes => "bytes",
            Self::Count => "count",
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(60),
            memory: 96 * MIB,
            memories: 4,
            tables: 8,
            table_elements: 10_000,
            instances: 8,
            stack: 256 * KIB,
            host_data: 64 * MIB,
            handles: 64,
        }
    }
}

impl Limits {
    /// The value of a limit; the deadline in milliseconds.
    #[must_use]
    pub fn get(&self, limit: Limit) -> u64 {
        match limit {
            Limit::Deadline => u64::try_from(self.deadline.as_millis()).unwrap_or(u64::MAX),
            Limit::Memory => self.memory,
            Limit::Memories => self.memories,
            Limit::Tables => self.tables,
            Limit::TableElements => self.table_elements,
            Limit::Instances => self.instances,
            Limit::Stack => self.stack,
            Limit::HostData => self.host_data,
            Limit::Handles => self.handles,
        }
    }

    /// Sets a limit; the deadline in milliseconds.
    ///
    /// # Errors
    /// The value is zero, or above the ceiling.
    pub fn set(&mut self, limit: Limit, value: u64) -> Result<(), LimitError> {
        check(limit, value)?;
        match limit {
            Limit::Deadline => self.deadline = Duration::from_millis(value),
            Limit::Memory => self.memory = value,
            Limit::Memories => self.memories = value,
            Limit::Tables => self.tables = value,
            Limit::TableElements => self.table_elements = value,
            Limit::Instances => self.instances = value,
            Limit::Stack => self.stack = value,
            Limit::HostData => self.host_data = value,
            Limit::Handles => self.handles = value,
        }
        Ok(())
    }

    /// Checks that all limits are within their ceilings.
    ///
    /// # Errors
    /// Returns the first limit that is not.
    pub fn check(&self) -> Result<(), LimitError> {
        Limit::ALL
            .into_iter()
            .try_for_each(|limit| check(limit, self.get(limit)))
    }
}

fn check(limit: Limit, value: u64) -> Result<(), LimitError> {
    if (1..=limit.ceiling()).contains(&value) {
        Ok(())
    } else {
        Err(LimitError { limit, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_ceilings() {
        assert_eq!(Limits::default().check(), Ok(()));
    }

    #[test]
    fn a_limit_is_neither_zero_nor_above_its_ceiling() {
        for limit in Limit::ALL {
            let mut limits = Limits::default();
            assert_eq!(limits.set(limit, limit.ceiling()), Ok(()));
            assert_eq!(limits.get(limit), limit.ceiling(), "{limit}");
            for value in [0, limit.ceiling() + 1, u64::MAX] {
                assert_eq!(limits.set(limit, value), Err(LimitError { limit, value }));
            }
            assert_eq!(limits.check(), Ok(()));
        }
        let endless = Limits {
            deadline: Duration::MAX,
            ..Limits::default()
        };
        assert!(endless.check().is_err());
    }
}
