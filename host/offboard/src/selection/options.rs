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
    /// The column of the names. Without [`Self::id_column`], machines are selected by
    /// name alone.
    pub name_column: Option<String>,
}
