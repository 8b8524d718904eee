//! Selection of machines: references to machines, as users write them, lists of them, and rules
//! that machines meet. Text
//! that is not a valid reference is an error. It is never ignored, and no other column is used
//! in its place.

mod columns;
mod device_name;
mod documents;
mod encoding;
mod entra_device;
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
mod query;
mod reference;
mod rows;
mod rule;
mod selected;
mod table;
mod template;
#[cfg(test)]
mod tests;

pub use device_name::any_name;
pub use encoding::ListEncoding;
pub use entra_device::{EntraDeviceId, EntraDevices};
pub use entry::ListEntry;
pub use error::{LineError, ListError, RowError};
pub use invalid_reference::InvalidReference;
pub use list::{EntraDeviceList, MachineList};
pub use options::ListOptions;
pub use query::{MachineQuery, NearestNames};
pub use reference::MachineReference;
pub use rule::{
    AgentVersion, InvalidPattern, InvalidVersion, MachineFacts, Rule, RuleVerdict, SystemPattern,
};
pub use selected::{SelectedMachine, Selection};
pub use template::MachineComment;
