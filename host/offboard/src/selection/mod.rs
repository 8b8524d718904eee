//! Which machines are selected: references to machines, as people write them, and lists
//! of them. Input that names a machine in a way that is not understood is an error. It is
//! never ignored, and another column is never used in its place.

mod columns;
mod list;
mod reference;
mod rows;
mod table;
mod template;

pub use list::{List, ListEntry, ListError, ListFault, ListOptions, RowError};
pub use reference::{InvalidReference, MachineReference, any_name};
pub use template::EntryComment;
