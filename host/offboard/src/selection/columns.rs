//! The columns of a row, and which of them name its machine.

use std::sync::Arc;

use super::{
    EntraDeviceId, InvalidReference, ListOptions, MachineReference, RowError,
    entry::Listed,
    machine_id::{has_id, is_id},
};
use crate::contract::{MachineId, refers_to};

/// The known headings of a column of ids, and of names: ours, the service's, and those of
/// the portal's export. The first one that a list has is used.
const IDS: [&str; 3] = ["machineid", "deviceid", "id"];
const NAME_HEADINGS: [&str; 6] = [
    "name",
    "machinename",
    "devicename",
    "computerdnsname",
    "dnsname",
    "hostname",
];
/// The known headings of a column of Entra device ids: the service's, and those of exports of
/// Entra ID and Intune.
const ENTRA_DEVICES: [&str; 6] = [
    "aaddeviceid",
    "azureaddeviceid",
    "azuredeviceid",
    "entradeviceid",
    "microsoftentradeviceid",
    "entraiddeviceid",
];
const COMMENT: &str = "comment";
/// The columns of this software's own tables that may mention other machines.
const OWN_TEXTS: [&str; 3] = ["errormessage", "warnings", "note"];
/// Columns that only this software's own tables have.
const OWN_COLUMNS: [&str; 2] = ["asked", "errorkind"];
/// The service's member with the machine that a machine was merged into.
const MERGED: &str = "mergedintomachineid";

/// A heading in lower case, without blanks and punctuation.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Whether this is a known heading of a column that names a machine.
pub(super) fn is_known(heading: &str) -> bool {
    let plain = plain(heading);
    IDS.contains(&plain.as_str()) || NAME_HEADINGS.contains(&plain.as_str())
}

/// A column's name.
#[derive(Debug, Clone)]
pub(super) struct Heading {
    /// As it is written.
    pub(super) written: String,
    /// Its plain form; `None` for a member of a member, which has no known name.
    plain: Option<String>,
    /// Whether it is inside an array. Such a column cannot be chosen, because the others
    /// beside it would not be used.
    pub(super) is_element: bool,
}

impl Heading {
    pub(super) fn new(written: &str) -> Self {
        Self {
            written: written.to_owned(),
            plain: Some(plain(written)),
            is_element: false,
        }
    }

    /// A member of an object in this one.
    pub(super) fn member(&self, name: &str) -> Self {
        Self {
            written: format!("{}.{name}", self.written),
            plain: None,
            is_element: self.is_element,
        }
    }

    /// An element of an array in this one.
    pub(super) fn element(&self, number: usize) -> Self {
        Self {
            is_element: true,
            ..self.member(&number.to_string())
        }
    }
}

/// The cells of a row, with the headings of their columns.
#[derive(Debug)]
pub(super) struct Columns {
    /// The headings. All rows of a table share them.
    pub(super) header: Arc<[Heading]>,
    pub(super) cells: Vec<String>,
}

/// The column that names the machine of a row.
#[derive(Debug)]
pub(super) struct SelectedColumn {
    /// The column that names it.
    pub(super) column: Option<usize>,
    pub(super) machine: Result<Listed, RowError>,
    /// The name beside an id.
    pub(super) display_name: Option<String>,
}

impl Columns {
    /// The headings as written.
    pub(super) fn headings(&self) -> Vec<String> {
        headings(&self.header)
    }

    /// The heading of the known column for names, as written.
    pub(super) fn name_heading(&self) -> Option<String> {
        let names = all_known(&self.header, &NAME_HEADINGS).ok()?;
        let heading = names.first().and_then(|column| self.header.get(*column));
        heading.map(|heading| heading.written.clone())
    }

    /// The heading of the known column for Entra device ids, as written.
    pub(super) fn entra_heading(&self) -> Option<String> {
        let columns = all_known(&self.header, &ENTRA_DEVICES).ok()?;
        let heading = columns.first().and_then(|column| self.header.get(*column));
        heading.map(|heading| heading.written.clone())
    }

    /// The text of a column in this row.
    pub(super) fn get(&self, name: &str) -> Result<Option<&str>, RowError> {
        let column = find(&self.header, name)?;
        Ok(column.and_then(|column| self.cell(column)))
    }

