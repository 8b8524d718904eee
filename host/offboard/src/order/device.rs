//! The result of the preflight of a machine.

use crate::{contract::Machine, cut::cut};

/// The longest value of a machine's properties that is kept, in bytes.
pub(super) const MAX_VALUE: usize = 256;

/// The result of the preflight of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preflight {
    /// The service returned the machine.
    Found(DeviceSnapshot),
    /// The token may not read the machine.
    Unavailable,
}

/// The properties of a machine at the time of its preflight, with the values that the
/// service uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceSnapshot {
    /// The operating system.
    pub platform: Option<String>,
    /// The version of the operating system.
    pub version: Option<String>,
    /// The health of the sensor.
    pub health: Option<String>,
    /// Whether the machine is onboarded.
    pub onboarding: Option<String>,
    /// When the machine last reported.
    pub last_seen: Option<String>,
    /// The id of the machine that this one was merged into.
    pub merged_into: Option<String>,
}

impl From<&Machine> for DeviceSnapshot {
    fn from(machine: &Machine) -> Self {
        Self {
            platform: machine.os_platform.clone(),
            version: machine.version.clone(),
            health: machine.health_status.clone(),
            onboarding: machine.onboarding_status.clone(),
            last_seen: machine.last_seen.clone(),
            merged_into: machine.merged_into_machine_id.clone(),
        }
        .bounded()
    }
}

impl DeviceSnapshot {
    /// The snapshot with values of at most 256 bytes and an ellipsis, regardless of what the
    /// service sent.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        let Self {
            platform,
            version,
            health,
            onboarding,
            last_seen,
            merged_into,
        } = &mut self;
        let values = [
            platform,
            version,
            health,
            onboarding,
            last_seen,
            merged_into,
        ];
        values
            .into_iter()
            .flatten()
            .for_each(|value| cut(value, MAX_VALUE));
        self
    }
}
