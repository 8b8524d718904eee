//! The machines of the fleet.
//!
//! Every third machine, including the first, offboards successfully: it is online and
//! supported, and its record says so. The machines between them have the problems of a real
//! tenant. No record says `Onboarded` and `Active` on Windows 10 or 11 without being such a
//! machine, so a playbook can select by these three properties.

use std::collections::HashMap;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use jiff::Timestamp;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::machine::{IpAddress, Machine, VmMetadata};
use crate::profile::{COMPANIONS, DeviceForm, Profile, READY, System};
use crate::supported_systems::{Support, support};
use crate::timestamp::{before, wire};

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// One machine, which never changes: an offboarding only shows in its actions (the service
/// reports the device as `Inactive` after seven days), and tags are stored separately.
#[derive(Debug)]
pub(crate) struct Device {
    /// The position in the fleet.
    pub(crate) index: u32,
    pub(crate) machine: Machine,
    pub(crate) online: bool,
    pub(crate) support: Support,
    /// The record as JSON, created once for all lists.
    pub(crate) row: Map<String, Value>,
}

impl Device {
    pub(crate) fn is_onboarded(&self) -> bool {
        self.machine.onboarding_status == "Onboarded"
    }
}

#[derive(Debug)]
pub(crate) struct Fleet {
    devices: Vec<Device>,
    by_id: HashMap<String, usize>,
    by_name: HashMap<String, usize>,
}