    /// The row's own comment.
    pub(super) fn comment(&self) -> Result<Option<&str>, RowError> {
        let comment = known(&self.header, COMMENT)?.and_then(|column| self.cell(column));
        Ok(comment.filter(|comment| !comment.is_empty()))
    }

    fn cell(&self, column: usize) -> Option<&str> {
        self.cells.get(column).map(String::as_str)
    }

    /// The first of these columns that has text in this row.
    fn first(&self, columns: Vec<usize>) -> Option<(usize, &str)> {
        let cells = columns.into_iter();
        let mut cells = cells.filter_map(|column| Some((column, self.cell(column)?)));
        cells.find(|(_, cell)| !cell.is_empty())
    }

    /// The column that names the machine of this row: its id, or else its name.
    pub(super) fn select(&self, options: &ListOptions) -> Result<SelectedColumn, RowError> {
        let (id_column, name_column) = (&options.id_column, &options.name_column);
        let ids = match (id_column, name_column) {
            (Some(id), _) => vec![self.required(id)?],
            (None, Some(_)) => Vec::new(),
            (None, None) => all_known(&self.header, &IDS)?,
        };
        let names = match name_column {
            Some(name) => vec![self.required(name)?],
            None => all_known(&self.header, &NAME_HEADINGS)?,
        };
        let name = self.first(names);
        let display_name = name.filter(|(_, name)| !is_id(name));
        let display_name = display_name.map(|(_, name)| name.to_owned());
        if let Some(column) = &options.entra_id_column {
            let column = self.required(column)?;
            return Ok(SelectedColumn {
                column: Some(column),
                machine: self.entra_device(column),
                display_name,
            });
        }
        if let Some((column, id)) = self.first(ids) {
            return Ok(SelectedColumn {
                column: Some(column),
                machine: self.machine(column, id, Expected::Id),
                display_name,
            });
        }
        let (column, machine) = match (name, id_column, name_column) {
            (_, Some(id), None) => (None, Err(RowError::Empty(id.clone()))),
            (Some((column, name)), _, None) => {
                (Some(column), self.machine(column, name, Expected::Either))
            }
            (Some((column, name)), _, Some(_)) => {
                (Some(column), self.machine(column, name, Expected::Name))
            }
            (None, None, Some(name)) => (None, Err(RowError::Empty(name.clone()))),
            (None, ..) => (None, Err(RowError::NoMachine)),
        };
        Ok(SelectedColumn {
            column,
            machine,
            display_name: None,
        })
    }

    /// The column that the user selected. It must exist: no other column is used in its place.
    fn required(&self, name: &str) -> Result<usize, RowError> {
        let missing = || RowError::NoColumn(name.to_owned(), self.headings());
        find(&self.header, name)?.ok_or_else(missing)
    }

    fn entra_device(&self, column: usize) -> Result<Listed, RowError> {
        let heading = self.header.get(column).map(|head| head.written.clone());
        let text = self.cell(column).unwrap_or_default();
        if text.is_empty() {
            return Err(RowError::Empty(heading.unwrap_or_default()));
        }
        let device: Result<EntraDeviceId, _> = text.parse();
        let device = device.map_err(|error| RowError::Machine {
            column: heading,
            text: text.to_owned(),
            error,
        });
        device.map(Listed::EntraDevice)
    }

    fn machine(&self, column: usize, text: &str, expected: Expected) -> Result<Listed, RowError> {
        let machine = text.parse().and_then(|machine: MachineReference| {
            match (expected, machine.id().is_some()) {
                (Expected::Id, false) => Err(InvalidReference::NotId),
                (Expected::Name, true) => Err(InvalidReference::Id),
                _ => Ok(machine),
            }
        });
        let machine = machine.map_err(|error| match (expected, error) {
            // The form of other text in a column of ids does not matter.
            (
                Expected::Id,
                InvalidReference::Number | InvalidReference::Name | InvalidReference::Path,
            ) => InvalidReference::NotId,
            (_, error) => error,
        });
        let machine = machine.map_err(|error| RowError::Machine {
            column: self.header.get(column).map(|head| head.written.clone()),
            text: text.to_owned(),
            error,
        });
        machine.map(Listed::Machine)
    }

