//! The service's names of action types and statuses.

use super::bindings::required::defender::offboard::types::{
    ActionStatus, ActionType, MachineAction,
};

impl ActionType {
    /// The service's name for it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::RunAntiVirusScan => "RunAntiVirusScan",
            Self::Offboard => "Offboard",
            Self::LiveResponse => "LiveResponse",
            Self::CollectInvestigationPackage => "CollectInvestigationPackage",
            Self::Isolate => "Isolate",
            Self::Unisolate => "Unisolate",
            Self::StopAndQuarantineFile => "StopAndQuarantineFile",
            Self::RestrictCodeExecution => "RestrictCodeExecution",
            Self::UnrestrictCodeExecution => "UnrestrictCodeExecution",
            Self::Other(name) => name,
        }
    }

    /// The type for a name of the service, in any case. `OffboardMachine` is the name in the
    /// documentation's samples of 2017 to 2019, and `Live Response` in that of 2021.
    #[must_use]
    pub fn of(name: &str) -> Self {
        const KNOWN: [ActionType; 9] = [
            ActionType::RunAntiVirusScan,
            ActionType::Offboard,
            ActionType::LiveResponse,
            ActionType::CollectInvestigationPackage,
            ActionType::Isolate,
            ActionType::Unisolate,
            ActionType::StopAndQuarantineFile,
            ActionType::RestrictCodeExecution,
            ActionType::UnrestrictCodeExecution,
        ];
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if is("OffboardMachine") {
            return Self::Offboard;
        }
        if is("Live Response") {
            return Self::LiveResponse;
        }
        let known = KNOWN.into_iter().find(|kind| is(kind.name()));
        known.unwrap_or_else(|| Self::Other(name.to_owned()))
    }
}

impl ActionStatus {
    /// The status for a name of the service, in any case. `Canceled` is the spelling in the
    /// documentation of 2020.
    #[must_use]
    pub fn of(name: &str) -> Self {
        const KNOWN: [ActionStatus; 6] = [
            ActionStatus::Pending,
            ActionStatus::InProgress,
            ActionStatus::Succeeded,
            ActionStatus::Failed,
            ActionStatus::TimeOut,
            ActionStatus::Cancelled,
        ];
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if is("Canceled") {
            return Self::Cancelled;
        }
        let known = KNOWN.into_iter().find(|status| is(status.name()));
        known.unwrap_or_else(|| Self::Other(name.to_owned()))
    }

    /// The service's name for it.
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

    /// Whether the status is final. An unknown status is not.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::TimeOut | Self::Cancelled
        )
    }
}

impl MachineAction {
    /// A pending offboarding with this id and no other data.
    #[must_use]
    pub fn bare(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            action_type: ActionType::Offboard,
            status: ActionStatus::Pending,
            title: None,
            requestor: None,
            requestor_comment: None,
            machine_id: None,
            computer_dns_name: None,
            creation_date_time_utc: None,
            last_update_date_time_utc: None,
            cancellation_requestor: None,
            cancellation_comment: None,
            cancellation_date_time_utc: None,
            error_hresult: None,
            error: None,
            scope: None,
            external_id: None,
            request_source: None,
            related_file_info: None,
            commands: Vec::new(),
            troubleshoot_info: None,
            json: String::new(),
        }
    }
}
