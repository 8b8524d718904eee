//! Machines, as the service writes them.

use crate::{
    json::Members,
    types::{IpAddress, Machine},
};

/// Reads one machine.
///
/// # Errors
/// It is not a JSON object with an `id`. The error is a message.
pub fn parse(text: &str) -> Result<Machine, String> {
    let members = Members::parse(text).map_err(|error| format!("not a machine: {error}"))?;
    let id = members
        .text("id")
        .filter(|id| !id.is_empty())
        .ok_or_else(|| "not a machine: it has no id".to_owned())?;
    Ok(Machine {
        id: id.to_ascii_lowercase(),
        computer_dns_name: members.text("computerDnsName"),
        first_seen: members.text("firstSeen"),
        last_seen: members.text("lastSeen"),
        os_platform: members.text("osPlatform"),
        version: members.text("version"),
        os_build: members.integer("osBuild"),
        os_architecture: members
            .text("osArchitecture")
            .or_else(|| members.text("osProcessor")),
        onboarding_status: members.text("onboardingStatus"),
        health_status: members.text("healthStatus"),
        last_ip_address: members.text("lastIpAddress"),
        last_external_ip_address: members.text("lastExternalIpAddress"),
        ip_addresses: members
            .array("ipAddresses")
            .iter()
            .filter_map(|raw| Members::parse(raw.get()).ok())
            .map(|address| IpAddress {
                address: address.text("ipAddress"),
                mac_address: address.text("macAddress"),
                operational_status: address.text("operationalStatus"),
            })
            .collect(),
        rbac_group_id: members.text("rbacGroupId"),
        rbac_group_name: members.text("rbacGroupName"),
        risk_score: members.text("riskScore"),
        exposure_level: members.text("exposureLevel"),
        device_value: members.text("deviceValue"),
        aad_device_id: members.text("aadDeviceId"),
        machine_tags: members
            .array("machineTags")
            .iter()
            .filter_map(|raw| serde_json::from_str(raw.get()).ok())
            .collect(),
        agent_version: members.text("agentVersion"),
        merged_into_machine_id: members.text("mergedIntoMachineId"),
        is_potential_duplication: members.get("isPotentialDuplication"),
        is_excluded: members.get("isExcluded"),
        json: text.trim().to_owned(),
    })
}
