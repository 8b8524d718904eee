//! The record on disk, until there is a ledger: one JSON line before each POST
//! and one after its answer, each synced before anything else happens. It
//! never holds a token.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;
use thiserror::Error;
use uuid::Uuid;

use crate::{contract::Problem, egress::CallRecord};

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    run: Uuid,
    who: Who,
}

/// Who sends, and with what.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Who {
    /// The user of the operating system, where known.
    pub user: Option<String>,
    /// This program's version.
    pub version: &'static str,
    /// The plugin's digest.
    pub plugin_sha256: String,
    /// The service's origin.
    pub api_root: String,
}

impl Who {
    /// Who sends, with this program.
    #[must_use]
    pub fn new(user: Option<String>, plugin_sha256: &str, api_root: &str) -> Self {
        Self {
            user,
            version: env!("CARGO_PKG_VERSION"),
            plugin_sha256: plugin_sha256.to_owned(),
            api_root: api_root.to_owned(),
        }
    }
}

/// The journal cannot be written, so nothing may be sent.
#[derive(Debug, Error)]
#[error("the journal {path} cannot be written: {source}")]
pub struct JournalError {
    path: PathBuf,
    source: io::Error,
}

/// A POST that is about to leave.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sending<'a> {
    pub(crate) route: &'static str,
    pub(crate) id: &'a str,
    pub(crate) name: Option<&'a str>,
    pub(crate) comment: &'a str,
}

/// What became of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answered<'a> {
    pub(crate) id: &'a str,
    pub(crate) state: &'a str,
    pub(crate) action_id: Option<&'a str>,
    pub(crate) status: Option<u16>,
    pub(crate) bytes_sent: u64,
    pub(crate) kind: Option<&'a str>,
    pub(crate) code: Option<&'a str>,
    pub(crate) message: Option<&'a str>,
    pub(crate) target: Option<&'a str>,
}

impl<'a> Answered<'a> {
    pub(crate) fn new(
        id: &'a str,
        state: &'a str,
        action_id: Option<&'a str>,
        record: &CallRecord,
        problem: Option<&'a Problem>,
    ) -> Self {
        let exchange = record.exchange.as_ref();
        Self {
            id,
            state,
            action_id,
            status: exchange.and_then(|exchange| exchange.status),
            bytes_sent: exchange.map_or(0, |exchange| exchange.bytes_sent),
            kind: problem.map(|problem| problem.kind),
            code: problem.and_then(|problem| problem.code.as_deref()),
            message: problem.and_then(|problem| problem.message.as_deref()),
            target: problem.and_then(|problem| problem.target.as_deref()),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a, T> {
    time: String,
    event: &'a str,
    run: Uuid,
    #[serde(flatten)]
    who: &'a Who,
    #[serde(flatten)]
    what: &'a T,
}

impl Journal {
    /// Opens a journal for appending, and creates it and its folder where they
    /// are missing, readable by nobody else.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn open(path: &Path, who: Who) -> Result<Self, JournalError> {
        let open = || -> io::Result<File> {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let mut options = OpenOptions::new();
            options.create(true).append(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.read(true).open(path)?;
            // A line that a crash tore must not swallow the next one.
            if torn(&mut file)? {
                file.write_all(b"\n")?;
            }
            file.sync_all()?;
            Ok(file)
        };
        let file = open().map_err(|source| JournalError {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            file,
            path: path.to_owned(),
            run: Uuid::new_v4(),
            who,
        })
    }

    /// Puts on record that a POST is about to leave.
    pub(crate) fn sending(&mut self, what: &Sending<'_>) -> Result<(), JournalError> {
        self.append("sending", what)
    }

    pub(crate) fn answered(&mut self, what: &Answered<'_>) -> Result<(), JournalError> {
        self.append("answered", what)
    }

    pub(crate) fn adopted(&mut self, what: &Answered<'_>) -> Result<(), JournalError> {
        self.append("adopted", what)
    }

    fn append<T: Serialize>(&mut self, event: &str, what: &T) -> Result<(), JournalError> {
        let time = jiff::Timestamp::now().to_string();
        let line = Line {
            time,
            event,
            run: self.run,
            who: &self.who,
            what,
        };
        let write = |file: &mut File| -> io::Result<()> {
            let mut text = serde_json::to_string(&line)?;
            text.push('\n');
            // One write, so that two processes cannot mix their lines.
            file.write_all(text.as_bytes())?;
            file.sync_data()
        };
        write(&mut self.file).map_err(|source| JournalError {
            path: self.path.clone(),
            source,
        })
    }
}

/// Whether the last line has no end.
fn torn(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
