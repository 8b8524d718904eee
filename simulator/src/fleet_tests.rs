#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

fn started() -> Timestamp {
    "2030-01-02T03:04:05Z".parse().unwrap()
}

fn says_ready(row: &Map<String, Value>) -> bool {
    row["onboardingStatus"] == "Onboarded"
        && row["healthStatus"] == "Active"
        && (row["osPlatform"] == "Windows10" || row["osPlatform"] == "Windows11")
}

fn assert_rule(machines: u32, seed: u64) {
    let fleet = Fleet::new(machines, seed, started());
    let mut ready = 0;
    for device in fleet.iter() {
        if says_ready(&device.row) {
            assert!(device.online, "{machines} {seed} {:?}", device.machine);
            assert_eq!(
                device.support,
                Support::Supported,
                "{machines} {seed} {:?}",
                device.machine
            );
            ready += 1;
        }
        if !device.online {
            assert_ne!(
                device.machine.health_status, "Active",
                "{machines} {seed} {:?}",
                device.machine
            );
            let unseen = started().duration_since(device.machine.last_seen.parse().unwrap());
            assert!(
                unseen.as_hours() >= 24,
                "{machines} {seed} {:?}",
                device.machine
            );
        }
    }
    assert!(
        ready * 3 >= machines,
        "{ready} of {machines} with seed {seed}"
    );
}

#[test]
fn a_third_is_ready_and_nothing_else_looks_so() {
    for machines in (0..=40).chain([100, 900]) {
        for seed in [0, 1, 2, 42, u64::MAX] {
            assert_rule(machines, seed);
        }
    }
}

proptest! {
    #[test]
    fn a_third_is_ready_for_any_seed(machines in 1u32..100, seed: u64) {
        assert_rule(machines, seed);
    }
}

#[test]
fn the_same_seed_gives_the_same_fleet_and_another_does_not() {
    let rows = |machines, seed| {
        Fleet::new(machines, seed, started())
            .iter()
            .map(|d| d.row.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(rows(60, 1), rows(60, 1));
    assert_eq!(rows(60, 1)[..30], rows(30, 1));
    assert!(
        rows(60, 1)
            .iter()
            .zip(rows(60, 2))
            .all(|(one, other)| one["id"] != other["id"])
    );
}

#[test]
fn ids_and_names_are_fixed_for_ever() {
    let fleet = Fleet::new(3, 1, started());
    let known: Vec<_> = fleet
        .iter()
        .map(|d| (d.machine.id.as_str(), d.machine.computer_dns_name.as_str()))
        .collect();
    assert_eq!(
        known,
        [
            (
                "e36ea923124a3636b26069dfd79384eeaf195e5c",
                "ams-fin-00000.corp.contoso.test"
            ),
            (
                "ebf8a7a47d3541d4c8063c8c957cb0db772d55f4",
                "lis-ops-00001.corp.contoso.test"
            ),
            (
                "9305402469770445b88f70a5d06b4abebfe2c47f",
                "osl-it-00002.corp.contoso.test"
            ),
        ]
    );
}

#[test]
fn only_the_times_depend_on_the_start() {
    let [one, other] = [started(), Timestamp::UNIX_EPOCH].map(|started| Fleet::new(60, 1, started));
    for (one, other) in one.iter().zip(other.iter()) {
        for (name, value) in &one.row {
            assert_eq!(
                *value != other.row[name],
                ["firstSeen", "lastSeen"].contains(&name.as_str()),
                "{name}"
            );
        }
    }
}

#[test]
fn ids_are_unique_and_well_formed() {
    let fleet = Fleet::new(3_000, 9, started());
    let ids: HashSet<_> = fleet.iter().map(|device| &device.machine.id).collect();
    assert_eq!(ids.len(), 3_000);
    for id in ids {
        assert_eq!(id.len(), 40);
        assert!(
            id.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')),
            "{id}"
        );
        assert_eq!(fleet.by_id(id).unwrap().machine.id, *id);
    }
}

#[test]
fn the_default_fleet_has_one_of_each() {
    let fleet = Fleet::new(30, 1, started());
    let mut names = HashMap::<_, Vec<&Device>>::new();
    for device in fleet.iter() {
        names
            .entry(&device.machine.computer_dns_name)
            .or_default()
            .push(device);
    }
    let shared: Vec<_> = names
        .into_values()
        .filter(|records| records.len() > 1)
        .collect();
    assert!(shared.iter().any(|records| records.len() == 2));
    assert!(shared.iter().any(|records| records.len() == 3));
    for records in shared {
        let (last, replaced) = records.split_last().unwrap();
        assert!(says_ready(&last.row));
        assert!(
            replaced
                .iter()
                .all(|device| device.machine.last_seen < last.machine.first_seen)
        );
        assert!(
            replaced
                .iter()
                .all(|device| device.machine.health_status == "Inactive")
        );
        assert!(
            replaced
                .iter()
                .all(|device| device.machine.aad_device_id == last.machine.aad_device_id)
        );
        assert_eq!(
            fleet
                .by_name(&last.machine.computer_dns_name)
                .unwrap()
                .machine
                .id,
            last.machine.id
        );
    }

    let has = |what: fn(&Device) -> bool| fleet.iter().any(what);
    for health in ["Inactive", "ImpairedCommunication", "NoSensorData"] {
        assert!(
            fleet
                .iter()
                .any(|d| d.machine.health_status == health && !d.online),
            "{health}"
        );
    }
    for status in ["CanBeOnboarded", "InsufficientInfo", "Unsupported"] {
        assert!(
            fleet.iter().any(|d| d.machine.onboarding_status == status),
            "{status}"
        );
    }
    for platform in ["iOS", "Android"] {
        assert!(
            fleet
                .iter()
                .any(|d| d.machine.os_platform == platform && d.support == Support::Platform)
        );
    }
    assert!(has(|d| d.machine.os_platform == "macOS"
        && d.support == Support::Supported
        && d.online));
    assert!(has(
        |d| d.machine.os_platform == "macOS" && d.support == Support::ClientVersion
    ));
    assert!(has(
        |d| d.machine.os_platform == "Windows10" && d.support == Support::ClientVersion
    ));
    assert!(has(
        |d| d.machine.os_platform == "Windows7" || d.machine.os_platform == "WindowsXp"
    ));
    assert!(has(|d| matches!(
        &*d.machine.os_platform,
        "Linux" | "Ubuntu" | "CentOS"
    ) && d.support == Support::Supported
        && d.online));
}
