//! Which machines can be offboarded, according to their records.

use crate::machine::Machine;

/// Whether an offboarding of a machine is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Support {
    Supported,
    /// The operating system can't be offboarded by the API.
    Platform,
    /// A later version of the operating system could be.
    ClientVersion,
}

/// The matrix of Microsoft's API documentation of August 2026: Windows 10 from 1703, Windows
/// 11, Windows Server from 2012 R2, macOS from 14, Linux. It is assumed that servers run the
/// unified agent: no property shows it.
pub(crate) fn support(machine: &Machine) -> Support {
    if machine.onboarding_status == "Unsupported" {
        return Support::Platform;
    }
    let recent = match machine.os_platform.as_str() {
        "Windows10" | "Windows10WVD" => windows_10_since_1703(&machine.version),
        "macOS" => major(&machine.version).is_some_and(|major| major >= 14),
        "Windows11"
        | "WindowsServer2012R2"
        | "WindowsServer2016"
        | "WindowsServer2019"
        | "WindowsServer2022"
        | "WindowsServer2025"
        | "Linux"
        | "Ubuntu"
        | "CentOS" => true,
        _ => return Support::Platform,
    };
    if recent {
        Support::Supported
    } else {
        Support::ClientVersion
    }
}

/// Versions had four digits until `2004`; since then they are like `20H2`.
fn windows_10_since_1703(version: &str) -> bool {
    version.contains('H') || version.parse::<u32>().is_ok_and(|version| version >= 1703)
}

fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::fleet::Fleet;

    #[test]
    fn the_documented_matrix() {
        let fleet = Fleet::new(1, 1, Timestamp::UNIX_EPOCH);
        let Some(device) = fleet.iter().next() else {
            panic!("an empty fleet")
        };
        for (platform, version, expected) in [
            ("Windows11", "23H2", Support::Supported),
            ("Windows10", "1703", Support::Supported),
            ("Windows10", "2004", Support::Supported),
            ("Windows10", "20H2", Support::Supported),
            ("Windows10", "1607", Support::ClientVersion),
            ("Windows10", "1507", Support::ClientVersion),
            ("Windows10", "", Support::ClientVersion),
            ("Windows10WVD", "22H2", Support::Supported),
            ("macOS", "14.0", Support::Supported),
            ("macOS", "26.1", Support::Supported),
            ("macOS", "13.7", Support::ClientVersion),
            ("Linux", "", Support::Supported),
            ("Ubuntu", "24.4", Support::Supported),
            ("WindowsServer2012R2", "Other", Support::Supported),
            ("WindowsServer2025", "24H2", Support::Supported),
            ("Windows7", "Other", Support::Platform),
            ("WindowsXp", "Other", Support::Platform),
            ("iOS", "17.5", Support::Platform),
            ("Android", "14.0", Support::Platform),
            ("SomethingNew", "1", Support::Platform),
        ] {
            let machine = Machine {
                os_platform: platform.to_owned(),
                version: version.to_owned(),
                ..device.machine.clone()
            };
            assert_eq!(support(&machine), expected, "{platform} {version}");
            let unsupported = Machine {
                onboarding_status: "Unsupported".to_owned(),
                ..machine
            };
            assert_eq!(
                support(&unsupported),
                Support::Platform,
                "{platform} {version}"
            );
        }
    }
}
