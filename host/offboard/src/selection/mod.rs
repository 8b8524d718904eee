//! Selection of machines: references to machines, as users write them, and lists of them. Text
//! that is not a valid reference is an error. It is never ignored, and no other column is used
//! in its place.

mod columns;
mod device_name;
mod entry;
mod error;
mod findings;
mod invalid_reference;
mod json;
mod lines;
mod list;
mod machine_id;
mod options;
mod portal;
mod reference;
mod rows;
mod selected;
mod table;
mod template;
#[cfg(test)]
mod tests;

pub use device_name::any_name;
pub use entry::ListEntry;
pub use error::{LineError, ListError, RowError};
pub use invalid_reference::InvalidReference;
pub use list::MachineList;
pub use options::ListOptions;
pub use reference::MachineReference;
pub use selected::{SelectedMachine, Selection};
pub use template::MachineComment;
