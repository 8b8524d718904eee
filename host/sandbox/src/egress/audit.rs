//! The audit interface, which gets every request that a plugin attempts.

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

/// Records every request that a plugin attempts, permitted or refused.
pub trait Audit: Send + Sync {
    /// Records one entry. A refused request has one entry. A permitted request has one
    /// before any of it is sent, and another one when it has ended.
    ///
    /// # Errors
    /// The entry was not recorded. Then the request is refused, and so are all later
    /// ones.
    fn record(&self, entry: &AuditedRequest<'_>) -> io::Result<()>;
}

/// The time of an entry in a request's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The request was refused, or will be sent once this entry is recorded.
    Decision,
    /// The request was permitted, and has ended.
    End,
}

/// One request that a plugin attempted, and the decision about it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AuditedRequest<'a> {
    /// When the plugin made the request; the same in both entries of a request.
    pub time: SystemTime,
    /// Which of a request's two entries this is.
    pub phase: Phase,
    /// The function that was called.
    pub call: Function,
    /// The call's grant, as text.
    pub grant: &'a str,
    /// The id of the machine or the action that the grant is about; empty for a list.
    pub subject: &'a str,
    /// The external id that the request must have; `None` if it must have none.
    pub external_id: Option<&'a str>,
    /// The requested method, at most 200 characters. It is empty, and so are scheme and
    /// authority, if the plugin tried to set a forbidden header: there is no request
    /// yet.
    pub method: &'a str,
    /// The requested scheme, at most 200 characters.
    pub scheme: &'a str,
    /// The requested host and port, at most 200 characters.
    pub authority: &'a str,
    /// The requested query, at most 2,000 characters.
    pub query: Option<&'a str>,
    /// The route of a permitted request; `None` if it was refused.
    pub route: Option<Route>,
    /// Why it was refused; `None` if it was permitted.
    pub refusal: Option<&'a Refusal>,
    /// What was sent and received, for a permitted request that has ended. The answer
    /// may have personal data, which an audit does not need.
    pub exchange: Option<&'a Exchange>,
    /// The proxy that was used.
    pub proxy: Option<&'a Proxy>,
    /// The duration of the request.
    pub duration: Duration,
}

/// An audit and its state. Shared by all calls of a sandbox.
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

    /// Whether no entry has failed yet.
    pub(super) fn works(&self) -> bool {
        !self.failed.load(Ordering::SeqCst)
    }

    pub(super) fn record(&self, entry: &AuditedRequest<'_>) -> Result<(), Refusal> {
        match &self.audit {
            Some(audit) if audit.record(entry).is_err() => {
                self.failed.store(true, Ordering::SeqCst);
                Err(Refusal::Audit)
            }
            _ if self.works() => Ok(()),
            _ => Err(Refusal::Audit),
        }
    }
}
