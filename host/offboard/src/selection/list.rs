//! A list of machines: a table with a header (CSV), JSON Lines, or one machine per line.
//! All of it is read and checked before any of it is used, and every fault is reported
//! with its line. A list may be long: for each machine, only what its order needs is
//! kept.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
    io::{self, Read},
    sync::Arc,
};

use thiserror::Error;

use super::{
    EntryComment, InvalidReference, MachineReference,
    columns::{Columns, Selected},
    rows::{self, Row, is_line},
    table::{is_line_break, lines, trim},
    template::Template,
};
use crate::{
    contract::{Comment, InvalidComment, refers_to},
    mask,
};

/// The longest list, in bytes: some 100,000 machines in a table.
const MAX_LIST: u64 = 16 * 1024 * 1024;
/// Reading ends after this many faults.
const MAX_FAULTS: usize = 1000;

/// What a list does not contain itself.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// The comment of the machines that have none of their own. `{column}` in it is
    /// replaced by what the row has in that column.
    pub comment: Option<Comment>,
    /// The column of the machine ids. Every value in it has to be one.
    pub id_column: Option<String>,
    /// The column of the names. Without [`Self::id_column`], machines are selected by
    /// name alone.
    pub name_column: Option<String>,
}

/// One machine of a list, and its comment.
#[derive(Debug)]
pub struct ListEntry {
    /// Its line in the list, from 1.
    pub line: u64,
    /// What the list names it by.
    pub machine: MachineReference,
    /// Its name in the list, if the list names it by its id.
    pub called: Option<String>,
    /// Why it is offboarded.
    pub comment: EntryComment,
}

impl ListEntry {
    /// Whether both lines have the same name for the machine. If only the other one has a
    /// name, it is kept.
    fn called_alike(&mut self, other: &Self) -> bool {
        let alike = match (&self.called, &other.called) {
            (Some(one), Some(other)) => refers_to(one, other) || refers_to(other, one),
            _ => true,
        };
        if self.called.is_none() {
            self.called.clone_from(&other.called);
        }
        alike
    }

    /// Whether both have the same comment.
    fn has_comment_of(&self, other: &Self) -> bool {
        self.comment.comment() == other.comment.comment()
    }
}

/// The first place of each machine in a list.
#[derive(Default)]
struct Known {
    hasher: RandomState,
    places: HashMap<u64, u32>,
}

