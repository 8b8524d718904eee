//! A list of machines: a table with a header (CSV), JSON Lines, or one machine per line.
//! The whole list is read and checked before any of it is used, and every line that
//! cannot be used is reported. A list may be long: for each machine, only what its order
//! needs is kept.

use std::{io::Read, sync::Arc};

use super::{
    EntraDeviceId, EntraDevices, LineError, ListEncoding, ListEntry, ListError, ListOptions,
    MachineComment, MachineReference, RowError,
    columns::Columns,
    encoding::decode,
    entry::{FirstEntries, Listed},
    error::MAX_LIST,
    findings::Findings,
    lines::{is_line, is_line_break, lines, trim},
    rows::{self, ListRow},
    template::Template,
};
use crate::{contract::Comment, mask};

/// Reading ends after this many lines that cannot be used.
const MAX_ERRORS: usize = 1000;

/// A checked list.
#[derive(Debug)]
pub struct MachineList<M = MachineReference> {
    /// Each machine once, in the list's order.
    pub entries: Vec<ListEntry<M>>,
    /// The number of rows, without the header, blank lines and remarks.
    pub rows: usize,
    /// The number of rows whose machine an earlier row has.
    pub repeated: usize,
    /// The number of remarks: lines that begin with `#`, and are skipped.
    pub remarks: usize,
    /// The encoding of the list.
    pub encoding: ListEncoding,
}

/// A checked list of devices in Entra ID, whose machines have to be looked up.
pub type EntraDeviceList = MachineList<EntraDeviceId>;

impl<M> Default for MachineList<M> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            rows: 0,
            repeated: 0,
            remarks: 0,
            encoding: ListEncoding::default(),
        }
    }
}

impl MachineList {
    /// Reads and checks a list.
    ///
    /// # Errors
    /// The list cannot be read, or lines cannot be used: all of them are reported.
    pub fn read(reader: impl Read, options: &ListOptions) -> Result<Self, ListError> {
        read(reader, options)?.of(Listed::machine)
    }

    /// Reads and checks a list that is already text.
    ///
    /// # Errors
    /// Lines cannot be used: all of them are reported.
    pub fn parse(text: &str, options: &ListOptions) -> Result<Self, ListError> {
        parse(text, options)?.of(Listed::machine)
    }
}

impl EntraDeviceList {
    /// Reads and checks a list with [`ListOptions::entra_id_column`], which has an Entra device
    /// id in every row. Names beside it have to be those of the machines.
    ///
    /// # Errors
    /// As [`MachineList::read`].
    pub fn read_devices(reader: impl Read, options: &ListOptions) -> Result<Self, ListError> {
        read(reader, options)?.of(Listed::entra_device)
    }

    /// The list with the machine of each device.
    ///
    /// # Errors
    /// Devices without a machine or with several machines: all of their lines are reported.
    pub fn resolve(self, devices: &EntraDevices) -> Result<MachineList, ListError> {
        let mut errors = Vec::new();
        let mut entries = Vec::new();
        for entry in self.entries {
            let (line, device) = (entry.line, entry.machine);
            let error = match devices.machines(device) {
                [machine] => {
                    let machine = MachineReference::from(machine.clone());
                    entries.extend(entry.try_map(|_| Some(machine)));
                    continue;
                }
                [] => RowError::NoMachineOfDevice(device),
                several => RowError::SeveralOfDevice(device, several.to_vec()),
            };
            errors.push(LineError { line, error });
        }
        if !errors.is_empty() {
            return Err(ListError::Lines(errors));
        }
        Ok(MachineList {
            entries,
            rows: self.rows,
            repeated: self.repeated,
            remarks: self.remarks,
            encoding: self.encoding,
        })
    }
}

impl MachineList<Listed> {
    /// The list, whose references must all be of one kind.
    fn of<M>(self, kind: impl Fn(Listed) -> Option<M>) -> Result<MachineList<M>, ListError> {
        let entry = |entry: ListEntry<Listed>| entry.try_map(&kind);
        let entries: Option<Vec<ListEntry<M>>> = self.entries.into_iter().map(entry).collect();
        Ok(MachineList {
            entries: entries.ok_or(ListError::OtherReferences)?,
            rows: self.rows,
            repeated: self.repeated,
            remarks: self.remarks,
            encoding: self.encoding,
        })
    }
}

