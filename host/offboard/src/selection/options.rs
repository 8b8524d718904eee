//! Options for reading a list: what the list itself does not contain.

use crate::contract::Comment;

/// How a list is read.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// The comment for rows without one of their own. `{column}` in it is replaced by
    /// the row's text in that column.
    pub comment: Option<Comment>,
    /// The column of the machine ids. Every value in it must be one.
    pub id_column: Option<String>,
    /// The column of the Entra device ids. Every row must have one. The machines have to be looked
    /// up: [`EntraDeviceList`](super::EntraDeviceList) reads such a list.
    pub entra_id_column: Option<String>,
    /// The column of the names. Without [`Self::id_column`], machines are selected by
    /// name alone.
    pub name_column: Option<String>,
}

impl ListOptions {
    /// Whether the caller selected a column.
    pub(super) fn has_column(&self) -> bool {
        self.selected().next().is_some()
    }

    /// The selected columns.
    pub(super) fn selected(&self) -> impl Iterator<Item = &String> {
        let selected = [&self.id_column, &self.entra_id_column, &self.name_column];
        selected.into_iter().flatten()
    }
}
