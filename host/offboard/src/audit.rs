//! The audit on disk: one JSON line for each request that was refused, and two
//! for each that was let out, of which the first is on the disk before anything
//! leaves. Only ever appended to; it never holds a token. A line is an [`AuditEntry`].

use std::{
    io,
    path::Path,
    sync::{Mutex, PoisonError},
};

use thiserror::Error;
use uuid::Uuid;

use crate::{
    egress::{Audit, Entry, Phase},
    lines::Lines,
    mask,
    output::{AuditDecision, AuditEntry, AuditPhase},
};

/// An open audit file.
#[derive(Debug)]
pub struct AuditFile {
    lines: Mutex<Lines>,
    run: Uuid,
    plugin_sha256: String,
}

/// The audit cannot be opened, so nothing may be sent.
#[derive(Debug, Error)]
#[error("the audit file {} cannot be written: {cause}", mask::path(.path))]
pub struct AuditError {
    path: std::path::PathBuf,
    cause: io::Error,
}

impl AuditFile {
    /// Opens an audit for appending, and creates it where it is missing,
    /// readable by nobody else. The run is the journal's.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn open(path: &Path, run: Uuid, plugin_sha256: &str) -> Result<Self, AuditError> {
        let lines = Lines::open(path).map_err(|cause| AuditError {
            path: path.to_owned(),
            cause,
        })?;
        Ok(Self {
            lines: Mutex::new(lines),
            run,
            plugin_sha256: plugin_sha256.to_owned(),
        })
    }
}

impl Audit for AuditFile {
    fn note(&self, entry: &Entry<'_>) -> io::Result<()> {
        let exchange = entry.exchange;
        let time = jiff::Timestamp::try_from(entry.time).map_err(io::Error::other)?;
        let line = AuditEntry {
            time: time.to_string(),
            run: self.run.to_string(),
            plugin_sha256: self.plugin_sha256.clone(),
            call: entry.call.name().to_owned(),
            grant: entry.grant.to_owned(),
            method: entry.method.to_owned(),
            scheme: entry.scheme.to_owned(),
            authority: entry.authority.to_owned(),
            route: entry.route.map(|route| route.template().to_owned()),
            decision: match entry.refusal {
                None => AuditDecision::Allowed,
                Some(_) => AuditDecision::Refused,
            },
            reason: entry.refusal.map(ToString::to_string),
            address: exchange
                .and_then(|exchange| exchange.address)
                .map(|address| address.to_string()),
            proxy: entry.proxy.map(ToString::to_string),
            status: exchange.and_then(|exchange| exchange.status),
            bytes_sent: exchange.map_or(0, |exchange| exchange.bytes_sent),
            bytes_received: exchange.map_or(0, |exchange| exchange.bytes_received),
            failure: exchange.and_then(|exchange| exchange.failure.clone()),
            duration_ms: u64::try_from(entry.duration.as_millis()).unwrap_or(u64::MAX),
            phase: match entry.phase {
                Phase::Decision => AuditPhase::Decision,
                Phase::End => AuditPhase::End,
            },
            query: entry.query.map(ToOwned::to_owned),
        };
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.append(&line)
    }
}
