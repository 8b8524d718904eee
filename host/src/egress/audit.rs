//! Who is told of every request that a plugin asked for.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use super::Exchange;
use crate::{
    connection::Proxy,
    contract::Function,
    grant::{Refusal, Route},
};

/// Takes note of every request that a plugin asked for, let out or not.
pub trait Audit: Send + Sync {
    /// Takes note of one, once it has ended.
    ///
    /// # Errors
    /// It could not be put on record. Nothing more is let out after that.
    fn note(&self, entry: &Entry<'_>) -> io::Result<()>;
}

/// One request that a plugin asked for, and what was decided.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Entry<'a> {
    /// When the plugin asked.
    pub time: SystemTime,
    /// The function that was called.
    pub call: Function,
    /// The call's grant, in words.
    pub grant: &'a str,
    /// The method, as asked.
    pub method: &'a str,
    /// The scheme, as asked.
    pub scheme: &'a str,
    /// The host and port, as asked.
    pub authority: &'a str,
    /// The route that it was let out by; none where it was refused.
    pub route: Option<Route>,
    /// Why it was refused; none where it was let out.
    pub refusal: Option<&'a Refusal>,
    /// What became of it, where it was let out. Its answer may hold names; a
    /// record of decisions has no need of it.
    pub exchange: Option<&'a Exchange>,
    /// The proxy that it went through.
    pub proxy: Option<&'a Proxy>,
    /// How long it took.
    pub duration: Duration,
}

/// An audit, and whether it still works. Shared by all calls of a sandbox.
#[derive(Clone, Default)]
pub(crate) struct Auditor {
    audit: Option<Arc<dyn Audit>>,
    failed: Arc<AtomicBool>,
}

impl Auditor {
    pub(crate) fn new(audit: Arc<dyn Audit>) -> Self {
        Self {
            audit: Some(audit),
            failed: Arc::default(),
        }
    }

    /// Whether what is let out will be on record, as far as can be told.
    pub(super) fn works(&self) -> bool {
        !self.failed.load(Ordering::SeqCst)
    }

    pub(super) fn note(&self, entry: &Entry<'_>) {
        if let Some(audit) = &self.audit
            && audit.note(entry).is_err()
        {
            self.failed.store(true, Ordering::SeqCst);
        }
    }
}
