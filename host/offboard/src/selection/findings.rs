//! Faults of a list as a whole: columns with unexpected content, or machine ids that would not
//! be used. Each is one error instead of one for every line.

use super::{
    InvalidReference, ListError, ListOptions, RowError,
    columns::{Columns, SelectedColumn},
    entry::Listed,
};

/// GUIDs in the place of machine ids.
struct Guids {
    /// Their column, if the list has columns.
    column: Option<String>,
    /// The known columns of the names and of the Entra device ids.
    names: Option<String>,
    entra_devices: Option<String>,
}

/// What the rows have shown about the columns so far.
#[derive(Default)]
pub(super) struct Findings {
    /// The first column that contains ids but is not used.
    unused: Option<ListError>,
    /// The first two columns that name different machines.
    two_names: Option<ListError>,
    /// The first GUID where a machine id should be.
    guids: Option<Guids>,
    /// The column of ids that contains something else.
    others: Option<String>,
    has_ids: bool,
    /// Whether the column of ids contains texts that may be ids, such as truncated ones.
    has_truncated_ids: bool,
    /// The first row that is one quoted cell.
    quoted: Option<u64>,
}

impl Findings {
    /// Records that this row is one quoted cell.
    pub(super) fn record_quoted(&mut self, line: u64) {
        self.quoted = self.quoted.or(Some(line));
    }

    /// Records whether a line without columns refers to a machine.
    pub(super) fn record_machine(&mut self, error: Option<&InvalidReference>) {
        match error {
            Some(InvalidReference::Guid) => {
                let guids = || Guids {
                    column: None,
                    names: None,
                    entra_devices: None,
                };
                self.guids.get_or_insert_with(guids);
            }
            _ => self.has_ids = true,
        }
    }

    /// Records what this row shows about the columns.
    pub(super) fn record(
        &mut self,
        line: u64,
        columns: &Columns,
        selected: &SelectedColumn,
        options: &ListOptions,
    ) {
        let used = selected
            .column
            .and_then(|column| columns.header.get(column));
        let used = used.map(|heading| heading.written.clone());
        match &selected.machine {
            Ok(machine) => self.has_ids |= machine.id().is_some(),
            Err(RowError::Machine {
                error: InvalidReference::Guid,
                ..
            }) => {
                let guids = || Guids {
                    column: used.clone(),
                    names: columns.name_heading(),
                    entra_devices: columns.entra_heading(),
                };
                self.guids.get_or_insert_with(guids);
            }
            Err(RowError::Machine {
                error: InvalidReference::NotId,
                ..
            }) => self.others = self.others.take().or_else(|| used.clone()),
            Err(RowError::Machine { .. }) => self.has_truncated_ids = true,
            Err(_) => (),
        }
        if options.id_column.is_none()
            && self.unused.is_none()
            && let Some(heading) = columns.other_id(selected)
        {
            let is_id = |machine: &Listed| machine.id().is_some();
            let used = used.filter(|_| selected.machine.as_ref().is_ok_and(is_id));
            self.unused = Some(if heading.is_element && used.is_none() {
                ListError::Array
            } else {
                ListError::UnusedIds {
                    column: heading.written.clone(),
                    line,
                    used,
                }
            });
        }
        if self.two_names.is_none()
            && let Some((column, other)) = columns.two_names(selected, options)
        {
            self.two_names = Some(ListError::TwoNames {
                column: column.written.clone(),
                other: other.written.clone(),
                line,
            });
        }
    }

    /// The fault of the list as a whole, if there is one.
    pub(super) fn check(self) -> Result<(), ListError> {
        if let Some(error) = self.unused.or(self.two_names) {
            return Err(error);
        }
        if let Some(guids) = self.guids.filter(|_| !self.has_ids) {
            return Err(ListError::Guids {
                column: guids.column,
                names: guids.names,
                entra_devices: guids.entra_devices,
            });
        }
        if let Some(line) = self.quoted {
            return Err(ListError::Quoted(line));
        }
        let has_none = !self.has_ids && !self.has_truncated_ids;
        match self.others.filter(|_| has_none) {
            Some(column) => Err(ListError::NoIds(column)),
            None => Ok(()),
        }
    }
}
