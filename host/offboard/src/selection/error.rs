//! Why a line or a list cannot be used. Text that may be a secret is not shown.

use std::{borrow::Cow, io};

use thiserror::Error;

use super::{EntraDeviceId, InvalidReference};
use crate::{
    contract::{InvalidComment, MachineId},
    mask,
};

/// The longest list, in bytes: some 100,000 machines in a table.
pub(super) const MAX_LIST: u64 = 16 * 1024 * 1024;

/// A line that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {error}")]
pub struct LineError {
    /// The line, from 1.
    pub line: u64,
    /// Why it cannot be used.
    pub error: RowError,
}

impl LineError {
    /// Whether the text does not even resemble a reference to a machine.
    pub(super) fn is_no_reference(&self) -> bool {
        use InvalidReference::{Characters, Name, Path};
        match &self.error {
            RowError::Machine { error, .. } => matches!(error, Characters | Name | Path),
            error => !matches!(error, RowError::NoComment | RowError::Comment(_)),
        }
    }
}

/// Why a row cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RowError {
    /// The text does not refer to a machine.
    #[error("{text}{at}: {error}", text = shown(.text), at = in_column(.column.as_deref()))]
    Machine {
        /// The column, if the list has columns.
        column: Option<String>,
        /// The text.
        text: String,
        /// Why it does not refer to a machine.
        error: InvalidReference,
    },
    /// Neither an id nor a name.
    #[error("the row has neither a machine id nor a name")]
    NoMachine,
    /// The comment is invalid.
    #[error(transparent)]
    Comment(#[from] InvalidComment),
    /// The row has no comment, and there is no default comment.
    #[error("the row has no comment")]
    NoComment,
    /// A required column is empty.
    #[error("the column {text} is empty in this row", text = shown(.0))]
    Empty(String),
    /// A required column does not exist.
    #[error("there is no column {text}; the columns are: {columns}", text = shown(.0), columns = listed(.1))]
    NoColumn(String, Vec<String>),
    /// Two columns or members have the same name.
    #[error("the column or member {:?} exists twice", mask::value(.0))]
    Twice(String),
    /// A cell with a line break where it must have one line.
    #[error("the cell {text} contains a line break", text = shown(.0))]
    LineBreak(String),
    /// A cell that may contain the next rows.
    #[error(
        "the cell in the column {:?} has several lines, which may be rows: a quotation mark may be \
         missing", mask::value(.0)
    )]
    Swallowed(String),
    /// More or fewer cells than the header.
    #[error("the row has {0} {cells}, but the header has {1}", cells = if *.0 == 1 { "cell" } else { "cells" })]
    Cells(usize, usize),
    /// A quoted cell without an end.
    #[error("the quoted cell that begins here has no end. Nothing after it was read")]
    OpenQuote,
    /// Text between a closing quotation mark and the end of its cell.
    #[error("the quoted cell that begins in line {0} has text after its closing quotation mark")]
    AfterQuote(u64),
    /// A quotation mark in a cell that does not begin with one.
    #[error("there is a quotation mark inside a cell that is not enclosed in quotation marks")]
    StrayQuote,
    /// A line of JSON Lines that is not an object.
    #[error("the line is not a JSON object")]
    NotObject,
    /// A member whose value is not JSON.
    #[error("the member {text} cannot be parsed", text = shown(.0))]
    Member(String),
    /// A row that is one quoted cell.
    #[error("the whole row is in quotation marks")]
    Quoted,
    /// A token or a client secret where a machine or a comment should be.
    #[error("the line contains a secret, which is not shown")]
    Secret,
    /// No machine of the inventory has this Entra device id.
    #[error("no machine has the Entra device id {0}")]
    NoMachineOfDevice(EntraDeviceId),
    /// Several machines have this Entra device id.
    #[error("several machines have the Entra device id {0}: {machines}", machines = ids(.1))]
    SeveralOfDevice(EntraDeviceId, Vec<MachineId>),
    /// An earlier line names the same machine, but differs.
    #[error("this is the machine of line {line}, but with another {other}")]
    Repeated {
        /// The first line that names the machine.
        line: u64,
        /// What differs.
        other: &'static str,
    },
}

