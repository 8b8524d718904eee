//! What an action does to a machine.

/// The type of an action, with its scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ActionKind {
    Offboard,
    Isolate(IsolationType),
    Unisolate,
}

/// How far an isolation goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IsolationType {
    Full,
    /// Some applications may still use the network.
    Selective,
    /// Other devices block traffic with this one, which is not onboarded.
    UnManagedDevice,
}

impl ActionKind {
    /// The `type` of the action.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Offboard => "Offboard",
            Self::Isolate(_) => "Isolate",
            Self::Unisolate => "Unisolate",
        }
    }

    /// The `scope` of the action.
    pub(crate) fn scope(self) -> Option<&'static str> {
        match self {
            Self::Isolate(isolation) => Some(isolation.name()),
            Self::Offboard | Self::Unisolate => None,
        }
    }

    /// Whether it is the same type, regardless of the scope.
    pub(crate) fn has_type_of(self, other: Self) -> bool {
        self.name() == other.name()
    }
}

impl IsolationType {
    const ALL: [Self; 3] = [Self::Full, Self::Selective, Self::UnManagedDevice];

    fn name(self) -> &'static str {
        match self {
            Self::Full => "Full",
            Self::Selective => "Selective",
            Self::UnManagedDevice => "UnManagedDevice",
        }
    }

    /// The type with this name, which is case-sensitive.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}
