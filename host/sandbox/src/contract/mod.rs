//! The contract from the host's side: the generated bindings, and the types that all modules
//! above use.

mod action;
mod api_root;
mod bindings;
mod error;
mod function;
mod id;
mod kind;
mod name;
mod retry;

pub(crate) use api_root::is_loopback;
pub use api_root::{ApiRoot, InvalidApiRoot, Scheme};
pub use bindings::external_id::exports::defender::offboard::external_id::ExternalIdError;
pub(crate) use bindings::external_id::{Identifier, IdentifierPre};
pub use bindings::optional::exports::defender::offboard::tagging::TagError;
pub(crate) use bindings::optional::{Tagger, TaggerPre};
pub(crate) use bindings::required::defender::offboard::connection;
pub(crate) use bindings::required::{Plugin, PluginPre};
pub use bindings::required::{
    defender::offboard::types::{
        ActionPage, ActionStatus, ActionType, FileInfo, IpAddress, Machine, MachineAction,
        MachinePage, ReadError, ServiceError, Throttled, UnknownOutcome, UnreadableAnswer,
    },
    exports::defender::offboard::{
        offboarding::OffboardError,
        tracking::{ActionFilter, CancelError},
    },
};
pub use error::{ErrorSource, OtherAction, Problem, Related, with_sources};
pub use function::Function;
pub use id::{
    ActionId, Comment, ExternalId, InvalidActionId, InvalidComment, InvalidExternalId,
    InvalidMachineId, InvalidTag, MachineId, Tag,
};
pub use kind::ProblemKind;
pub use name::{canonical_name, label, refers_to};
pub use retry::Retry;

/// The contract's WIT source.
pub const WIT: &str = include_str!("../../../../wit/offboard.wit");

/// The contract's package and version.
pub const PACKAGE: &str = "defender:offboard@1.0.0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_is_the_one_in_the_wit() {
        assert!(WIT.contains(&format!("\npackage {PACKAGE};\n")));
    }
}