impl Known {
    /// Returns the machine's first place. If it has none yet, records this one.
    fn place(&mut self, machine: &MachineReference, entries: &[ListEntry]) -> Option<usize> {
        let key = machine.key();
        let mut hash = self.hasher.hash_one(&key);
        // A hash collision, which is very rare: the next slot is used.
        while let Some(&place) = self.places.get(&hash) {
            let place = place as usize;
            if entries
                .get(place)
                .is_some_and(|entry| entry.machine.key() == key)
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
pub struct List {
    /// In the list's order, each machine once.
    pub entries: Vec<ListEntry>,
    /// How many rows it has: without the header, blank lines and remarks.
    pub rows: usize,
    /// How many of the rows name a machine again.
    pub repeated: usize,
    /// How many lines begin with `#`, and are skipped.
    pub remarks: usize,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {error}")]
pub struct ListFault {
    /// From 1.
    pub line: u64,
    /// What is wrong.
    pub error: RowError,
}

impl ListFault {
    /// Whether the text looks like no reference to a machine, not even to a wrong one.
    fn is_no_reference(&self) -> bool {
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
    /// The text that should name its machine does not.
    #[error("{text}{at}: {error}", text = shown(.text), at = in_column(.column.as_deref()))]
    Machine {
        /// The column, if it has columns.
        column: Option<String>,
        /// What is in it.
        text: String,
        /// Why it does not refer to a machine.
        error: InvalidReference,
    },
    /// Nothing names its machine.
    #[error("it has neither an id nor a name")]
    NoMachine,
    /// The comment is not one.
    #[error("the comment: {0}")]
    Comment(#[from] InvalidComment),
    /// The row has no comment, and there is no general one.
    #[error("it has no comment")]
    NoComment,
    /// A column that is needed is blank.
    #[error("it has nothing in the column {text}", text = shown(.0))]
    Empty(String),
    /// A column that is needed does not exist.
    #[error("there is no column {text}; the columns are: {columns}", text = shown(.0), columns = listed(.1))]
    NoColumn(String, Vec<String>),
    /// Two columns or members could be meant.
    #[error("it has {:?} twice", mask::value(.0))]
    Twice(String),
    /// A cell that has to be on one line.
    #[error("the cell {text} has a line break", text = shown(.0))]
    LineBreak(String),
    /// A cell that may hold rows.
    #[error(
        "the cell in the column {:?} spans several lines, which may be rows: a quotation mark may \
         be missing; remove the line breaks or the column", mask::value(.0)
    )]
    Swallowed(String),
    /// More or fewer cells than the header.
    #[error("it has {0} cells, and the header has {1}")]
    Cells(usize, usize),
    /// A quotation without an end.
    #[error("the quotation mark that begins a cell here has no end; nothing after it was read")]
    OpenQuote,
    /// Text between the end of a quotation and of its cell.
    #[error(
        "the quoted cell that begins in line {0} has text after its closing quotation mark; write a \
         quotation mark inside a cell twice"
    )]
    AfterQuote(u64),
    /// A quotation mark in a cell that does not begin with one.
    #[error(
        "there is a quotation mark inside a cell: enclose the cell in quotation marks, and write each \
         one inside it twice"
    )]
    StrayQuote,
    /// JSON Lines with something else in between.
    #[error("it is not a JSON object")]
    NotObject,
    /// A member with a value that is not JSON.
    #[error("{text} cannot be read", text = shown(.0))]
    Member(String),
    /// A row in quotation marks as a whole.
    #[error("it is in quotation marks as a whole")]
    Quoted,
    /// A token or a client secret where a machine or a comment should be.
    #[error("it contains a secret, which is not shown")]
    Secret,
    /// The machine is on the list before, and something differs.
    #[error("it names the machine of line {line} again, with another {other}")]
    Again {
        /// The line that named it first.
        line: u64,
        /// What differs.
        other: &'static str,
    },
}

