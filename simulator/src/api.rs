//! The operations of the API, and the permissions that each of them needs.

/// One API of the service, with its own permissions and quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Api {
    ListMachines,
    GetMachine,
    FindByIp,
    FindByTag,
    LogonUsers,
    MachineAlerts,
    Offboard,
    Isolate,
    Unisolate,
    Tag,
    ListActions,
    GetAction,
    CancelAction,
    ListAlerts,
    GetAlert,
}

/// Application, tenant and API: the key by which calls are counted.
pub(crate) type QuotaKey = (String, String, Api);

impl Api {
    /// The roles of which an application needs one, as in Microsoft's API documentation. (Its
    /// later pages require `Machine.ReadWrite.All` to read one machine or action; the service
    /// was seen to accept both since then.)
    pub(crate) fn roles(self) -> &'static [&'static str] {
        match self {
            Self::Offboard => &["Machine.Offboard"],
            Self::Isolate | Self::Unisolate => &["Machine.Isolate"],
            Self::Tag => &["Machine.ReadWrite.All"],
            Self::CancelAction => CANCELLING,
            Self::LogonUsers => &["User.Read.All"],
            Self::ListAlerts | Self::GetAlert | Self::MachineAlerts => {
                &["Alert.Read.All", "Alert.ReadWrite.All"]
            }
            Self::ListMachines
            | Self::GetMachine
            | Self::FindByIp
            | Self::FindByTag
            | Self::ListActions
            | Self::GetAction => &["Machine.Read.All", "Machine.ReadWrite.All"],
        }
    }

    pub(crate) fn acts(self) -> bool {
        matches!(
            self,
            Self::Offboard | Self::Isolate | Self::Unisolate | Self::Tag | Self::CancelAction
        )
    }

    /// The delegated permissions of which a user's token needs one.
    pub(crate) fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Offboard => &["Machine.Offboard"],
            Self::Isolate | Self::Unisolate => &["Machine.Isolate"],
            Self::Tag => &["Machine.ReadWrite"],
            Self::CancelAction => CANCELLING,
            Self::LogonUsers => &["User.Read.All"],
            Self::ListAlerts | Self::GetAlert | Self::MachineAlerts => {
                &["Alert.Read", "Alert.ReadWrite"]
            }
            Self::ListMachines
            | Self::GetMachine
            | Self::FindByIp
            | Self::FindByTag
            | Self::ListActions
            | Self::GetAction => &["Machine.Read", "Machine.ReadWrite"],
        }
    }
}

const CANCELLING: &[&str] = &[
    "Machine.CollectForensics",
    "Machine.Isolate",
    "Machine.RestrictExecution",
    "Machine.Scan",
    "Machine.Offboard",
    "Machine.StopAndQuarantine",
    "Machine.LiveResponse",
];