fn read(reader: impl Read, options: &ListOptions) -> Result<MachineList<Listed>, ListError> {
    let mut bytes = Vec::new();
    reader.take(MAX_LIST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_LIST {
        return Err(ListError::TooLong);
    }
    let (text, encoding) = decode(bytes)?;
    let list = parse(&text, options)?;
    Ok(MachineList { encoding, ..list })
}

fn parse(text: &str, options: &ListOptions) -> Result<MachineList<Listed>, ListError> {
    // Excel begins its files with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let only = only_word(text).filter(|word| !word.starts_with(['{', '[']));
    if only.is_some_and(|word| mask::value(word) != word) {
        return Err(ListError::Secret);
    }
    parse_rows(text, options).map_err(|error| match (&error, only) {
        (ListError::Columns(_) | ListError::NoColumn(..), Some(_)) => ListError::Secret,
        (ListError::Lines(errors), Some(word))
            if mask::may_be_password(word) && errors.iter().any(LineError::is_no_reference) =>
        {
            ListError::Secret
        }
        _ => error,
    })
}

fn parse_rows(text: &str, options: &ListOptions) -> Result<MachineList<Listed>, ListError> {
    let mut reader = ListReader::new(options)?;
    for row in rows::read(text, options)? {
        if reader.errors.len() >= MAX_ERRORS {
            break;
        }
        reader.add(row);
    }
    reader.end()
}

/// The state of reading a list.
struct ListReader<'a> {
    options: &'a ListOptions,
    template: Option<Arc<Template>>,
    list: MachineList<Listed>,
    first_entries: FirstEntries,
    errors: Vec<LineError>,
    findings: Findings,
}

impl<'a> ListReader<'a> {
    fn new(options: &'a ListOptions) -> Result<Self, ListError> {
        let template = options.comment.as_ref();
        let template = template.map(|comment| Template::parse(comment.as_str()));
        Ok(Self {
            options,
            template: template
                .transpose()
                .map_err(ListError::Template)?
                .map(Arc::new),
            list: MachineList::default(),
            first_entries: FirstEntries::default(),
            errors: Vec::new(),
            findings: Findings::default(),
        })
    }

    fn add(&mut self, row: Result<ListRow, LineError>) {
        let (line, entry) = match row {
            Ok(ListRow::Remark) => {
                self.list.remarks += 1;
                return;
            }
            Ok(ListRow::Machine(line, machine)) => (line, self.machine(line, machine)),
            Ok(ListRow::Columns(line, columns)) => (line, self.columns(line, &columns)),
            Err(LineError { line, error }) => (line, Err(error)),
        };
        self.list.rows += 1;
        if entry.as_ref().err() == Some(&RowError::Quoted) {
            self.findings.record_quoted(line);
        }
        if let Err(error) = entry.and_then(|entry| self.enter(entry)) {
            self.errors.push(LineError { line, error });
        }
    }

    fn machine(&mut self, line: u64, text: String) -> Result<ListEntry<Listed>, RowError> {
        let empty = Columns {
            header: Arc::default(),
            cells: Vec::new(),
        };
        if mask::has_token(&text) {
            return Err(RowError::Secret);
        }
        let machine: Result<MachineReference, _> = text.parse();
        self.findings.record_machine(machine.as_ref().err());
        let machine = machine.map_err(|error| RowError::Machine {
            column: None,
            text,
            error,
        })?;
        Ok(ListEntry {
            line,
            machine: Listed::Machine(machine),
            display_name: None,
            comment: self.comment(&empty)?,
        })
    }

    fn columns(&mut self, line: u64, columns: &Columns) -> Result<ListEntry<Listed>, RowError> {
        let selected = columns.select(self.options)?;
        self.findings.record(line, columns, &selected, self.options);
        let machine = selected.machine?;
        let name = selected.display_name.iter().map(String::as_str);
        let comment = columns.comment().ok().flatten();
        let named = machine.to_string();
        if name
            .chain(comment)
            .chain([named.as_str()])
            .any(mask::has_token)
        {
            return Err(RowError::Secret);
        }
        let name = selected.display_name;
        if let Some(name) = name.as_ref().filter(|name| name.contains(is_line_break)) {
            return Err(RowError::LineBreak(name.clone()));
        }
        Ok(ListEntry {
            line,
            machine,
            display_name: name,
            comment: self.comment(columns)?,
        })
    }

    fn comment(&self, columns: &Columns) -> Result<MachineComment, RowError> {
        match (columns.comment()?, &self.template) {
            (Some(comment), _) => Ok(MachineComment::from(comment.parse::<Comment>()?)),
            (None, Some(template)) => MachineComment::filled(template, columns),
            (None, None) => Err(RowError::NoComment),
        }
    }

    fn enter(&mut self, entry: ListEntry<Listed>) -> Result<(), RowError> {
        let entries = &mut self.list.entries;
        let Some(position) = self.first_entries.position(&entry.machine, entries) else {
            entries.push(entry);
            return Ok(());
        };
        let known = &mut entries[position];
        let other = if !known.has_comment_of(&entry) {
            "comment"
        } else if !known.merge_name(&entry) {
            "name"
        } else if !known.machine.merge(&entry.machine) {
            "tenant"
        } else {
            self.list.repeated += 1;
            return Ok(());
        };
        let line = known.line;
        Err(RowError::Repeated { line, other })
    }

    fn end(self) -> Result<MachineList<Listed>, ListError> {
        self.findings.check()?;
        if !self.errors.is_empty() {
            Err(ListError::Lines(self.errors))
        } else if self.list.entries.is_empty() {
            Err(ListError::Empty)
        } else {
            Ok(self.list)
        }
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
