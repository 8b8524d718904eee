//! The alerts of the fleet.
//!
//! They follow from the machine alone and never change: the simulator has no detections.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::fleet::Device;
use crate::logon_user::{LogonUser, logon_users};
use crate::timestamp::{after, before, wire};

/// Every onboarded machine whose position in the fleet is a multiple of this has an alert.
const INTERVAL: u32 = 5;

const HOUR: Duration = Duration::from_secs(3600);

/// What was detected.
#[derive(Clone, Copy)]
struct Detection {
    title: &'static str,
    description: &'static str,
    category: &'static str,
    severity: &'static str,
    technique: &'static str,
    file: &'static str,
    source: &'static str,
}

const DETECTIONS: [Detection; 3] = [
    Detection {
        title: "Suspicious PowerShell command line",
        description: "A PowerShell command line was run that is often used by attackers.",
        category: "Execution",
        severity: "Medium",
        technique: "T1059.001",
        file: "powershell.exe",
        source: "WindowsDefenderAtp",
    },
    Detection {
        title: "An active 'Example' malware was detected",
        description: "A malware that was found running on the machine was blocked.",
        category: "Malware",
        severity: "Informational",
        technique: "T1204.002",
        file: "example.exe",
        source: "WindowsDefenderAv",
    },
    Detection {
        title: "Suspicious scheduled task",
        description: "A scheduled task was created that starts an unknown program.",
        category: "Persistence",
        severity: "High",
        technique: "T1053.005",
        file: "schtasks.exe",
        source: "WindowsDefenderAtp",
    },
];

/// An alert, with the members of the service's metadata in their order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Alert {
    pub(crate) id: String,
    incident_id: i64,
    investigation_id: Option<i64>,
    assigned_to: Option<&'static str>,
    severity: &'static str,
    status: &'static str,
    classification: Option<&'static str>,
    determination: Option<&'static str>,
    investigation_state: &'static str,
    detection_source: &'static str,
    detector_id: Uuid,
    category: &'static str,
    threat_family_name: Option<&'static str>,
    title: &'static str,
    description: &'static str,
    alert_creation_time: String,
    first_event_time: String,
    last_event_time: String,
    last_update_time: String,
    resolved_time: Option<String>,
    machine_id: String,
    computer_dns_name: String,
    rbac_group_name: Option<String>,
    aad_tenant_id: Uuid,
    related_user: Option<Value>,
    threat_name: Option<&'static str>,
    mitre_techniques: [&'static str; 1],
    logged_on_users: Vec<Value>,
    comments: [(); 0],
    evidence: Vec<Map<String, Value>>,
    domains: [(); 0],
    /// For the order of lists.
    #[serde(skip)]
    pub(crate) created: Timestamp,
}

/// The alert of a machine, if it has one.
pub(crate) fn alert(device: &Device, tenant: Uuid) -> Option<Alert> {
    if !device.index.is_multiple_of(INTERVAL) || !device.is_onboarded() {
        return None;
    }
    let machine = &device.machine;
    let number = device.index / INTERVAL;
    let [detection, ..] = rotated(&DETECTIONS, number);
    let [status, ..] = rotated(&["New", "InProgress", "Resolved"], number / 3);
    let is_resolved = status == "Resolved";
    // Every machine was known for at least a day when it was last seen.
    let last_seen: Timestamp = machine.last_seen.parse().ok()?;
    let created = before(last_seen, HOUR * (2 + number % 20));
    let occurred = before(created, Duration::from_secs(90));
    let updated = after(created, HOUR);
    let users = logon_users(device);
    Some(Alert {
        id: id(&machine.id)?,
        incident_id: 1000 + i64::from(number),
        investigation_id: None,
        assigned_to: (status != "New").then_some("analyst@contoso.test"),
        severity: detection.severity,
        status,
        classification: is_resolved.then_some("TruePositive"),
        determination: is_resolved.then_some("SecurityTesting"),
        investigation_state: "UnsupportedAlertType",
        detection_source: detection.source,
        detector_id: Uuid::from_u128(0xde7e_c704_0000_4000_8000_0000_0000_0000 + u128::from(number % 3)),
        category: detection.category,
        threat_family_name: None,
        title: detection.title,
        description: detection.description,
        alert_creation_time: wire(created),
        first_event_time: wire(occurred),
        last_event_time: wire(occurred),
        last_update_time: wire(updated),
        resolved_time: is_resolved.then(|| wire(updated)),
        machine_id: machine.id.clone(),
        computer_dns_name: machine.computer_dns_name.clone(),
        rbac_group_name: machine.rbac_group_name.clone(),
        aad_tenant_id: tenant,
        related_user: users.first().map(|user| {
            json!({ "userName": user.account_name, "domainName": user.account_domain })
        }),
        threat_name: None,
        mitre_techniques: [detection.technique],
        logged_on_users: users
            .iter()
            .map(|user| {
                json!({ "accountName": user.account_name, "domainName": user.account_domain })
            })
            .collect(),
        comments: [],
        evidence: evidence(&detection, users.first(), created),
        domains: [],
        created,
    })
}

