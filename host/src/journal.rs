//! The record on disk, until there is a ledger: one JSON line before each POST
//! and one after its answer, each synced before anything else happens. It
//! never holds a token.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::Serialize;
use thiserror::Error;
use uuid::Uuid;

use crate::{contract::Problem, egress::CallRecord, lines::Lines};

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    lines: Lines,
    path: PathBuf,
    who: Who,
}

/// Who sends, and with what.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Who {
    /// The run, which the audit names, too.
    pub run: Uuid,
    /// The user of the operating system, as the environment names it.
    pub user: Option<String>,
    /// The user's number, as the system has it; only where users have one.
    pub uid: Option<u32>,
    /// This program's version.
    pub version: &'static str,
    /// The plugin's digest.
    pub plugin_sha256: String,
    /// The service's origin.
    pub api_root: String,
    /// The tenant that the token names.
    pub tenant: Option<String>,
    /// The application that the token was issued to: its client id.
    pub application: Option<String>,
    /// The kind of credential.
    pub auth: Option<String>,
    /// The configuration's profile.
    pub profile: Option<String>,
}

impl Who {
    /// Who sends, with this program; what is known of the sign-in is left
    /// open.
    #[must_use]
    pub fn new(user: Option<String>, plugin_sha256: &str, api_root: &str) -> Self {
        Self {
            run: Uuid::new_v4(),
            user,
            uid: uid(),
            version: env!("CARGO_PKG_VERSION"),
            plugin_sha256: plugin_sha256.to_owned(),
            api_root: api_root.to_owned(),
            tenant: None,
            application: None,
            auth: None,
            profile: None,
        }
    }
}

#[cfg(unix)]
fn uid() -> Option<u32> {
    Some(rustix::process::getuid().as_raw())
}

#[cfg(not(unix))]
fn uid() -> Option<u32> {
    None
}

/// The journal cannot be written, so nothing may be sent.
#[derive(Debug, Error)]
#[error("the journal {path} cannot be written: {cause}")]
pub struct JournalError {
    path: PathBuf,
    cause: io::Error,
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
    #[serde(flatten)]
    who: &'a Who,
    #[serde(flatten)]
    what: &'a T,
}

impl JournalError {
    /// Nobody says where it is, and there is no home to keep it in.
    pub(crate) fn no_home() -> Self {
        Self {
            path: PathBuf::from("journal.jsonl"),
            cause: io::Error::other("there is no home folder: name a file with --journal"),
        }
    }

    /// One file cannot be both: each has lines of its own form.
    pub(crate) fn is_audit(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            cause: io::Error::other("it is the audit file, and each needs one of its own"),
        }
    }
}

impl Journal {
    /// Opens a journal for appending, and creates it and its folder where they
    /// are missing, readable by nobody else.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn open(path: &Path, who: Who) -> Result<Self, JournalError> {
        let open = || {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            Lines::open(path)
        };
        let lines = open().map_err(|cause| JournalError {
            path: path.to_owned(),
            cause,
        })?;
        Ok(Self {
            lines,
            path: path.to_owned(),
            who,
        })
    }

    /// Whether one could be opened there; nothing is left behind.
    ///
    /// # Errors
    /// It could not be written.
    pub fn probe(path: &Path) -> Result<(), JournalError> {
        let probe = || {
            if path.exists() {
                return std::fs::OpenOptions::new()
                    .append(true)
                    .open(path)
                    .map(|_| ());
            }
            // Where its folder would be made, if that is missing, too.
            let folder = path.ancestors().skip(1).find(|folder| folder.exists());
            let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
            tempfile::tempfile_in(folder.unwrap_or(Path::new("."))).map(|_| ())
        };
        probe().map_err(|cause| JournalError {
            path: path.to_owned(),
            cause,
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
            who: &self.who,
            what,
        };
        self.lines.append(&line).map_err(|cause| JournalError {
            path: self.path.clone(),
            cause,
        })
    }
}
