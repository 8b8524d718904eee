//! The audit on disk: one JSON line for each request that was refused, and two
//! for each that was let out, of which the first is on the disk before anything
//! leaves. Only ever appended to; it never holds a token. The schema is in
//! `docs/schema/audit.json`.

use std::{
    io,
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde::Serialize;
use thiserror::Error;
use uuid::Uuid;

use crate::{
    egress::{Audit, Entry, Phase},
    lines::Lines,
    mask,
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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    time: String,
    run: Uuid,
    plugin_sha256: &'a str,
    call: &'a str,
    grant: &'a str,
    method: &'a str,
    scheme: &'a str,
    authority: &'a str,
    route: Option<&'a str>,
    decision: &'a str,
    reason: Option<String>,
    address: Option<String>,
    proxy: Option<String>,
    status: Option<u16>,
    bytes_sent: u64,
    bytes_received: u64,
    failure: Option<&'a str>,
    duration_ms: u64,
    phase: &'a str,
    query: Option<&'a str>,
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
        let line = Line {
            time: time.to_string(),
            run: self.run,
            plugin_sha256: &self.plugin_sha256,
            call: entry.call.name(),
            grant: entry.grant,
            method: entry.method,
            scheme: entry.scheme,
            authority: entry.authority,
            route: entry.route.map(|route| route.template()),
            decision: match entry.refusal {
                None => "allowed",
                Some(_) => "refused",
            },
            reason: entry.refusal.map(ToString::to_string),
            address: exchange
                .and_then(|exchange| exchange.address)
                .map(|address| address.to_string()),
            proxy: entry.proxy.map(ToString::to_string),
            status: exchange.and_then(|exchange| exchange.status),
            bytes_sent: exchange.map_or(0, |exchange| exchange.bytes_sent),
            bytes_received: exchange.map_or(0, |exchange| exchange.bytes_received),
            failure: exchange.and_then(|exchange| exchange.failure.as_deref()),
            duration_ms: u64::try_from(entry.duration.as_millis()).unwrap_or(u64::MAX),
            phase: match entry.phase {
                Phase::Decision => "decision",
                Phase::End => "end",
            },
            query: entry.query,
        };
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.append(&line)
    }
}
