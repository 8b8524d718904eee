//! A list of machines from a file: as a table with a head (CSV), as JSON Lines,
//! or a machine a line. All of it is read and checked before anything is sent,
//! and every fault is told with its line. It may be long: of each machine no more
//! is kept than what its order is made of.

mod rows;
mod template;

use std::{
    collections::{HashMap, hash_map::RandomState},
    fmt,
    fs::File,
    hash::BuildHasher,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;

use super::target::{self, Named};
use crate::{
    contract::{Comment, stands_for},
    order::Target,
};
use rows::{Columns, Row};
use template::Template;
pub(super) use template::Wording;

/// The longest list, in bytes: some 100,000 machines in a table.
const MAX_LIST: u64 = 16 * 1024 * 1024;
/// So many faults are enough.
const MAX_FAULTS: usize = 1000;

/// One machine that is to be offboarded, and why.
#[derive(Debug)]
pub(super) struct Entry {
    /// Where it stands, from 1.
    pub(super) line: u64,
    pub(super) named: Named,
    /// What the list calls a machine that it names by its id, if it does.
    pub(super) called: Option<String>,
    pub(super) comment: Wording,
}

impl Entry {
    /// Whether both lines call the machine alike; then it is called so.
    fn called_alike(&mut self, other: &Self) -> bool {
        let alike = match (&self.called, &other.called) {
            (Some(one), Some(other)) => stands_for(one, other) || stands_for(other, one),
            _ => true,
        };
        if self.called.is_none() {
            self.called.clone_from(&other.called);
        }
        alike
    }

    /// Whether both have the same words.
    fn has_comment_of(&self, other: &Self) -> bool {
        self.comment.comment() == other.comment.comment()
    }
}

/// Where in a list each machine stands first.
#[derive(Default)]
struct Known {
    hasher: RandomState,
    places: HashMap<u64, u32>,
}

impl Known {
    /// Where this machine stood first; or else it stands there from now on.
    fn place(&mut self, named: &Named, entries: &[Entry]) -> Option<usize> {
        let key = named.key();
        let mut hash = self.hasher.hash_one(&key);
        // Another machine's place, once in a very long time: the next is taken.
        while let Some(&place) = self.places.get(&hash) {
            let place = place as usize;
            if entries
                .get(place)
                .is_some_and(|entry| entry.named.key() == key)
            {
                return Some(place);
            }
            hash = hash.wrapping_add(1);
        }
        let place = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        self.places.insert(hash, place);
        None
    }
}

/// A list without faults.
#[derive(Debug)]
pub(super) struct List {
    /// In the file's order, each machine once.
    pub(super) entries: Vec<Entry>,
    /// How many lines named a machine again.
    pub(super) again: usize,
    /// How many were passed over, because they begin with `#`.
    pub(super) remarks: usize,
}

/// What is wrong with a line; 0 is none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: u64,
    pub(super) reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => formatter.write_str(&self.reason),
            line => write!(formatter, "line {line}: {}", self.reason),
        }
    }
}

/// Why a list is none.
#[derive(Debug, Error)]
pub(super) enum ListError {
    /// The file cannot be read.
    #[error("{0} cannot be read: {1}")]
    Io(String, io::Error),
    /// It is longer than any list.
    #[error("{0} is longer than {MAX_LIST} bytes")]
    TooLong(String),
    /// Excel's "Unicode text", or something that is no text at all.
    #[error("{0} is not UTF-8: save it as \"CSV UTF-8\" or as plain text in UTF-8")]
    Encoding(String),
    /// A table in which two columns have one name.
    #[error("{0}: the head has the column {1} twice")]
    Twice(String, String),
    /// One array in place of an object a line.
    #[error("{0} is a JSON array, and an object a line is wanted (as `jq -c '.[]'` writes them)")]
    Array(String),
    /// A table without a column that names machines.
    #[error(
        "{0}: the head has neither a column machineId nor one name, but {1}: name one of them so"
    )]
    Columns(String, String),
    /// Nothing there.
    #[error("{0} names no machine")]
    Empty(String),
    /// Lines that cannot be used; all of them.
    #[error("{0}: {count} cannot be used, and nothing was sent", count = lines(.1.len()))]
    Faults(String, Vec<Fault>),
}

fn lines(count: usize) -> String {
    match count {
        1 => "1 line".to_owned(),
        count => format!("{count} lines"),
    }
}

/// Where a list comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum From {
    Input,
    File(PathBuf),
}

impl fmt::Display for From {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input => formatter.write_str("standard input"),
            Self::File(path) => formatter.write_str(&crate::shown::path(path)),
        }
    }
}

/// A file, or `-` for standard input.
pub(super) fn from(text: &str) -> Result<From, String> {
    Ok(match text {
        "" => return Err("it is blank".to_owned()),
        "-" => From::Input,
        path => From::File(Path::new(path).to_owned()),
    })
}