    /// The column that contains the id of another machine than the selected one, or any id
    /// although the machine was selected by name.
    pub(super) fn other_id(&self, selected: &SelectedColumn) -> Option<&Heading> {
        let id = selected.machine.as_ref().ok();
        let id = id.and_then(Listed::id);
        let mut cells = self.header.iter().zip(&self.cells).enumerate();
        let other = cells.find(|(column, (_, cell))| {
            Some(*column) != selected.column && self.has_other_id(*column, cell, id)
        });
        other.map(|(_, (heading, _))| heading)
    }

    /// A comment is used, and may mention other machines, unless it is one word. So may the
    /// texts of our own tables. The machine that a machine was merged into is not that machine.
    fn has_other_id(&self, column: usize, cell: &str, id: Option<&MachineId>) -> bool {
        let heading = &self.header[column];
        let plain = heading.plain.as_deref().unwrap_or_default();
        let is_text = plain == COMMENT || (OWN_TEXTS.contains(&plain) && self.is_own_table());
        let is_sentence = is_text && cell.contains(char::is_whitespace);
        let is_merged = plain == MERGED && id.is_some();
        (!is_sentence && !is_merged && has_id(cell, id)) || has_id(&heading.written, id)
    }

    /// Whether this row is from a table that this software wrote, such as that of a dry run.
    fn is_own_table(&self) -> bool {
        let has = |own: &&str| known(&self.header, own).is_ok_and(|column| column.is_some());
        OWN_COLUMNS.iter().all(has)
    }

    /// The headings of two names of different machines, if the machine is selected by a name
    /// and the user did not select the column.
    pub(super) fn two_names(
        &self,
        selected: &SelectedColumn,
        options: &ListOptions,
    ) -> Option<(&Heading, &Heading)> {
        let is_id = selected
            .machine
            .as_ref()
            .is_ok_and(|machine| machine.id().is_some());
        if is_id || options.has_column() {
            return None;
        }
        let names = all_known(&self.header, &NAME_HEADINGS).ok()?;
        let names = names.into_iter().filter_map(|column| {
            let name = self.cell(column).filter(|name| !name.is_empty())?;
            Some((self.header.get(column)?, name))
        });
        let names: Vec<(&Heading, &str)> = names.collect();
        let pairs = names.iter().enumerate();
        let mut pairs =
            pairs.flat_map(|(at, one)| names[at + 1..].iter().map(move |other| (one, other)));
        let (one, other) = pairs
            .find(|((_, one), (_, other))| !refers_to(one, other) && !refers_to(other, one))?;
        Some((one.0, other.0))
    }
}

#[derive(Clone, Copy)]
enum Expected {
    Id,
    Name,
    Either,
}

/// The headings as written.
pub(super) fn headings(header: &[Heading]) -> Vec<String> {
    header
        .iter()
        .map(|heading| heading.written.clone())
        .collect()
}

/// The column of this name: as it is written, or else by its plain form.
pub(super) fn find(header: &[Heading], name: &str) -> Result<Option<usize>, RowError> {
    match single(header, |heading| {
        heading.written == name && !heading.is_element
    })? {
        Some(column) => Ok(Some(column)),
        None => known(header, &plain(name)),
    }
}

fn known(header: &[Heading], meaning: &str) -> Result<Option<usize>, RowError> {
    single(header, |heading| {
        !meaning.is_empty() && heading.plain.as_deref() == Some(meaning)
    })
}

fn all_known(header: &[Heading], meanings: &[&str]) -> Result<Vec<usize>, RowError> {
    let columns = meanings.iter().map(|meaning| known(header, meaning));
    columns.filter_map(Result::transpose).collect()
}

/// The only column that matches; an error if there are two.
fn single(
    header: &[Heading],
    is_meant: impl Fn(&Heading) -> bool,
) -> Result<Option<usize>, RowError> {
    let mut meant = header
        .iter()
        .enumerate()
        .filter(|(_, heading)| is_meant(heading));
    match (meant.next(), meant.next()) {
        (Some(_), Some((_, twice))) => Err(RowError::Twice(twice.written.clone())),
        (first, _) => Ok(first.map(|(column, _)| column)),
    }
}
