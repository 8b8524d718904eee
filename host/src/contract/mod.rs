//! The contract, as the host sees it: the generated bindings, and the names
//! that everything above them uses.

mod bindings {
    //! What `bindgen!` makes of `wit/`.
    #![allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "plugin",
        exports: { default: async },
        additional_derives: [PartialEq],
    });
}

mod api_root;
mod error;
mod function;
mod id;

pub use api_root::{ApiRoot, InvalidApiRoot, Scheme};
pub(crate) use bindings::defender::offboard::connection;
pub(crate) use bindings::{Plugin, PluginPre};
pub use bindings::{
    defender::offboard::types::{
        ActionPage, ActionStatus, ActionType, FileInfo, IpAddress, Machine, MachineAction,
        MachinePage, ReadError, ServiceError, Throttled, UnknownOutcome, UnreadableAnswer,
    },
    exports::defender::offboard::{
        offboarding::OffboardError,
        tracking::{ActionFilter, CancelError},
    },
};
pub use error::{Problem, Retry};
pub use function::Function;
pub use id::{ActionId, Comment, InvalidActionId, InvalidComment, InvalidMachineId, MachineId};

/// The contract itself, as WIT.
pub const WIT: &str = include_str!("../../../wit/offboard.wit");

/// The contract's package and version.
pub const PACKAGE: &str = "defender:offboard@1.0.0";

impl ActionStatus {
    /// The service's name of it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::TimeOut => "TimeOut",
            Self::Cancelled => "Cancelled",
            Self::Other(name) => name,
        }
    }

    /// Whether nothing can follow. An unknown status is not final.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::TimeOut | Self::Cancelled
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_is_the_one_in_the_wit() {
        assert!(WIT.contains(&format!("\npackage {PACKAGE};\n")));
    }
}