/// Reads and checks a list. Machines without a comment of their own get this
/// one, in which `{column}` stands for what their row has there.
///
/// # Errors
/// The list cannot be read, or has faults: all of them are told.
pub(super) fn read(from: &From, comment: Option<&Comment>) -> Result<List, ListError> {
    let bytes = match from {
        From::Input => bytes(io::stdin().lock()),
        From::File(path) => File::open(path).and_then(bytes),
    };
    let bytes = bytes.map_err(|error| ListError::Io(from.to_string(), error))?;
    if bytes.len() as u64 > MAX_LIST {
        return Err(ListError::TooLong(from.to_string()));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| ListError::Encoding(from.to_string()))?;
    check(text, comment, &from.to_string())
}

fn bytes(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_LIST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn check(text: &str, comment: Option<&Comment>, name: &str) -> Result<List, ListError> {
    // Excel begins its files with a mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let rows = rows::read(text, name)?;
    let mut faults = Vec::new();
    let template = match comment.map(|comment| Template::parse(comment.as_str())) {
        Some(Err(reason)) => {
            let reason = format!("--comment: {reason}");
            return Err(ListError::Faults(
                name.to_owned(),
                vec![Fault { line: 0, reason }],
            ));
        }
        Some(Ok(template)) => Some(Arc::new(template)),
        None => None,
    };
    let mut entries: Vec<Entry> = Vec::new();
    let mut known = Known::default();
    let mut again = 0;
    for row in rows {
        if faults.len() >= MAX_FAULTS {
            break;
        }
        let line = row.line;
        match entry(row, template.as_ref()) {
            Err(reason) => faults.push(Fault { line, reason }),
            Ok(entry) => match known.place(&entry.named, &entries) {
                None => entries.push(entry),
                Some(first) => {
                    let known = &mut entries[first];
                    let other = if !known.has_comment_of(&entry) {
                        "comment"
                    } else if !known.called_alike(&entry) {
                        "name"
                    } else if !known.named.takes(&entry.named) {
                        "tenant"
                    } else {
                        again += 1;
                        continue;
                    };
                    let reason = format!(
                        "it names the machine of line {} again, with another {other}",
                        known.line
                    );
                    faults.push(Fault { line, reason });
                }
            },
        }
    }
    match (faults.is_empty(), entries.is_empty()) {
        (false, _) => Err(ListError::Faults(name.to_owned(), faults)),
        (true, true) => Err(ListError::Empty(name.to_owned())),
        (true, false) => Ok(List {
            entries,
            again,
            remarks: text
                .lines()
                .filter(|line| line.trim_start().starts_with('#'))
                .count(),
        }),
    }
}

fn entry(row: Row, template: Option<&Arc<Template>>) -> Result<Entry, String> {
    let Row { line, machine, .. } = &row;
    let named = target::machine(machine.as_ref().map_err(Clone::clone)?)
        .map_err(|reason| format!("{:?}: {reason}", machine.as_deref().unwrap_or_default()))?;
    let refused = |error| format!("the comment: {error}");
    let comment = match (&row.comment, template) {
        (Some(comment), _) => Wording::Own(comment.parse().map_err(refused)?),
        (None, Some(template)) => {
            let filled = Wording::Filled(Arc::clone(template), template.values(&row.columns)?);
            filled.comment().map_err(refused)?;
            filled
        }
        (None, None) => return Err("it has no comment, and there is no --comment".to_owned()),
    };
    Ok(Entry {
        line: *line,
        named,
        called: row.called,
        comment,
    })
}

/// Names of columns mean the same in any case, with blanks or without.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// The names that are in use for a column of ids, and of names: ours, the
/// service's, and those of the portal's export. Of several the first counts.
const IDS: [&str; 3] = ["machineid", "deviceid", "id"];
const NAMES: [&str; 6] = [
    "name",
    "machinename",
    "devicename",
    "computerdnsname",
    "dnsname",
    "hostname",
];
const COMMENT: &str = "comment";

/// Whether a column names machines.
fn names_machines(column: &str) -> bool {
    let plain = plain(column);
    IDS.contains(&plain.as_str()) || NAMES.contains(&plain.as_str())
}

/// What names the machine of a row, its id or else its name; and the name
/// beside an id. The columns are known by their plain names.
fn machine(columns: &Columns) -> (Result<String, String>, Option<String>) {
    let first = |names: &[&str]| {
        let mut found = names.iter().filter_map(|column| columns.get(column));
        found.find(|value| !value.is_empty()).map(ToOwned::to_owned)
    };
    match (first(&IDS), first(&NAMES)) {
        (Some(id), name) => (checked(id), name),
        (None, Some(name)) => (Ok(name), None),
        (None, None) => (Err("it has neither an id nor a name".to_owned()), None),
    }
}

/// What stands in a column of ids. Some other list's id is not looked up as if it
/// were a name.
fn checked(id: String) -> Result<String, String> {
    match target::machine(&id) {
        Ok(Named {
            target: Target::Id(_),
            ..
        }) => Ok(id),
        Ok(_) => Err(format!(
            "{id:?} is in the column of ids, and is no machine id"
        )),
        Err(reason) => Err(format!("{id:?}: {reason}")),
    }
}

#[cfg(test)]
mod tests;
