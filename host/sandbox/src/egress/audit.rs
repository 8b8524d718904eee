//! Who is told of every request that a plugin asked for.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use super::record::Exchange;
use crate::{
    connection::Proxy,
    contract::Function,
    grant::{Refusal, Route},
};

/// Takes note of every request that a plugin asked for, let out or not.
pub trait Audit: Send + Sync {
    /// Takes note of one: of a refused request once; of one that is let out
    /// before anything of it leaves, and again when it has ended.
    ///
    /// # Errors
    /// It could not be put on record. Then it is not let out, and nothing after
    /// it.
    fn note(&self, entry: &Entry<'_>) -> io::Result<()>;
}

/// When something is noted of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It was refused, or will be let out once this is on record.
    Decision,
    /// It was let out, and has ended.
    End,
}

/// One request that a plugin asked for, and what was decided.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Entry<'a> {
    /// When the plugin asked; the same in both entries of a request.
    pub time: SystemTime,
    /// What this entry is about.
    pub phase: Phase,
    /// The function that was called.
    pub call: Function,
    /// The call's grant, in words.
    pub grant: &'a str,
    /// The method, as asked, as far as a record needs it. It is empty, and so
    /// are scheme and authority, where the plugin tried to set a header that it
    /// may not set: there is no request yet.
    pub method: &'a str,
    /// The scheme, as asked.
    pub scheme: &'a str,
    /// The host and port, as asked.
    pub authority: &'a str,
    /// The query, as asked; its beginning, where it is long.
    pub query: Option<&'a str>,
    /// The route that it was let out by; none where it was refused.
    pub route: Option<Route>,
    /// Why it was refused; none where it was let out.
    pub refusal: Option<&'a Refusal>,
    /// What became of it, where it was let out and has ended. Its answer may
    /// hold names; a record of decisions has no need of it.
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

    pub(super) fn note(&self, entry: &Entry<'_>) -> Result<(), Refusal> {
        match &self.audit {
            Some(audit) if audit.note(entry).is_err() => {
                self.failed.store(true, Ordering::SeqCst);
                Err(Refusal::Audit)
            }
            _ if self.works() => Ok(()),
            _ => Err(Refusal::Audit),
        }
    }
}