/// Why a list cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ListError {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is longer than any list.
    #[error("it is longer than {MAX_LIST} bytes")]
    TooLong,
    /// Excel's "Unicode text", or something that is not text at all.
    #[error("it is not UTF-8 text: save it as \"CSV UTF-8\" or as plain text in UTF-8")]
    Encoding,
    /// One JSON value, or the machines in an array, instead of one object per line.
    #[error(
        "it is JSON, but not JSON Lines: one object per line is expected, as `jq -c '.[]'` or \
         `jq -c '.value[]'` prints them"
    )]
    Array,
    /// Two columns of its header could be meant.
    #[error("its header: {0}")]
    Head(RowError),
    /// A table without a header.
    #[error("line {0} should be the header of the table, but has a machine id")]
    NoHead(u64),
    /// A table without a column that is known to name machines.
    #[error("its header has neither a column machineId nor a column name, only: {}", listed(.0))]
    Columns(Vec<String>),
    /// A column that the user named does not exist.
    #[error("it has no column {text}; its columns are: {columns}", text = shown(.0), columns = listed(.1))]
    NoColumn(String, Vec<String>),
    /// A column holds machine ids and is not used. Nothing else is used instead.
    #[error("the column {:?} holds machine ids (line {line}) that would not be used", mask::value(.column))]
    UnusedIds {
        /// The column.
        column: String,
        /// The first line where it does.
        line: u64,
        /// The column that names the machine of this line.
        used: Option<String>,
    },
    /// Two columns of a row name different machines, and neither was chosen.
    #[error("the columns {:?} and {:?} name different machines (line {line})", mask::value(.column), mask::value(.other))]
    TwoNames {
        /// The column that would have been used.
        column: String,
        /// The other one.
        other: String,
        /// The first line where they differ.
        line: u64,
    },
    /// A column with a known heading for ids holds GUIDs: an export of Intune or Entra
    /// ID.
    #[error(
        "the column {:?} holds GUIDs, not machine ids (40 hexadecimal digits): Intune and Entra ID \
         identify devices by GUIDs", mask::value(.column)
    )]
    Guids {
        /// The column.
        column: String,
        /// The column whose heading is known for names.
        names: Option<String>,
    },
    /// A column with a known heading for ids holds something else, such as row numbers.
    #[error("the column {:?} holds no machine ids (40 hexadecimal digits)", mask::value(.0))]
    NoIds(String),
    /// Lines before the header, such as a title.
    #[error("the header is in line {0}: remove the lines before it")]
    Title(u64),
    /// Rows that a spreadsheet quoted as a whole.
    #[error(
        "from line {0} on, rows are in quotation marks as a whole, so that each is one cell: export the list \
         again, or remove the outer quotation marks and write each doubled one inside once"
    )]
    Quoted(u64),
    /// A file with one word, which is not a machine or may be a secret.
    #[error(
        "its only line may be a secret, so it is neither used nor shown: a list names a machine in each \
         line, or begins with a header such as machineId,name"
    )]
    Secret,
    /// The general comment has a placeholder that is not closed.
    #[error("the comment: {0}")]
    Template(String),
    /// Nothing there.
    #[error("it names no machine")]
    Empty,
    /// Lines that cannot be used; all of them.
    #[error("{count} cannot be used", count = counted(.0.len()))]
    Faults(Vec<ListFault>),
}

fn counted(count: usize) -> String {
    match count {
        1 => "1 line".to_owned(),
        count => format!("{count} lines"),
    }
}

/// Headings. If one is hidden, so are all: a secret may contain a separator.
fn listed(columns: &[String]) -> String {
    let may_be_shown = |column: &String| column.is_empty() || mask::cell(column) == *column;
    match columns.iter().all(may_be_shown) {
        true if columns.is_empty() => "none".to_owned(),
        true => columns.join(", "),
        false => format!("[hidden: {} columns]", columns.len()),
    }
}

fn in_column(column: Option<&str>) -> String {
    let column = column.map(|column| format!(" in the column {:?}", mask::value(column)));
    column.unwrap_or_default()
}

/// What a list has, if it may be shown. The file may not be a list, but hold a secret.
fn shown(text: &str) -> String {
    match mask::cell(text) {
        Cow::Borrowed(text) => format!("{text:?}"),
        Cow::Owned(hidden) => hidden,
    }
}

/// The only line of a text, if it is one word.
fn only_word(text: &str) -> Option<&str> {
    let mut lines = lines(text).map(|(_, line)| trim(line));
    let mut lines = lines.by_ref().filter(|line| is_line(line));
    match (lines.next(), lines.next()) {
        (Some(line), None) if !line.contains(char::is_whitespace) => Some(line),
        _ => None,
    }
}

