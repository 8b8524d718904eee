//! The audit file: one JSON line for each request that was refused, and two for each that was
//! permitted. The first of the two is on the disk before any byte of the request leaves. The
//! file is only appended to and never holds a token. A line is an [`AuditEntry`].

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde::Deserialize;
use thiserror::Error;
use uuid::Uuid;

use crate::{
    egress::{Audit, AuditedRequest, Phase},
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

/// The longest line of an audit, in bytes, with a wide margin.
const MAX_LINE: u64 = 256 * 1024;

/// The audit cannot be opened, so nothing may be sent.
#[derive(Debug, Error)]
#[error("the audit file {} cannot be written: {cause}", mask::path(.path))]
pub struct AuditError {
    path: std::path::PathBuf,
    cause: io::Error,
}

/// The fields that the first line of an audit has in every version.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FirstLine {
    #[serde(rename = "time")]
    _time: String,
    #[serde(rename = "pluginSha256")]
    _plugin_sha256: String,
    #[serde(rename = "call")]
    _call: String,
    #[serde(rename = "grant")]
    _grant: String,
    #[serde(rename = "decision")]
    _decision: String,
}

impl AuditFile {
    /// Opens an audit for appending, and creates it if it is missing, readable only by this
    /// user. `run` is the run's id in the ledger.
    ///
    /// # Errors
    /// The file cannot be written, or has other content.
    pub fn open(path: &Path, run: Uuid, plugin_sha256: &str) -> Result<Self, AuditError> {
        let open = || {
            refuse_other(path)?;
            Lines::open(path)
        };
        let lines = open().map_err(|cause| AuditError {
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

/// Rejects a file with other content, such as a list or notes.
fn refuse_other(path: &Path) -> io::Result<()> {
    // A device or a pipe stores nothing, and reading it could block.
    let holds = fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() > 0);
    if !holds {
        return Ok(());
    }
    let mut line = Vec::new();
    let mut file = BufReader::new(File::open(path)?.take(MAX_LINE));
    file.read_until(b'\n', &mut line)?;
    // A crash may have torn the only line.
    let is_torn = line.last() != Some(&b'\n') && line.starts_with(br#"{"time":"#);
    if is_torn || serde_json::from_slice::<FirstLine>(&line).is_ok() {
        Ok(())
    } else {
        Err(io::Error::other(
            "it exists and is not an earlier audit, so nothing is added to it; name another file",
        ))
    }
}

impl Audit for AuditFile {
    fn record(&self, entry: &AuditedRequest<'_>) -> io::Result<()> {
        let exchange = entry.exchange;
        let time = jiff::Timestamp::try_from(entry.time).map_err(io::Error::other)?;
        let line = AuditEntry {
            time: format!("{time:.3}"),
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
            external_id: entry.external_id.map(ToOwned::to_owned),
        };
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.append(&line)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_an_audit_is_appended_to() {
        let line = r#"{"time":"2026-11-20T10:00:00Z","pluginSha256":"0","call":"offboard","grant":"g","method":"POST","decision":"allowed"}"#;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let torn = line.get(..30).unwrap();
        for (before, is_taken) in [
            (String::new(), true),
            (format!("{line}\n"), true),
            (format!("{line}\nwhat a crash left"), true),
            (line.to_owned(), true),
            (torn.to_owned(), true),
            (format!("{torn}\n"), false),
            ("machineId,comment\n".to_owned(), false),
            ("\n".to_owned(), false),
            ("<!doctype html>\n<html>".to_owned(), false),
            (
                "{\"asked\":\"pc-1\",\"machineId\":null}\n".to_owned(),
                false,
            ),
            (format!("\n{line}\n"), false),
            ("\u{0}".repeat(1000), false),
        ] {
            fs::write(&path, &before).unwrap();
            let opened = AuditFile::open(&path, Uuid::new_v4(), "0");
            assert_eq!(opened.is_ok(), is_taken, "{before:?}");
            drop(opened);
            let after = fs::read_to_string(&path).unwrap();
            assert!(after.starts_with(&before), "{before:?}");
            assert!(is_taken || after == before, "{before:?}");
        }
        assert!(AuditFile::open(&folder.path().join("new"), Uuid::new_v4(), "0").is_ok());
    }
}
