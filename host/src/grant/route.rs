//! The routes that a plugin can ever be granted, one for each function of the
//! contract (Microsoft's API documentation).

/// A route of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Offboard a machine.
    Offboard,
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
    /// The method.
    #[must_use]
    pub fn method(self) -> &'static str {
        match self {
            Self::Offboard | Self::CancelAction => "POST",
            Self::ReadAction | Self::ListActions | Self::ReadMachine | Self::ListMachines => "GET",
        }
    }

    /// The path with a placeholder for the id.
    #[must_use]
    pub fn template(self) -> &'static str {
        match self {
            Self::Offboard => "/api/machines/{id}/offboard",
            Self::CancelAction => "/api/machineactions/{id}/cancel",
            Self::ReadAction => "/api/machineactions/{id}",
            Self::ListActions => "/api/machineactions",
            Self::ReadMachine => "/api/machines/{id}",
            Self::ListMachines => "/api/machines",
        }
    }

    /// The longest answer that is read, in bytes.
    #[must_use]
    pub fn answer_limit(self) -> usize {
        match self {
            Self::ListActions | Self::ListMachines => 16 * 1024 * 1024,
            _ => 256 * 1024,
        }
    }

    pub(super) fn path(self, id: &str) -> String {
        self.template().replace("{id}", id)
    }

    pub(super) fn takes_query(self) -> bool {
        matches!(self, Self::ListActions | Self::ListMachines)
    }
}