/// Why a list cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ListError {
    /// The list cannot be read.
    #[error("the list cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The list is too long.
    #[error("the list has more than {MAX_LIST} bytes")]
    TooLong,
    /// A binary file, or a text that is damaged.
    #[error("the list is not text in UTF-8, UTF-16 or Windows-1252")]
    Encoding,
    /// JSON with a syntax error.
    #[error("line {0} is not valid JSON")]
    Json(u64),
    /// The machines are in an array that is neither the whole list nor the entries of an answer.
    #[error("the list is JSON with machines in an inner array")]
    Array,
    /// A saved answer that continues on another page.
    #[error(
        "the list is a saved answer of an API, and not its last page: it has an @odata.nextLink"
    )]
    NextPage,
    /// The list was read as one with another kind of references.
    #[error("the list does not have the expected kind of references to machines")]
    OtherReferences,
    /// Two columns of the header have the same name.
    #[error("in the header, {0}")]
    Header(RowError),
    /// A table without a header.
    #[error("line {0} should be the header of the table, but contains a machine id")]
    NoHeader(u64),
    /// A table without a column that is known to contain machine ids or names.
    #[error("the header has neither a column machineId nor a column name, only: {}", listed(.0))]
    Columns(Vec<String>),
    /// A selected column does not exist.
    #[error("there is no column {text}; the columns are: {columns}", text = shown(.0), columns = listed(.1))]
    NoColumn(String, Vec<String>),
    /// A column contains machine ids but is not used. No other column is used in its place.
    #[error("the column {:?} contains machine ids (line {line}) that would not be used", mask::value(.column))]
    UnusedIds {
        /// The column.
        column: String,
        /// The first line with such an id.
        line: u64,
        /// The column that contains the machine of this line.
        used: Option<String>,
    },
    /// Two columns of a row name different machines, and neither was chosen.
    #[error("the columns {:?} and {:?} name different machines (line {line})", mask::value(.column), mask::value(.other))]
    TwoNames {
        /// The column that would have been used.
        column: String,
        /// The other one.
        other: String,
        /// The first line in which they differ.
        line: u64,
    },
    /// GUIDs in the place of machine ids, as exports of Intune and Entra ID have them.
    #[error(
        "{} GUIDs, not machine ids (40 hexadecimal digits): Intune and Entra ID identify devices by \
         GUIDs", column_contains(.column.as_deref())
    )]
    Guids {
        /// Their column, if the list has columns.
        column: Option<String>,
        /// The column with a known heading for names.
        names: Option<String>,
        /// The column with a known heading for Entra device ids.
        entra_devices: Option<String>,
    },
    /// A column with a known heading for ids contains something else, such as row numbers.
    #[error("the column {:?} does not contain machine ids (40 hexadecimal digits)", mask::value(.0))]
    NoIds(String),
    /// Lines before the header, such as a title.
    #[error("the header is in line {0}: remove the lines before it")]
    Title(u64),
    /// Rows that are one quoted cell each.
    #[error(
        "from line {0} on, each row is in quotation marks, which makes it one cell. Export the list \
         again, or remove the outer quotation marks and write each doubled one inside once"
    )]
    Quoted(u64),
    /// A file with one word that may be a secret.
    #[error(
        "the only line may be a secret, so it is neither used nor shown. A list has a machine in each \
         line, or a header such as machineId,name"
    )]
    Secret,
    /// The comment for all rows has an invalid placeholder.
    #[error("in the comment, {0}")]
    Template(String),
    /// A list without machines.
    #[error("the list has no machines")]
    Empty,
    /// All lines that cannot be used.
    #[error("{count} cannot be used", count = counted(.0.len()))]
    Lines(Vec<LineError>),
}

fn counted(count: usize) -> String {
    if count == 1 {
        "1 line".to_owned()
    } else {
        format!("{count} lines")
    }
}

/// The headings. If one may be a secret, all are hidden: it may contain a separator.
fn listed(columns: &[String]) -> String {
    let may_be_shown = |column: &String| column.is_empty() || mask::cell(column) == *column;
    if columns.is_empty() {
        "none".to_owned()
    } else if columns.iter().all(may_be_shown) {
        columns.join(", ")
    } else {
        format!("[hidden: {} columns]", columns.len())
    }
}

fn column_contains(column: Option<&str>) -> String {
    let column = column.map(|column| format!("the column {:?} contains", mask::value(column)));
    column.unwrap_or_else(|| "the list contains".to_owned())
}

fn ids(ids: &[MachineId]) -> String {
    let ids: Vec<&str> = ids.iter().map(MachineId::as_str).collect();
    ids.join(", ")
}

fn in_column(column: Option<&str>) -> String {
    let column = column.map(|column| format!(" in the column {:?}", mask::value(column)));
    column.unwrap_or_default()
}

/// Text from the file, unless it may be a secret: the file may not be a list at all.
fn shown(text: &str) -> String {
    match mask::cell(text) {
        Cow::Borrowed(text) => format!("{text:?}"),
        Cow::Owned(hidden) => hidden,
    }
}
