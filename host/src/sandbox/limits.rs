//! What a call may use.

use std::time::Duration;

use wasmtime::{ResourceLimiter, Result, bail};

/// The bounds of one call. The defaults are ample for a page of 10,000
/// machines.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// Linear memory, all memories together, in bytes. Default 96 MiB.
    pub memory: usize,
    /// Elements of all tables together. Default 10,000.
    pub table_elements: usize,
    /// The whole call: instantiation, resolution, connection, transfer and
    /// computation. Default 60 seconds.
    pub deadline: Duration,
    /// Data that the host copies for the guest, in bytes. Default 64 MiB.
    pub host_data: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 96 * 1024 * 1024,
            table_elements: 10_000,
            deadline: Duration::from_secs(60),
            host_data: 64 * 1024 * 1024,
        }
    }
}

/// Counts what one store uses. wasmtime's own limiter counts each memory by
/// itself; a component may have several.
#[derive(Debug)]
pub(super) struct Meter {
    memory_left: usize,
    elements_left: usize,
    /// What the guest asked for beyond its bounds, in words.
    pub(super) exceeded: Option<String>,
}

impl Meter {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            memory_left: limits.memory,
            elements_left: limits.table_elements,
            exceeded: None,
        }
    }

    fn take(left: &mut usize, more: usize, what: &str) -> Result<(), String> {
        match left.checked_sub(more) {
            Some(rest) => {
                *left = rest;
                Ok(())
            }
            None => Err(format!("{more} more {what}, where {left} are left")),
        }
    }

    fn decide(&mut self, taken: Result<(), String>) -> Result<bool> {
        if let Err(reason) = taken {
            self.exceeded = Some(reason.clone());
            bail!("{reason}");
        }
        Ok(true)
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, now: usize, then: usize, _max: Option<usize>) -> Result<bool> {
        let taken = Self::take(
            &mut self.memory_left,
            then.saturating_sub(now),
            "bytes of memory",
        );
        self.decide(taken)
    }

    fn table_growing(&mut self, now: usize, then: usize, _max: Option<usize>) -> Result<bool> {
        let taken = Self::take(
            &mut self.elements_left,
            then.saturating_sub(now),
            "table elements",
        );
        self.decide(taken)
    }

    fn instances(&self) -> usize {
        8
    }

    fn tables(&self) -> usize {
        8
    }

    fn memories(&self) -> usize {
        4
    }
}
