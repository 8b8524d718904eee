//! Microsoft's documented clouds: their API hosts, sign-in authorities and token resources.

use std::fmt;

use url::{Host, Url};

use crate::Keyword;

/// A cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cloud {
    /// Commercial
    Commercial,
    /// US Government Community Cloud. Tenants on the commercial service use commercial
    Gcc,
    /// US Government GCC High
    GccHigh,
    /// US Department of Defense
    Dod,
}

/// A region of the commercial cloud. A regional host reduces latency; every region answers for
/// every tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Region {
    /// United States
    Us,
    /// Europe
    Eu,
    /// United Kingdom
    Uk,
    /// Australia
    Au,
    /// Switzerland
    Swa,
    /// India
    Ina,
    /// A region whose location Microsoft does not document
    Aea,
}

/// The commercial resource, also for the newer hosts (Microsoft's API
/// documentation).
pub const RESOURCE: &str = "https://api.securitycenter.microsoft.com";

/// The resource of the first hosts, which older clients use.
const OLDER_RESOURCE: &str = "https://api.securitycenter.windows.com";

/// The application id of WindowsDefenderATP (unsourced: public clients agree on it).
const APPLICATION: &str = "fc780465-2017-40d4-a0c5-307022471b92";

/// The Defender XDR API's audience. Defender for Endpoint answers tokens for it with 403.
const XDR: &str = "https://api.security.microsoft.com";

pub(super) const COMMERCIAL: &[Cloud] = &[Cloud::Commercial];
const GCC: &[Cloud] = &[Cloud::Gcc];
/// The clouds that share all hosts.
const HIGH: &[Cloud] = &[Cloud::GccHigh, Cloud::Dod];
const WORLDWIDE: &[Cloud] = &[Cloud::Commercial, Cloud::Gcc];
const GOVERNMENT: &[Cloud] = &[Cloud::Gcc, Cloud::GccHigh, Cloud::Dod];
/// A cloud that Defender for Endpoint's API is not documented for.
const NO_DEFENDER_API: &[Cloud] = &[];

impl Cloud {
    pub(super) fn api_host(self) -> &'static str {
        match self {
            Self::Commercial => "api.security.microsoft.com",
            Self::Gcc => "api-gcc.securitycenter.microsoft.us",
            Self::GccHigh | Self::Dod => "api-gov.securitycenter.microsoft.us",
        }
    }

    pub(super) fn authority_host(self) -> &'static str {
        match self {
            Self::Commercial | Self::Gcc => "login.microsoftonline.com",
            Self::GccHigh | Self::Dod => "login.microsoftonline.us",
        }
    }

    /// The default resource. For the government clouds it is unsourced: Microsoft does not
    /// document it, and of four public clients two or three use the API's own host.
    #[must_use]
    pub fn resource(self) -> String {
        match self {
            Self::Commercial => RESOURCE.to_owned(),
            Self::Gcc | Self::GccHigh | Self::Dod => format!("https://{}", self.api_host()),
        }
    }

    /// Resources that public clients use for this cloud, the default first.
    #[must_use]
    pub fn resources(self) -> Vec<String> {
        let app = |domain| format!("https://securitycenter.{domain}/windowsatpservice");
        let mut resources = vec![self.resource()];
        match self {
            Self::Commercial => {
                let others = [OLDER_RESOURCE.to_owned(), app("onmicrosoft.com")];
                resources.extend(others.into_iter().chain([APPLICATION.to_owned()]));
            }
            Self::Gcc => resources.extend([RESOURCE.to_owned(), app("onmicrosoft.com")]),
            Self::GccHigh | Self::Dod => {
                resources.extend([RESOURCE.to_owned(), app("onmicrosoft.us")]);
            }
        }
        resources
    }
}

impl Keyword for Cloud {
    const ALL: &'static [Self] = &[Self::Commercial, Self::Gcc, Self::GccHigh, Self::Dod];

    fn name(self) -> &'static str {
        match self {
            Self::Commercial => "commercial",
            Self::Gcc => "gcc",
            Self::GccHigh => "gcc-high",
            Self::Dod => "dod",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Commercial => "Commercial",
            Self::Gcc => {
                "US Government Community Cloud. Tenants on the commercial service use commercial"
            }
            Self::GccHigh => "US Government GCC High",
            Self::Dod => "US Department of Defense",
        }
    }
}

