//! The functions that a plugin exports, by name.

use std::fmt;

/// A function of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Function {
    /// Offboards one machine.
    Offboard,
    /// Reads one action.
    GetAction,
    /// Lists one page of actions.
    ListActions,
    /// Cancels one action.
    CancelAction,
    /// Reads one machine.
    GetMachine,
    /// Finds one page of machines by name.
    FindMachines,
    /// Lists one page of the fleet.
    ListMachines,
    /// Tags one machine. Optional: a plugin may lack it.
    Tag,
    /// Offboards one machine with an external id. Optional: a plugin may lack it.
    OffboardWithExternalId,
}

impl Function {
    /// All functions.
    pub const ALL: [Self; 9] = [
        Self::Offboard,
        Self::GetAction,
        Self::ListActions,
        Self::CancelAction,
        Self::GetMachine,
        Self::FindMachines,
        Self::ListMachines,
        Self::Tag,
        Self::OffboardWithExternalId,
    ];

    /// The function's name in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Offboard => "offboard",
            Self::GetAction => "get-action",
            Self::ListActions => "list-actions",
            Self::CancelAction => "cancel-action",
            Self::GetMachine => "get-machine",
            Self::FindMachines => "find-machines",
            Self::ListMachines => "list-machines",
            Self::Tag => "tag",
            Self::OffboardWithExternalId => "offboard-with-external-id",
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_in_the_wit() {
        let exported = crate::contract::WIT.matches(": func(").count();
        // Two are imports: `api-root` and `authorization`.
        assert_eq!(exported, Function::ALL.len() + 2);
        for function in Function::ALL {
            assert!(crate::contract::WIT.contains(&format!(" {function}: func(")));
        }
    }
}
