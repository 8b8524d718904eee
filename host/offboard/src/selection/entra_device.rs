//! Entra device ids, and the machines that have them.

use std::{collections::HashMap, fmt, str::FromStr};

use uuid::Uuid;

use super::InvalidReference;
use crate::contract::MachineId;

/// The id of a device in Entra ID: a GUID. In Defender, it is not unique: a device that was
/// onboarded again has several machine ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntraDeviceId(Uuid);

impl FromStr for EntraDeviceId {
    type Err = InvalidReference;

    /// A GUID with its hyphens, perhaps in braces. The GUID of zeros, which exports contain for
    /// devices without an id, is not one.
    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let inner = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'));
        let text = inner.unwrap_or(text);
        let id = Uuid::try_parse(text).ok().filter(|id| !id.is_nil());
        match id.filter(|_| text.len() == uuid::fmt::Hyphenated::LENGTH) {
            Some(id) => Ok(Self(id)),
            None => Err(InvalidReference::NotEntraDevice),
        }
    }
}

impl fmt::Display for EntraDeviceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The machines of a complete fleet by their Entra device ids.
#[derive(Debug, Default)]
pub struct EntraDevices(HashMap<EntraDeviceId, Vec<MachineId>>);

impl EntraDevices {
    /// Adds a machine. A machine that is added again counts once.
    pub fn add(&mut self, device: EntraDeviceId, machine: MachineId) {
        let machines = self.0.entry(device).or_default();
        if !machines.contains(&machine) {
            machines.push(machine);
        }
    }

    /// The machines of a device.
    #[must_use]
    pub fn machines(&self, device: EntraDeviceId) -> &[MachineId] {
        self.0.get(&device).map_or(&[], Vec::as_slice)
    }
}