impl Keyword for Region {
    const ALL: &'static [Self] = &[
        Self::Us,
        Self::Eu,
        Self::Uk,
        Self::Au,
        Self::Swa,
        Self::Ina,
        Self::Aea,
    ];

    /// The first label of the region's host.
    fn name(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Eu => "eu",
            Self::Uk => "uk",
            Self::Au => "au",
            Self::Swa => "swa",
            Self::Ina => "ina",
            Self::Aea => "aea",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Us => "United States",
            Self::Eu => "Europe",
            Self::Uk => "United Kingdom",
            Self::Au => "Australia",
            Self::Swa => "Switzerland",
            Self::Ina => "India",
            Self::Aea => "A region whose location Microsoft does not document",
        }
    }
}

/// Whether Microsoft runs this authority.
#[must_use]
pub fn is_microsoft(authority: &Url) -> bool {
    clouds_of_authority(authority).is_some()
}

/// The clouds that an API host serves; `None` for a host that is not Microsoft's.
pub(super) fn clouds_of_api(host: &Host<String>) -> Option<&'static [Cloud]> {
    let Host::Domain(host) = host else {
        return None;
    };
    const REGIONS: [&str; 7] = ["us", "eu", "uk", "au", "swa", "ina", "aea"];
    let regional = |region: Option<&str>| region.is_some_and(|region| REGIONS.contains(&region));
    // The first two generations of hosts used other region names.
    let older = |domain: &str| {
        host.strip_suffix(domain).is_some_and(|name| {
            name == "api" || matches!(name.strip_prefix("api-"), Some("us" | "eu" | "uk"))
        })
    };
    match host.as_str() {
        "api.security.microsoft.com" => Some(COMMERCIAL),
        "api-gcc.securitycenter.microsoft.us" => Some(GCC),
        "api-gov.securitycenter.microsoft.us" => Some(HIGH),
        _ if regional(host.strip_suffix(".api.security.microsoft.com")) => Some(COMMERCIAL),
        _ if older(".securitycenter.windows.com") => Some(COMMERCIAL),
        _ if older(".securitycenter.microsoft.com") => Some(COMMERCIAL),
        _ => None,
    }
}

/// The clouds of a Microsoft authority; `None` for any other authority.
pub(super) fn clouds_of_authority(authority: &Url) -> Option<&'static [Cloud]> {
    // Whole domains: a regional or newer name of Microsoft's must not be mistaken for
    // the user's own authority, whose tokens may be sent to any host.
    const DOMAINS: [(&str, &[Cloud]); 8] = [
        ("microsoftonline.com", WORLDWIDE),
        ("microsoft.com", WORLDWIDE),
        ("windows.net", WORLDWIDE),
        ("ciamlogin.com", WORLDWIDE),
        ("microsoftonline.us", HIGH),
        ("microsoft.us", HIGH),
        ("chinacloudapi.cn", NO_DEFENDER_API),
        ("microsoftonline.cn", NO_DEFENDER_API),
    ];
    let host = authority.host_str()?;
    let within = |domain: &str| {
        host.strip_suffix(domain)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let found = DOMAINS.iter().find(|(domain, _)| within(domain));
    found.map(|(_, clouds)| *clouds)
}

/// Compared regardless of the spelling.
pub(super) fn is_xdr(resource: &str) -> bool {
    let plain = |text: &str| {
        let url = Url::parse(text).ok()?;
        let host = url.host_str()?.trim_end_matches('.').to_owned();
        let path = url.path().trim_end_matches('/').to_owned();
        Some((host, url.port(), path))
    };
    plain(resource).is_some_and(|resource| Some(resource) == plain(XDR))
}

pub(super) fn clouds_of_resource(resource: &str) -> Option<&'static [Cloud]> {
    match resource.trim_end_matches('/').to_ascii_lowercase().as_str() {
        OLDER_RESOURCE => Some(COMMERCIAL),
        "https://api-gcc.securitycenter.microsoft.us" => Some(GCC),
        "https://api-gov.securitycenter.microsoft.us" => Some(HIGH),
        "https://securitycenter.onmicrosoft.com/windowsatpservice" => Some(WORLDWIDE),
        "https://securitycenter.onmicrosoft.us/windowsatpservice" => Some(GOVERNMENT),
        // One public client uses the commercial one for every cloud.
        _ => None,
    }
}

impl fmt::Display for Cloud {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
