//! A machine, as `docs/schema/machine.json` describes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use super::{CsvRow, raw, service_time};
use crate::contract::Machine;

/// One machine of the inventory.
///
/// Times are RFC 3339 in UTC with seven fractional digits, unless the service sends another text.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "One machine: an element of the output of find")]
pub struct MachineRow {
    /// The machine's id: 40 lower-case hexadecimal digits.
    #[schemars(regex(pattern = "^[0-9a-f]{40}$"))]
    pub machine_id: String,
    /// The DNS name; null without one.
    pub name: Option<String>,
    /// The operating system, as the service reports it; null if it is unknown.
    pub os_platform: Option<String>,
    /// The version of the operating system; null if it is unknown.
    pub version: Option<String>,
    /// The health of the sensor, as the service reports it; null if it is unknown.
    pub health_status: Option<String>,
    /// Whether the machine is onboarded, as the service reports it; null if it is unknown.
    pub onboarding_status: Option<String>,
    /// When the machine last reported; null if it is unknown.
    pub last_seen: Option<String>,
    /// The device group; null without one.
    pub group: Option<String>,
    /// The machine's tags.
    pub tags: Vec<String>,
    /// The machine as the service sent it, unedited; null if that is not JSON.
    #[schemars(with = "Option<Map<String, Value>>")]
    pub machine: Option<Box<RawValue>>,
}

impl From<&Machine> for MachineRow {
    fn from(machine: &Machine) -> Self {
        Self {
            machine_id: machine.id.clone(),
            name: machine.computer_dns_name.clone(),
            os_platform: machine.os_platform.clone(),
            version: machine.version.clone(),
            health_status: machine.health_status.clone(),
            onboarding_status: machine.onboarding_status.clone(),
            last_seen: machine.last_seen.as_deref().map(service_time),
            group: machine.rbac_group_name.clone(),
            tags: machine.machine_tags.clone(),
            machine: raw(&machine.json),
        }
    }
}

impl CsvRow for MachineRow {
    fn columns() -> Vec<&'static str> {
        vec![
            "machineId",
            "name",
            "osPlatform",
            "version",
            "healthStatus",
            "onboardingStatus",
            "lastSeen",
            "group",
            "tags",
        ]
    }

    fn cells(&self) -> Vec<String> {
        let tags = self.tags.join("; ");
        [
            Some(self.machine_id.as_str()),
            self.name.as_deref(),
            self.os_platform.as_deref(),
            self.version.as_deref(),
            self.health_status.as_deref(),
            self.onboarding_status.as_deref(),
            self.last_seen.as_deref(),
            self.group.as_deref(),
            Some(&tags),
        ]
        .map(|cell| cell.unwrap_or_default().to_owned())
        .to_vec()
    }
}
