//! The users who have logged on to a machine, as the service reports them.

use serde::Serialize;

use crate::fleet::Device;

const DOMAIN: &str = "contoso";

/// A user, with the members of the service's metadata in their order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogonUser {
    /// Domain and name, as in Microsoft's API documentation.
    id: String,
    pub(crate) account_name: String,
    pub(crate) account_domain: &'static str,
    pub(crate) account_sid: String,
    first_seen: String,
    last_seen: String,
    most_prevalent_machine_id: String,
    least_prevalent_machine_id: String,
    logon_types: &'static str,
    log_on_machines_count: i64,
    is_domain_admin: bool,
    is_only_network_user: bool,
}

/// The users of a machine: one of its own, and an administrator on every fifth machine. Devices
/// that are not onboarded, and phones, report none.
pub(crate) fn logon_users(device: &Device) -> Vec<LogonUser> {
    let platform = device.machine.os_platform.as_str();
    if !device.is_onboarded() || matches!(platform, "iOS" | "Android") {
        return Vec::new();
    }
    let own = user(device, format!("user{:05}", device.index), false);
    let administrator = device
        .index
        .is_multiple_of(5)
        .then(|| user(device, "admin".to_owned(), true));
    std::iter::once(own).chain(administrator).collect()
}

fn user(device: &Device, name: String, administers: bool) -> LogonUser {
    let machine = &device.machine;
    let relative_id = if administers {
        500
    } else {
        1000 + u64::from(device.index)
    };
    LogonUser {
        id: format!("{DOMAIN}\\{name}"),
        account_name: name,
        account_domain: DOMAIN,
        account_sid: format!("S-1-5-21-1111111111-2222222222-3333333333-{relative_id}"),
        first_seen: machine.first_seen.clone(),
        last_seen: machine.last_seen.clone(),
        most_prevalent_machine_id: machine.id.clone(),
        least_prevalent_machine_id: machine.id.clone(),
        logon_types: if administers {
            "RemoteInteractive"
        } else {
            "Interactive"
        },
        log_on_machines_count: 1,
        is_domain_admin: administers,
        is_only_network_user: false,
    }
}