impl Fleet {
    /// A fleet at `started`, to which its times are relative. A smaller fleet with the same
    /// seed is the beginning of a larger one.
    pub(crate) fn new(machines: u32, seed: u64, started: Timestamp) -> Self {
        let devices: Vec<Device> = (0..machines)
            .map(|index| device(seed, index, started))
            .collect();
        let by_id = devices
            .iter()
            .enumerate()
            .map(|(index, device)| (device.machine.id.clone(), index))
            .collect();
        let mut by_name = HashMap::<String, usize>::new();
        for (index, device) in devices.iter().enumerate() {
            let latest = by_name
                .entry(device.machine.computer_dns_name.clone())
                .or_insert(index);
            if devices[*latest].machine.last_seen < device.machine.last_seen {
                *latest = index;
            }
        }
        Self {
            devices,
            by_id,
            by_name,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Device> {
        self.devices.iter()
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&Device> {
        self.devices.get(*self.by_id.get(id)?)
    }

    /// The record with this name that was seen last. Which one the service selects among
    /// several is unsourced.
    pub(crate) fn by_name(&self, name: &str) -> Option<&Device> {
        self.devices.get(*self.by_name.get(name)?)
    }
}

fn digest(what: &str, seed: u64, index: u32) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    hash.update(what.as_bytes());
    hash.update(&seed.to_be_bytes());
    hash.update(&index.to_be_bytes());
    let mut digest = [0; 32];
    digest.copy_from_slice(hash.finish().as_ref());
    digest
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The profile of a machine, and the index from which its name is derived: a replaced record
/// has the name of the ready machine that follows it, so that a client that uses the first
/// match uses the wrong machine.
fn plan(index: u32) -> (Profile, u32) {
    let group = index / 3;
    let cycle = usize::try_from(group).unwrap_or_default() % COMPANIONS.len();
    let [first, second] = COMPANIONS[cycle];
    let profile = match index % 3 {
        0 => return (READY, index),
        1 => first,
        _ => second,
    };
    (
        profile,
        if profile.replaced {
            group.saturating_add(1).saturating_mul(3)
        } else {
            index
        },
    )
}

fn device(seed: u64, index: u32, started: Timestamp) -> Device {
    let (profile, named_by) = plan(index);
    let mut draw = Draw(ChaCha8Rng::from_seed(digest("machine", seed, index)));
    // Properties of the device, not of the record, are drawn from the index that determines
    // its name.
    let mut identity = Draw(ChaCha8Rng::from_seed(digest("identity", seed, named_by)));

    let name = name(&mut identity, profile.form, named_by);
    let entra = identity.uuid();
    let system @ (platform, version, build) = identity.pick_system(profile.systems);
    let managed = profile.onboarding == "Onboarded";
    let client = profile.form == DeviceForm::Client;
    let address = format!(
        "10.{}.{}.{}",
        draw.below(16),
        draw.below(256),
        1 + draw.below(254)
    );
    let unseen = match profile.unseen_days {
        (0, 0) => Duration::from_secs(600 + draw.below(DAY_SECONDS - 3600)),
        (from, to) => {
            Duration::from_secs(from * DAY_SECONDS + draw.below((to - from) * DAY_SECONDS))
        }
    } + Duration::from_micros(draw.below(1_000_000));
    let known = unseen
        + Duration::from_secs(DAY_SECONDS + draw.below(90 * DAY_SECONDS))
        + Duration::from_micros(draw.below(1_000_000));
    let group = if profile.form == DeviceForm::Server {
        (7, "Servers")
    } else {
        (12, "Workplaces")
    };

    let machine = Machine {
        id: hex(&digest("id", seed, index)[..20]),
        merged_into_machine_id: None,
        is_potential_duplication: false,
        is_excluded: false,
        exclusion_reason: None,
        computer_dns_name: name,
        first_seen: wire(before(started, known)),
        last_seen: wire(before(started, unseen)),
        os_platform: platform.to_owned(),
        os_version: None,
        os_processor: processor(system).to_owned(),
        version: version.to_owned(),
        last_ip_address: Some(address.clone()),
        last_external_ip_address: Some(format!("203.0.113.{}", 1 + draw.below(254))),
        agent_version: managed.then(|| {
            format!(
                "10.8{}.{}.{}",
                700 + draw.below(100),
                build.unwrap_or(101),
                1000 + draw.below(5000)
            )
        }),
        os_build: build,
        health_status: profile.health.to_owned(),
        device_value: if managed {
            draw.pick(&["Normal", "Normal", "Normal", "Low", "High"])
        } else {
            "Normal"
        }
        .to_owned(),
        rbac_group_id: if managed { group.0 } else { 0 },
        rbac_group_name: managed.then(|| group.1.to_owned()),
        risk_score: managed.then(|| {
            draw.pick(&["None", "None", "Informational", "Low", "Medium", "High"])
                .to_owned()
        }),
        exposure_level: if managed {
            draw.pick(&["None", "Low", "Low", "Medium", "High"])
        } else {
            "None"
        }
        .to_owned(),
        is_aad_joined: managed && client,
        aad_device_id: (managed && client).then_some(entra),
        machine_tags: draw.tags(),
        defender_av_status: if managed && profile.online {
            "Updated"
        } else {
            "Unknown"
        }
        .to_owned(),
        onboarding_status: profile.onboarding.to_owned(),
        os_architecture: "64-bit".to_owned(),
        managed_by: if managed && client {
            "Intune"
        } else {
            "Unknown"
        }
        .to_owned(),
        managed_by_status: if managed && client {
            "Success"
        } else {
            "Unknown"
        }
        .to_owned(),
        ip_addresses: vec![IpAddress {
            ip_address: address,
            mac_address: Some(draw.mac()),
            interface_type: interface(profile.form, index).to_owned(),
            operational_status: if profile.online { "Up" } else { "Down" }.to_owned(),
        }],
        vm_metadata: (profile.form == DeviceForm::Server).then(|| draw.virtual_machine(index)),
        parent_device: None,
    };
    let row = match serde_json::to_value(&machine) {
        Ok(Value::Object(row)) => row,
        // A struct of texts and numbers always becomes an object.
        _ => Map::new(),
    };
    Device {
        index,
        online: profile.online,
        support: support(&machine),
        row,
        machine,
    }
}

fn name(identity: &mut Draw, form: DeviceForm, index: u32) -> String {
    let place = identity.pick(&["ams", "bcn", "cph", "lis", "osl", "waw"]);
    match form {
        DeviceForm::Client => {
            let unit = identity.pick(&["fin", "hr", "it", "lab", "ops", "sales"]);
            format!("{place}-{unit}-{index:05}.corp.contoso.test")
        }
        DeviceForm::Server => {
            let role = identity.pick(&["app", "db", "dc", "file", "web"]);
            format!("{place}-{role}-{index:05}.dc.contoso.test")
        }
        // Phones report the name that their owner chose.
        DeviceForm::Phone => format!(
            "{}'s phone {index:05}",
            identity.pick(&["Ana", "Ben", "Cleo", "Dev"])
        ),
        DeviceForm::Network => format!("{place}-switch-{index:05}"),
    }
}

/// Derived, not drawn, so that the rest of a fleet is as in earlier versions.
fn interface(form: DeviceForm, index: u32) -> &'static str {
    match form {
        DeviceForm::Phone => "IEEE80211",
        DeviceForm::Client if index % 2 == 1 => "IEEE80211",
        DeviceForm::Client | DeviceForm::Server | DeviceForm::Network => "Ethernet",
    }
}

fn processor((platform, ..): System) -> &'static str {
    match platform {
        "macOS" | "iOS" | "Android" => "arm64",
        _ => "x64",
    }
}

/// Draws from a generator whose output never changes, so that a fleet stays the same across
/// versions of this program.
struct Draw(ChaCha8Rng);

impl Draw {
    /// 0 to `limit`, exclusive; `limit` must be above zero. The modulo bias doesn't matter
    /// here.
    fn below(&mut self, limit: u64) -> u64 {
        self.0.next_u64() % limit
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.0.next_u32()).unwrap_or_default() % length
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[self.index(from.len())]
    }

    fn pick_system(&mut self, from: &[System]) -> System {
        from[self.index(from.len())]
    }

    fn uuid(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    fn mac(&mut self) -> String {
        let mut bytes = [0; 6];
        self.0.fill_bytes(&mut bytes);
        // Locally administered: no vendor has this address.
        bytes[0] = 0x02;
        hex(&bytes).to_uppercase()
    }

    fn tags(&mut self) -> Vec<String> {
        let tags: &[&str] = match self.below(6) {
            0 => &["retire"],
            1 => &["kiosk"],
            2 => &["retire", "building 7"],
            _ => &[],
        };
        tags.iter().copied().map(String::from).collect()
    }

    fn virtual_machine(&mut self, index: u32) -> VmMetadata {
        let (vm_id, subscription_id) = (self.uuid(), self.uuid());
        VmMetadata {
            vm_id,
            cloud_provider: "Azure".to_owned(),
            resource_id: format!(
                "/subscriptions/{subscription_id}/resourceGroups/servers/providers/Microsoft.Compute/virtualMachines/vm{index:05}"
            ),
            subscription_id,
        }
    }
}

#[cfg(test)]
#[path = "fleet_tests.rs"]
mod tests;
