//! The resource limiter of one store. wasmtime's own limiter counts each memory separately,
//! but a component may have several.

use wasmtime::{ResourceLimiter, Result, bail};

use super::limits::Limits;

#[derive(Debug)]
pub(super) struct StoreLimiter {
    memory_left: usize,
    elements_left: usize,
    instances: usize,
    tables: usize,
    memories: usize,
    /// The bound that the guest exceeded, as text.
    exceeded: Option<String>,
}

impl StoreLimiter {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            memory_left: size(limits.memory),
            elements_left: size(limits.table_elements),
            instances: size(limits.instances),
            tables: size(limits.tables),
            memories: size(limits.memories),
            exceeded: None,
        }
    }

    /// The bound that the guest exceeded, as text.
    pub(super) fn exceeded(&self) -> Option<&str> {
        self.exceeded.as_deref()
    }

    fn take(left: &mut usize, more: usize, what: &str) -> Result<(), String> {
        match left.checked_sub(more) {
            Some(rest) => {
                *left = rest;
                Ok(())
            }
            None => Err(format!("{more} more {what}, but only {left} are left")),
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

/// A limit as `usize`. A limit above the address space becomes the largest `usize`.
pub(super) fn size(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

impl ResourceLimiter for StoreLimiter {
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
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}
