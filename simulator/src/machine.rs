//! A machine as the service reports it, and its true state.

use std::ops::Deref;

use serde::Serialize;
use uuid::Uuid;

/// A machine record. Serialized, it is the entity of `GET /api/machines`: the documented
/// properties and the others that the service returns, in one fixed order (which is
/// unsourced).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// The record's id, 40 lower-case hexadecimal digits.
    pub id: String,
    /// The record that this one was merged into. Not documented.
    pub merged_into_machine_id: Option<String>,
    /// Whether the service considers it a duplicate. Not documented.
    pub is_potential_duplication: bool,
    /// Whether it is excluded from vulnerability management. Not documented.
    pub is_excluded: bool,
    /// Why it is excluded. Not documented.
    pub exclusion_reason: Option<String>,
    /// The device's name, mostly fully qualified. Several records can share one, and a phone's
    /// name need not be a DNS name.
    pub computer_dns_name: String,
    /// When the service first saw it, as the service writes times.
    pub first_seen: String,
    /// When it last sent a full report, as the service writes times.
    pub last_seen: String,
    /// The operating system, an open set: `Windows11`, `macOS`, `Linux` …
    pub os_platform: String,
    /// Null in every observed record. Not documented.
    pub os_version: Option<String>,
    /// The processor, such as `x64`.
    pub os_processor: String,
    /// The marketing version, such as `1607` or `23H2`.
    pub version: String,
    /// The address in its local network.
    pub last_ip_address: Option<String>,
    /// The address on the internet.
    pub last_external_ip_address: Option<String>,
    /// The sensor's version. Not documented.
    pub agent_version: Option<String>,
    /// The operating system's build.
    pub os_build: Option<i64>,
    /// `Active`, `Inactive`, `ImpairedCommunication`, `NoSensorData`,
    /// `NoSensorDataImpairedCommunication` or `Unknown`.
    pub health_status: String,
    /// `Normal`, `Low` or `High`.
    pub device_value: String,
    /// The device group. Documented as a text, returned as a number.
    pub rbac_group_id: i64,
    /// The device group's name.
    pub rbac_group_name: Option<String>,
    /// `None`, `Informational`, `Low`, `Medium` or `High`.
    pub risk_score: Option<String>,
    /// `None`, `Low`, `Medium` or `High`.
    pub exposure_level: String,
    /// Whether it is joined to Entra ID.
    pub is_aad_joined: bool,
    /// The Entra device id. Records of one device share it.
    pub aad_device_id: Option<Uuid>,
    /// The tags that users set.
    pub machine_tags: Vec<String>,
    /// The antivirus' state. Not documented.
    pub defender_av_status: String,
    /// `Onboarded`, `CanBeOnboarded`, `Unsupported` or `InsufficientInfo`.
    pub onboarding_status: String,
    /// `32-bit` or `64-bit`.
    pub os_architecture: String,
    /// The management system. Not documented.
    pub managed_by: String,
    /// The status of that management. Not documented.
    pub managed_by_status: String,
    /// Its network interfaces.
    pub ip_addresses: Vec<IpAddress>,
    /// The cloud's data about its virtual machine. Not documented.
    pub vm_metadata: Option<VmMetadata>,
    /// The device that it belongs to. Not documented.
    pub parent_device: Option<String>,
}

/// One network interface of a [`Machine`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IpAddress {
    /// The address.
    pub ip_address: String,
    /// The hardware address, 12 hexadecimal digits.
    pub mac_address: Option<String>,
    /// The kind of the interface, an open set: `Ethernet`, `IEEE80211` …
    #[serde(rename = "type")]
    pub interface_type: String,
    /// `Up` or `Down`.
    pub operational_status: String,
}

/// The cloud's data about the virtual machine of a [`Machine`]. Its format is unsourced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VmMetadata {
    /// The virtual machine's id.
    pub vm_id: Uuid,
    /// The cloud.
    pub cloud_provider: String,
    /// The resource in that cloud.
    pub resource_id: String,
    /// The subscription that is billed.
    pub subscription_id: Uuid,
}

/// A machine's true state: its record, and data that no API of the service returns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MachineTruth {
    /// The record, as the service reports it.
    #[serde(flatten)]
    pub machine: Machine,
    /// Whether the device is online, so that actions on it advance.
    pub online: bool,
    /// Whether the platform and the client's version can be offboarded, regardless of whether
    /// the device is onboarded.
    pub supported: bool,
    /// Whether an offboarding of it has succeeded.
    pub offboarded: bool,
    /// The offboarding that isn't final yet.
    pub pending_action_id: Option<Uuid>,
    /// Whether it is isolated from the network.
    pub isolated: bool,
}

/// Allows access to the record's fields: `truth.id` is `truth.machine.id`.
impl Deref for MachineTruth {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        &self.machine
    }
}
