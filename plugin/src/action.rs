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
        machine_id: members
            .text("machineId")
            .filter(|id| !id.is_empty())
            .map(|id| id.to_ascii_lowercase()),
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

/// The type for a name of the service, in any case.
fn parse_type(name: &str) -> ActionType {
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
    // What the documents' samples of 2017 to 2019 show.
    if is("OffboardMachine") {
        return ActionType::Offboard;
    }
    // What the documents of 2021 show.
    if is("Live Response") {
        return ActionType::LiveResponse;
    }
    let known = KNOWN.into_iter().find(|kind| is(type_name(kind)));
    known.unwrap_or_else(|| ActionType::Other(name.to_owned()))
}

/// The status for a name of the service, in any case.
fn parse_status(name: &str) -> ActionStatus {
    const KNOWN: [ActionStatus; 6] = [
        ActionStatus::Pending,
        ActionStatus::InProgress,
        ActionStatus::Succeeded,
        ActionStatus::Failed,
        ActionStatus::TimeOut,
        ActionStatus::Cancelled,
    ];
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    // What the documents of 2020 show.
    if is("Canceled") {
        return ActionStatus::Cancelled;
    }
    let known = KNOWN.into_iter().find(|status| is(status_name(status)));
    known.unwrap_or_else(|| ActionStatus::Other(name.to_owned()))
}
