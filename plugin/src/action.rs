//! Machine actions, as the service has written them since 2017.

use crate::{
    json::Members,
    types::{ActionStatus, ActionType, FileInfo, MachineAction},
};

/// Reads one machine action.
///
/// # Errors
/// It is not a JSON object with an `id`, a `type` and a `status`. The error is a
/// message.
pub fn parse(text: &str) -> Result<MachineAction, String> {
    let members = Members::parse(text).map_err(|error| format!("not a machine action: {error}"))?;
    let needed = |name: &str| {
        members
            .text(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| format!("not a machine action: it has no {name}"))
    };
    Ok(MachineAction {
        id: needed("id")?,
        action_type: parse_type(&needed("type")?),
        status: parse_status(&needed("status")?),
        title: members.text("title"),
        requestor: members.text("requestor"),
        requestor_comment: members.text("requestorComment"),
        machine_id: members.text("machineId").map(|id| id.to_ascii_lowercase()),
        computer_dns_name: members.text("computerDnsName"),
        creation_date_time_utc: members.text("creationDateTimeUtc"),
        // The name that the documents used until 2020, and lists still use.
        last_update_date_time_utc: members
            .text("lastUpdateDateTimeUtc")
            .or_else(|| members.text("lastUpdateTimeUtc")),
        cancellation_requestor: members.text("cancellationRequestor"),
        cancellation_comment: members.text("cancellationComment"),
        cancellation_date_time_utc: members.text("cancellationDateTimeUtc"),
        error_hresult: members.integer("errorHResult"),
        error: members.text("error"),
        scope: members.text("scope"),
        external_id: members.text("externalId"),
        request_source: members.text("requestSource"),
        related_file_info: members.object("relatedFileInfo").map(|file| FileInfo {
            identifier: file.text("fileIdentifier"),
            identifier_type: file.text("fileIdentifierType"),
        }),
        commands: members
            .array("commands")
            .iter()
            .map(|raw| raw.get().to_owned())
            .collect(),
        troubleshoot_info: members
            .raw("troubleshootInfo")
            .map(|raw| raw.get().to_owned()),
        json: text.trim().to_owned(),
    })
}

/// The service's name of an action's type.
pub fn type_name(kind: &ActionType) -> &str {
    match kind {
        ActionType::RunAntiVirusScan => "RunAntiVirusScan",
        ActionType::Offboard => "Offboard",
        ActionType::LiveResponse => "LiveResponse",
        ActionType::CollectInvestigationPackage => "CollectInvestigationPackage",
        ActionType::Isolate => "Isolate",
        ActionType::Unisolate => "Unisolate",
        ActionType::StopAndQuarantineFile => "StopAndQuarantineFile",
        ActionType::RestrictCodeExecution => "RestrictCodeExecution",
        ActionType::UnrestrictCodeExecution => "UnrestrictCodeExecution",
        ActionType::Other(name) => name,
    }
}

/// The service's name of an action's status.
pub fn status_name(status: &ActionStatus) -> &str {
    match status {
        ActionStatus::Pending => "Pending",
        ActionStatus::InProgress => "InProgress",
        ActionStatus::Succeeded => "Succeeded",
        ActionStatus::Failed => "Failed",
        ActionStatus::TimeOut => "TimeOut",
        ActionStatus::Cancelled => "Cancelled",
        ActionStatus::Other(name) => name,
    }
}

fn parse_type(name: &str) -> ActionType {
    match name {
        "RunAntiVirusScan" => ActionType::RunAntiVirusScan,
        // The second is what the documents' samples of 2017 to 2019 show.
        "Offboard" | "OffboardMachine" => ActionType::Offboard,
        // The second is what the documents of 2021 show.
        "LiveResponse" | "Live Response" => ActionType::LiveResponse,
        "CollectInvestigationPackage" => ActionType::CollectInvestigationPackage,
        "Isolate" => ActionType::Isolate,
        "Unisolate" => ActionType::Unisolate,
        "StopAndQuarantineFile" => ActionType::StopAndQuarantineFile,
        "RestrictCodeExecution" => ActionType::RestrictCodeExecution,
        "UnrestrictCodeExecution" => ActionType::UnrestrictCodeExecution,
        other => ActionType::Other(other.to_owned()),
    }
}

fn parse_status(name: &str) -> ActionStatus {
    match name {
        "Pending" => ActionStatus::Pending,
        "InProgress" => ActionStatus::InProgress,
        "Succeeded" => ActionStatus::Succeeded,
        "Failed" => ActionStatus::Failed,
        "TimeOut" => ActionStatus::TimeOut,
        // The second is what the documents of 2020 show.
        "Cancelled" | "Canceled" => ActionStatus::Cancelled,
        other => ActionStatus::Other(other.to_owned()),
    }
}