/// The items from the one with this number on, which wraps around.
fn rotated<T: Copy, const N: usize>(items: &[T; N], number: u32) -> [T; N] {
    let mut items = *items;
    items.rotate_left(usize::try_from(number).unwrap_or_default() % N);
    items
}

/// An id in the format of Microsoft's API documentation.
fn id(machine: &str) -> Option<String> {
    let ticks = u64::from_str_radix(machine.get(..12)?, 16).ok()?;
    let hash = u32::from_str_radix(machine.get(12..20)?, 16).ok()?;
    Some(format!("da637{ticks:015}_{}", hash.cast_signed()))
}

/// The members of each piece of evidence, most of which are null.
const EVIDENCE: [&str; 24] = [
    "sha1",
    "sha256",
    "fileName",
    "filePath",
    "processId",
    "processCommandLine",
    "processCreationTime",
    "parentProcessId",
    "parentProcessCreationTime",
    "parentProcessFileName",
    "parentProcessFilePath",
    "ipAddress",
    "url",
    "registryKey",
    "registryHive",
    "registryValueType",
    "registryValue",
    "registryValueName",
    "accountName",
    "domainName",
    "userSid",
    "aadUserId",
    "userPrincipalName",
    "detectionStatus",
];

fn evidence(
    detection: &Detection,
    user: Option<&LogonUser>,
    created: Timestamp,
) -> Vec<Map<String, Value>> {
    let piece = |entity_type: &str, known: Value| {
        let mut members = Map::new();
        members.insert("entityType".to_owned(), entity_type.into());
        members.insert("evidenceCreationTime".to_owned(), wire(created).into());
        for name in EVIDENCE {
            let value = known.get(name).cloned().unwrap_or_default();
            members.insert(name.to_owned(), value);
        }
        members
    };
    let file = piece(
        "File",
        json!({
            "fileName": detection.file,
            "filePath": "C:\\Windows\\System32",
            "detectionStatus": "Detected",
        }),
    );
    let user = user.map(|user| {
        let known = json!({
            "accountName": user.account_name,
            "domainName": user.account_domain,
            "userSid": user.account_sid,
        });
        piece("User", known)
    });
    std::iter::once(file).chain(user).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::fleet::Fleet;

    #[test]
    fn an_alert_is_from_the_time_in_which_its_machine_was_seen() {
        let fleet = Fleet::new(3_000, 1, "2030-01-02T03:04:05Z".parse().unwrap());
        let alerts: Vec<_> = fleet
            .iter()
            .filter_map(|device| Some((device, alert(device, Uuid::nil())?)))
            .collect();
        assert!(alerts.len() > 300);
        let ids: HashSet<_> = alerts.iter().map(|(_, alert)| &alert.id).collect();
        assert_eq!(ids.len(), alerts.len());
        for (device, alert) in alerts {
            let time = |text: &str| text.parse::<Timestamp>().unwrap();
            let machine = &device.machine;
            assert!(time(&machine.first_seen) < time(&alert.first_event_time));
            assert!(time(&alert.first_event_time) < alert.created);
            assert!(time(&alert.last_update_time) < time(&machine.last_seen));
        }
    }

    #[test]
    fn an_id_looks_as_documented() {
        let machine = format!("00000000000a{}", "f".repeat(28));
        assert_eq!(id(&machine).as_deref(), Some("da637000000000000010_-1"));
        assert_eq!(id("x"), None);
    }
}
