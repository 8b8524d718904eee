//! The routes that a grant can have (Microsoft's API documentation), and the rules for
//! each.

use crate::contract::Function;

/// The longest answer with one entity, in bytes.
const MAX_ENTITY_BYTES: usize = 256 * 1024;
/// The size limit of a page, in bytes.
const MAX_PAGE_BYTES: usize = 16 * 1024 * 1024;

/// A route of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Offboard a machine.
    Offboard,
    /// Add a tag to a machine.
    TagMachine,
    /// Cancel an action.
    CancelAction,
    /// Read an action.
    ReadAction,
    /// List actions.
    ListActions,
    /// Read a machine.
    ReadMachine,
    /// List machines.
    ListMachines,
}

impl Route {
    /// The route of a function.
    #[must_use]
    pub fn of(function: Function) -> Self {
        match function {
            Function::Offboard | Function::OffboardWithExternalId => Self::Offboard,
            Function::GetAction => Self::ReadAction,
            Function::ListActions => Self::ListActions,
            Function::CancelAction => Self::CancelAction,
            Function::GetMachine => Self::ReadMachine,
            Function::FindMachines | Function::ListMachines => Self::ListMachines,
            Function::Tag => Self::TagMachine,
        }
    }

    /// The method.
    #[must_use]
    pub fn method(self) -> &'static str {
        match self {
            Self::Offboard | Self::TagMachine | Self::CancelAction => "POST",
            Self::ReadAction | Self::ListActions | Self::ReadMachine | Self::ListMachines => "GET",
        }
    }

    /// The path with a placeholder for the id.
    #[must_use]
    pub fn template(self) -> &'static str {
        match self {
            Self::Offboard => "/api/machines/{id}/offboard",
            Self::TagMachine => "/api/machines/{id}/tags",
            Self::CancelAction => "/api/machineactions/{id}/cancel",
            Self::ReadAction => "/api/machineactions/{id}",
            Self::ListActions => "/api/machineactions",
            Self::ReadMachine => "/api/machines/{id}",
            Self::ListMachines => "/api/machines",
        }
    }

    /// The size limit of an answer, in bytes.
    #[must_use]
    pub fn answer_limit(self) -> usize {
        match self {
            Self::ListActions | Self::ListMachines => MAX_PAGE_BYTES,
            Self::Offboard
            | Self::TagMachine
            | Self::CancelAction
            | Self::ReadAction
            | Self::ReadMachine => MAX_ENTITY_BYTES,
        }
    }

    /// Whether the route has a query: `$name=value` pairs, each name once.
    #[must_use]
    pub fn takes_query(self) -> bool {
        matches!(self, Self::ListActions | Self::ListMachines)
    }

    pub(super) fn path(self, id: &str) -> String {
        self.template().replace("{id}", id)
    }
}

impl Function {
    /// The form of the body of its request, with `…` for the ordered comment, external id or
    /// tag; `None` for a read.
    #[must_use]
    pub fn body(self) -> Option<&'static str> {
        match self {
            Self::Offboard | Self::CancelAction => Some(r#"{"Comment": …}"#),
            Self::OffboardWithExternalId => Some(r#"{"Comment": …, "ExternalId": …}"#),
            Self::Tag => Some(r#"{"Value": …, "Action": "Add"}"#),
            Self::GetAction
            | Self::ListActions
            | Self::GetMachine
            | Self::FindMachines
            | Self::ListMachines => None,
        }
    }

    /// The name of the ordered part of that body.
    #[must_use]
    pub fn takes(self) -> Option<&'static str> {
        match self {
            Self::Offboard | Self::CancelAction => Some("comment"),
            Self::OffboardWithExternalId => Some("comment and external id"),
            Self::Tag => Some("tag"),
            Self::GetAction
            | Self::ListActions
            | Self::GetMachine
            | Self::FindMachines
            | Self::ListMachines => None,
        }
    }
}