impl List {
    /// Reads and checks a list.
    ///
    /// # Errors
    /// It cannot be read, or has faults: all of them are reported.
    pub fn read(from: impl Read, options: &ListOptions) -> Result<Self, ListError> {
        let mut bytes = Vec::new();
        from.take(MAX_LIST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_LIST {
            return Err(ListError::TooLong);
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| ListError::Encoding)?;
        // UTF-16 of plain letters is UTF-8, too, with a NUL beside each of them.
        match text.contains('\0') {
            true => Err(ListError::Encoding),
            false => Self::parse(text, options),
        }
    }

    /// The same from a text.
    ///
    /// # Errors
    /// It has faults: all of them are reported.
    pub fn parse(text: &str, options: &ListOptions) -> Result<Self, ListError> {
        // Excel begins its files with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let only = only_word(text).filter(|word| !word.starts_with(['{', '[']));
        if only.is_some_and(|word| mask::value(word) != word) {
            return Err(ListError::Secret);
        }
        Self::parse_rows(text, options).map_err(|error| match (&error, only) {
            (ListError::Columns(_) | ListError::NoColumn(..), Some(_)) => ListError::Secret,
            (ListError::Faults(faults), Some(word))
                if mask::cell(word) != word
                    && faults.iter().any(|fault| fault.is_no_reference()) =>
            {
                ListError::Secret
            }
            _ => error,
        })
    }

    fn parse_rows(text: &str, options: &ListOptions) -> Result<Self, ListError> {
        let mut checked = Checked::new(options)?;
        for row in rows::read(text, options)? {
            if checked.faults.len() >= MAX_FAULTS {
                break;
            }
            checked.add(row);
        }
        checked.end()
    }
}

/// What was read of a list so far.
struct Checked<'a> {
    options: &'a ListOptions,
    template: Option<Arc<Template>>,
    list: List,
    known: Known,
    faults: Vec<ListFault>,
    /// The first column that holds ids and is not used.
    unused: Option<ListError>,
    /// The first two columns that name different machines.
    names: Option<ListError>,
    /// The column of ids that holds GUIDs, and whether it holds ids.
    guids: Option<Guids>,
    has_ids: bool,
    /// The column of ids that holds something else, and whether it holds what should
    /// be an id, such as one that was cut.
    others: Option<String>,
    has_broken: bool,
    /// The first row in quotation marks as a whole.
    quoted: Option<u64>,
}

/// A column of GUIDs, and the column of names beside it.
type Guids = (String, Option<String>);

impl<'a> Checked<'a> {
    fn new(options: &'a ListOptions) -> Result<Self, ListError> {
        let template = options.comment.as_ref();
        let template = template.map(|comment| Template::parse(comment.as_str()));
        Ok(Self {
            options,
            template: template
                .transpose()
                .map_err(ListError::Template)?
                .map(Arc::new),
            list: List {
                entries: Vec::new(),
                rows: 0,
                repeated: 0,
                remarks: 0,
            },
            known: Known::default(),
            faults: Vec::new(),
            unused: None,
            names: None,
            guids: None,
            has_ids: false,
            others: None,
            has_broken: false,
            quoted: None,
        })
    }

    fn add(&mut self, row: Result<Row, ListFault>) {
        let (line, entry) = match row {
            Ok(Row::Remark) => {
                self.list.remarks += 1;
                return;
            }
            Ok(Row::Machine(line, machine)) => (line, self.machine(line, machine)),
            Ok(Row::Columns(line, columns)) => (line, self.columns(line, &columns)),
            Err(fault) => (fault.line, Err(fault.error)),
        };
        self.list.rows += 1;
        if entry.as_ref().err() == Some(&RowError::Quoted) {
            self.quoted = self.quoted.or(Some(line));
        }
        if let Err(error) = entry.and_then(|entry| self.enter(entry)) {
            self.faults.push(ListFault { line, error });
        }
    }

    fn machine(&self, line: u64, text: String) -> Result<ListEntry, RowError> {
        let empty = Columns {
            head: Arc::default(),
            cells: Vec::new(),
        };
        if mask::has_token(&text) {
            return Err(RowError::Secret);
        }
        let machine = text.parse().map_err(|error| RowError::Machine {
            column: None,
            text,
            error,
        })?;
        Ok(ListEntry {
            line,
            machine,
            called: None,
            comment: self.comment(&empty)?,
        })
    }

