//! Which operating systems the service offboards by its API (Microsoft's documentation of
//! the offboard API, August 2026). The service decides: this is only for warnings.

/// The operating systems that the service offboards, in words.
pub const SUPPORTED: &str = "Windows 10 version 1703 or later, Windows 11, Windows Server 2019 or later, \
    Windows Server 2012 R2 and 2016 with the unified agent, macOS 14 or later, and Linux";

/// The first supported version of Windows 10.
const WINDOWS_10: u32 = 1703;

/// The first supported version of macOS.
const MACOS: u32 = 14;

/// The beginnings of the platforms that no version is supported of.
const UNSUPPORTED: [&str; 9] = [
    "Windows7",
    "Windows8",
    "WindowsVista",
    "WindowsXp",
    "WindowsServer2003",
    "WindowsServer2008",
    "iOS",
    "Android",
    "ChromeOS",
];

/// Why the service may not offboard a machine with this platform and version (`osPlatform`
/// and `version` of the API); `None` if nothing speaks against it, as for a platform that
/// is not known here.
///
/// ```
/// use offboard::platform::doubt;
///
/// assert!(doubt("Windows10", Some("1607")).is_some());
/// assert_eq!(doubt("Windows10", Some("22H2")), None);
/// ```
#[must_use]
pub fn doubt(platform: &str, version: Option<&str>) -> Option<String> {
    let is = |name: &str| begins_with(platform, name);
    if UNSUPPORTED.iter().any(|name| is(name)) || is_server_2012(platform) {
        return Some(format!("{platform} is not among the supported systems"));
    }
    // The API does not report which agent a machine has.
    if is("WindowsServer2012R2") || is("WindowsServer2016") {
        return Some(format!(
            "{platform} is supported only with the unified agent, which the service does not report"
        ));
    }
    let number = version.and_then(leading_number);
    if is("Windows10") && number.is_some_and(|number| (1000..WINDOWS_10).contains(&number)) {
        let version = version.unwrap_or_default();
        return Some(format!(
            "{platform} {version} is not among the supported systems: Windows 10 is supported from \
             version {WINDOWS_10}"
        ));
    }
    if is("macOS") && number.is_none_or(|number| number < MACOS) {
        let version = version.unwrap_or("of unknown version");
        return Some(format!(
            "{platform} {version} may not be among the supported systems: macOS is supported from \
             version {MACOS}"
        ));
    }
    None
}

/// Whether a platform (`osPlatform` of the API) is a Windows server. The API does not report
/// which Linux machines are servers.
#[must_use]
pub fn is_server(platform: &str) -> bool {
    begins_with(platform, "WindowsServer")
}

/// Windows Server 2012 before R2.
fn is_server_2012(platform: &str) -> bool {
    begins_with(platform, "WindowsServer2012") && !begins_with(platform, "WindowsServer2012R2")
}

fn begins_with(platform: &str, name: &str) -> bool {
    let beginning = platform.get(..name.len());
    beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(name))
}

/// The number that a version begins with. `20H2` is 20, and no version of Windows 10 with
/// a letter is older than 1703.
fn leading_number(version: &str) -> Option<u32> {
    let end = version.find(|c: char| !c.is_ascii_digit());
    version[..end.unwrap_or(version.len())].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_that_the_service_does_not_offboard_is_doubted() {
        for (platform, version) in [
            ("Windows7", None),
            ("Windows8.1", None),
            ("WindowsServer2008R2", None),
            ("WindowsServer2012", None),
            ("WindowsXP", None),
            ("Windows10", Some("1507")),
            ("Windows10", Some("1607")),
            ("Windows10", Some("1607.14393")),
            ("Windows10WVD", Some("1511")),
            ("macOS", Some("13")),
            ("macOS", Some("13.6.1")),
            ("macOS", Some("10.15")),
            ("macos", Some("12")),
            ("iOS", Some("17.1")),
            ("Android", None),
        ] {
            let doubt = doubt(platform, version);
            let words = "among the supported systems";
            assert!(
                doubt.as_ref().is_some_and(|doubt| doubt.contains(words)),
                "{platform} {version:?}: {doubt:?}"
            );
        }
        let unknown = doubt("macOS", None).unwrap_or_default();
        assert!(unknown.contains("of unknown version"), "{unknown}");
        for server in ["WindowsServer2012R2", "WindowsServer2016"] {
            let doubt = doubt(server, Some("1607")).unwrap_or_default();
            assert!(doubt.contains("unified agent"), "{server}: {doubt}");
        }
    }

    #[test]
    fn a_supported_or_unknown_system_is_not_doubted() {
        for (platform, version) in [
            ("Windows10", None),
            ("Windows10", Some("1703")),
            ("Windows10", Some("1709")),
            ("Windows10", Some("20H2")),
            ("Windows10", Some("Other")),
            ("Windows10WVD", Some("21H2")),
            ("Windows11", Some("23H2")),
            ("WindowsServer2019", Some("1809")),
            ("WindowsServer2025", None),
            ("macOS", Some("14")),
            ("macOS", Some("15.1")),
            ("Linux", Some("7.9")),
            ("Ubuntu", Some("16.04")),
            ("", None),
            ("é", Some("é")),
        ] {
            assert_eq!(doubt(platform, version), None, "{platform} {version:?}");
        }
    }
}