    fn columns(&mut self, line: u64, columns: &Columns) -> Result<ListEntry, RowError> {
        let selected = columns.select(self.options)?;
        self.note_ids(line, columns, &selected);
        let machine = selected.machine?;
        let name = selected.called.iter().map(String::as_str);
        let comment = columns.comment().ok().flatten();
        let named = machine.target.to_string();
        if name
            .chain(comment)
            .chain([named.as_str()])
            .any(mask::has_token)
        {
            return Err(RowError::Secret);
        }
        if let Some(called) = selected
            .called
            .as_ref()
            .filter(|name| name.contains(is_line_break))
        {
            return Err(RowError::LineBreak(called.clone()));
        }
        Ok(ListEntry {
            line,
            machine,
            called: selected.called,
            comment: self.comment(columns)?,
        })
    }

    /// Notes which columns hold ids, and which hold what is not one.
    fn note_ids(&mut self, line: u64, columns: &Columns, selected: &Selected) {
        let used = selected.column.and_then(|column| columns.head.get(column));
        let used = used.map(|heading| heading.written.clone());
        match &selected.machine {
            Ok(machine) => self.has_ids |= machine.id().is_some(),
            Err(RowError::Machine {
                error: InvalidReference::Guid,
                ..
            }) => {
                let guids = || Some((used.clone()?, columns.names()));
                self.guids = self.guids.take().or_else(guids);
            }
            Err(RowError::Machine {
                error: InvalidReference::NotId,
                ..
            }) => self.others = self.others.take().or_else(|| used.clone()),
            Err(RowError::Machine { .. }) => self.has_broken = true,
            Err(_) => (),
        }
        if self.options.id_column.is_none()
            && self.unused.is_none()
            && let Some(heading) = columns.other_id(selected)
        {
            let is_id = |machine: &MachineReference| machine.id().is_some();
            let used = used.filter(|_| selected.machine.as_ref().is_ok_and(is_id));
            self.unused = Some(match (heading.is_element, used) {
                (true, None) => ListError::Array,
                (_, used) => ListError::UnusedIds {
                    column: heading.written.clone(),
                    line,
                    used,
                },
            });
        }
        if self.names.is_none()
            && let Some((column, other)) = columns.two_names(selected, self.options)
        {
            self.names = Some(ListError::TwoNames {
                column: column.written.clone(),
                other: other.written.clone(),
                line,
            });
        }
    }

    fn comment(&self, columns: &Columns) -> Result<EntryComment, RowError> {
        match (columns.comment()?, &self.template) {
            (Some(comment), _) => Ok(EntryComment::from(comment.parse::<Comment>()?)),
            (None, Some(template)) => EntryComment::filled(template, columns),
            (None, None) => Err(RowError::NoComment),
        }
    }

    fn enter(&mut self, entry: ListEntry) -> Result<(), RowError> {
        let entries = &mut self.list.entries;
        let Some(first) = self.known.place(&entry.machine, entries) else {
            entries.push(entry);
            return Ok(());
        };
        let known = &mut entries[first];
        let other = if !known.has_comment_of(&entry) {
            "comment"
        } else if !known.called_alike(&entry) {
            "name"
        } else if !known.machine.takes(&entry.machine) {
            "tenant"
        } else {
            self.list.repeated += 1;
            return Ok(());
        };
        let line = known.line;
        Err(RowError::Again { line, other })
    }

    fn end(self) -> Result<List, ListError> {
        if let Some(error) = self.unused.or(self.names) {
            return Err(error);
        }
        if let Some((column, names)) = self.guids.filter(|_| !self.has_ids) {
            return Err(ListError::Guids { column, names });
        }
        if let Some(line) = self.quoted {
            return Err(ListError::Quoted(line));
        }
        if let Some(column) = self.others.filter(|_| !self.has_ids && !self.has_broken) {
            return Err(ListError::NoIds(column));
        }
        match (self.faults.is_empty(), self.list.entries.is_empty()) {
            (false, _) => Err(ListError::Faults(self.faults)),
            (true, true) => Err(ListError::Empty),
            (true, false) => Ok(self.list),
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
