//! The clouds: each one consistent set of API host, sign-in authority and token
//! resource (Microsoft's documentation for government customers and of its API
//! hosts). A set whose parts belong to different clouds would sign in at one
//! and be refused at the other, or hand one cloud's token to the other.

use std::fmt;

use thiserror::Error;
use url::{Host, Url};

use crate::{Keyword, contract::ApiRoot};

/// A cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cloud {
    /// Commercial
    Commercial,
    /// US Government Community Cloud; its tenants on the commercial service use `commercial`
    Gcc,
    /// US Government GCC High
    GccHigh,
    /// US Department of Defense
    Dod,
}

/// A region of the commercial cloud. A hint that saves time on the way; every
/// region answers for every tenant.
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
    /// Named by Microsoft without its place
    Aea,
}

/// Whom a token is from, for and meant to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Service {
    /// The API's origin.
    pub api_root: ApiRoot,
    /// Where tokens come from: the origin of Entra ID, by `https`.
    pub authority: Url,
    /// What the token is for; its audience.
    pub resource: String,
}

/// Who gives out the tokens of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Issuer {
    /// Nobody knows: a token that is there already.
    Unknown,
    /// The service's authority.
    Authority,
    /// Azure, whatever the authority is said to be: a managed identity, or the
    /// Azure CLI.
    Azure,
}

/// What was chosen of a [`Service`]; the cloud gives the rest.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// The cloud, commercial where nothing else is known.
    pub cloud: Option<Cloud>,
    /// The region of the commercial cloud.
    pub region: Option<Region>,
    /// Another API than the cloud's.
    pub api_root: Option<ApiRoot>,
    /// Another authority than the cloud's.
    pub authority: Option<Url>,
    /// Another resource than the cloud's.
    pub resource: Option<String>,
    /// API hosts, in lower case, that get tokens though nobody knows them.
    pub allowed_hosts: Vec<String>,
}

/// Why a choice is no service.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChoiceError {
    /// Regions are the commercial cloud's.
    #[error("the cloud {0} has no regions: leave the region out")]
    Region(Cloud),
    /// A region's host and another one.
    #[error("a region and an API root are two hosts: leave one of them out")]
    TwoHosts,
    /// Parts of different clouds.
    #[error("these belong to different clouds: {}", .0.join(", "))]
    Mixed(Vec<String>),
    /// Not an authority.
    #[error(
        "an authority is https and a host alone, as https://login.microsoftonline.com, and the \
         tenant a setting of its own: {0}"
    )]
    Authority(String),
    /// The audience of another API.
    #[error(
        "{0} is the audience of the Defender XDR API, and Defender for Endpoint answers such a \
         token with 403: the resource is https://api.securitycenter.microsoft.com, also for the \
         newer hosts"
    )]
    Resource(String),
    /// A host that nobody knows would get a token of Microsoft's.
    #[error(
        "{0} is no known host of Defender for Endpoint, and a token of {1} would go there: if \
         that is right, allow it with --allow-api-host {0}"
    )]
    UnknownHost(String, String),
}

/// The commercial resource, also for the newer hosts (Microsoft's API
/// documentation).
pub const RESOURCE: &str = "https://api.securitycenter.microsoft.com";

/// The Defender XDR API's audience. Defender for Endpoint answers it with 403.
const XDR: &str = "https://api.security.microsoft.com";

const COMMERCIAL: &[Cloud] = &[Cloud::Commercial];
const GCC: &[Cloud] = &[Cloud::Gcc];
/// They share everything.
const HIGH: &[Cloud] = &[Cloud::GccHigh, Cloud::Dod];
const WORLDWIDE: &[Cloud] = &[Cloud::Commercial, Cloud::Gcc];
const GOVERNMENT: &[Cloud] = &[Cloud::Gcc, Cloud::GccHigh, Cloud::Dod];
/// A cloud that Defender for Endpoint's API is not documented for.
const OTHER: &[Cloud] = &[];

impl Cloud {
    fn api_host(self) -> &'static str {
        match self {
            Self::Commercial => "api.security.microsoft.com",
            Self::Gcc => "api-gcc.securitycenter.microsoft.us",
            Self::GccHigh | Self::Dod => "api-gov.securitycenter.microsoft.us",
        }
    }

    fn authority_host(self) -> &'static str {
        match self {
            Self::Commercial | Self::Gcc => "login.microsoftonline.com",
            Self::GccHigh | Self::Dod => "login.microsoftonline.us",
        }
    }

    /// The resource that is asked for first. For the government clouds it is
    /// unsourced: Microsoft does not document it, and of four public clients
    /// two or three use the API's own host.
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
            Self::Commercial => {}
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

/// Whether this authority is one of Microsoft's.
#[must_use]
pub fn is_microsoft(authority: &Url) -> bool {
    clouds_of_authority(authority).is_some()
}

impl Choice {
    /// The service that was chosen, for tokens of this issuer.
    ///
    /// # Errors
    /// Its parts belong to different clouds, or a token would go where nobody
    /// knows that it belongs.
    pub fn service(&self, issuer: Issuer) -> Result<Service, ChoiceError> {
        self.check_region()?;
        let authority = self.authority.clone().map(origin).transpose()?;
        if let Some(resource) = &self.resource
            && is_xdr(resource)
        {
            return Err(ChoiceError::Resource(resource.clone()));
        }
        let cloud = self.agreed(authority.as_ref())?;
        let api_root = match (&self.api_root, self.region) {
            (Some(root), _) => root.clone(),
            (None, Some(region)) => https(&format!("{}.{}", region.name(), cloud.api_host()))?,
            (None, None) => https(cloud.api_host())?,
        };
        let authority = match authority {
            Some(authority) => authority,
            None => authority_of(cloud.authority_host())?,
        };
        self.check_host(&api_root, &authority, issuer)?;
        let resource = self.resource.clone().unwrap_or_else(|| cloud.resource());
        Ok(Service {
            api_root,
            authority,
            resource,
        })
    }

    fn check_region(&self) -> Result<(), ChoiceError> {
        match (self.region, self.cloud) {
            (None, _) | (Some(_), None | Some(Cloud::Commercial)) => {}
            (Some(_), Some(cloud)) => return Err(ChoiceError::Region(cloud)),
        }
        match (self.region, &self.api_root) {
            (Some(_), Some(_)) => Err(ChoiceError::TwoHosts),
            _ => Ok(()),
        }
    }

    /// The cloud that all parts can belong to. What nobody knows, such as a
    /// host of a user's own, belongs to any.
    fn agreed(&self, authority: Option<&Url>) -> Result<Cloud, ChoiceError> {
        let mut clouds = Cloud::ALL.to_vec();
        let mut parts = Vec::new();
        let mut part = |name: String, of: Option<&[Cloud]>| {
            if let Some(of) = of {
                clouds.retain(|cloud| of.contains(cloud));
                parts.push(format!("{name} ({})", names(of)));
            }
        };
        if let Some(cloud) = &self.cloud {
            part(
                format!("the cloud {cloud}"),
                Some(std::slice::from_ref(cloud)),
            );
        }
        if let Some(region) = self.region {
            part(format!("the region {}", region.name()), Some(COMMERCIAL));
        }
        if let Some(root) = &self.api_root {
            part(format!("the API {root}"), clouds_of_api(root.host()));
        }
        if let Some(authority) = authority {
            let name = format!("the authority {}", authority.origin().ascii_serialization());
            part(name, clouds_of_authority(authority));
        }
        if let Some(resource) = &self.resource {
            part(
                format!("the resource {resource}"),
                clouds_of_resource(resource),
            );
        }
        clouds.first().copied().ok_or(ChoiceError::Mixed(parts))
    }

    /// A token of Microsoft's goes to Defender's own hosts, unless the user
    /// names another.
    fn check_host(
        &self,
        api_root: &ApiRoot,
        authority: &Url,
        issuer: Issuer,
    ) -> Result<(), ChoiceError> {
        let of = match issuer {
            Issuer::Unknown => return Ok(()),
            Issuer::Authority if clouds_of_authority(authority).is_none() => return Ok(()),
            Issuer::Authority => authority.host_str().unwrap_or_default(),
            Issuer::Azure => "Azure",
        };
        let bare = |host: &str| host.trim_matches(['[', ']']).to_ascii_lowercase();
        let host = api_root.host().to_string();
        let known = clouds_of_api(api_root.host()).is_some();
        let mut allowed = self.allowed_hosts.iter();
        match known || allowed.any(|allowed| bare(allowed) == bare(&host)) {
            true => Ok(()),
            false => Err(ChoiceError::UnknownHost(host, of.to_owned())),
        }
    }
}

/// The clouds that an API host serves; none where nobody knows it.
fn clouds_of_api(host: &Host<String>) -> Option<&'static [Cloud]> {
    let Host::Domain(host) = host else {
        return None;
    };
    const REGIONS: [&str; 7] = ["us", "eu", "uk", "au", "swa", "ina", "aea"];
    let regional = |region: Option<&str>| region.is_some_and(|region| REGIONS.contains(&region));
    // The first two generations named their regions in another way.
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

/// The clouds that an authority of Microsoft's signs in to; none where it is not
/// Microsoft's.
fn clouds_of_authority(authority: &Url) -> Option<&'static [Cloud]> {
    // All of these domains: a region's or a newer name of theirs is not taken
    // for a user's own authority, whose tokens may go anywhere.
    const DOMAINS: [(&str, &[Cloud]); 8] = [
        ("microsoftonline.com", WORLDWIDE),
        ("microsoft.com", WORLDWIDE),
        ("windows.net", WORLDWIDE),
        ("ciamlogin.com", WORLDWIDE),
        ("microsoftonline.us", HIGH),
        ("microsoft.us", HIGH),
        ("chinacloudapi.cn", OTHER),
        ("microsoftonline.cn", OTHER),
    ];
    let host = authority.host_str()?;
    let within = |domain: &str| {
        host.strip_suffix(domain)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let found = DOMAINS.iter().find(|(domain, _)| within(domain));
    found.map(|(_, clouds)| *clouds)
}

/// However it is spelled.
fn is_xdr(resource: &str) -> bool {
    let plain = |text: &str| {
        let url = Url::parse(text).ok()?;
        let host = url.host_str()?.trim_end_matches('.').to_owned();
        let path = url.path().trim_end_matches('/').to_owned();
        Some((host, url.port(), path))
    };
    plain(resource).is_some_and(|resource| Some(resource) == plain(XDR))
}

fn clouds_of_resource(resource: &str) -> Option<&'static [Cloud]> {
    match resource.trim_end_matches('/').to_ascii_lowercase().as_str() {
        "https://api.securitycenter.windows.com" => Some(COMMERCIAL),
        "https://api-gcc.securitycenter.microsoft.us" => Some(GCC),
        "https://api-gov.securitycenter.microsoft.us" => Some(HIGH),
        "https://securitycenter.onmicrosoft.com/windowsatpservice" => Some(WORLDWIDE),
        "https://securitycenter.onmicrosoft.us/windowsatpservice" => Some(GOVERNMENT),
        // The commercial one is used for every cloud by one public client.
        _ => None,
    }
}

/// An authority is an origin: the tenant is a setting of its own.
fn origin(mut authority: Url) -> Result<Url, ChoiceError> {
    // The root's dot makes it no other host.
    if let Some(host) = authority.host_str().and_then(|host| host.strip_suffix('.')) {
        let host = host.to_owned();
        let _ = authority.set_host(Some(&host));
    }
    let bare = authority.username().is_empty()
        && authority.password().is_none()
        && authority.query().is_none()
        && authority.fragment().is_none()
        && authority.path() == "/";
    match authority.scheme() == "https" && authority.has_host() && bare {
        true => Ok(authority),
        false => {
            // Without what may be a password.
            let mut shown = authority;
            let _ = shown.set_username("");
            let _ = shown.set_password(None);
            shown.set_query(None);
            shown.set_fragment(None);
            Err(ChoiceError::Authority(shown.to_string()))
        }
    }
}

fn authority_of(host: &str) -> Result<Url, ChoiceError> {
    Url::parse(&format!("https://{host}")).map_err(|_| ChoiceError::Authority(host.to_owned()))
}

fn https(host: &str) -> Result<ApiRoot, ChoiceError> {
    format!("https://{host}")
        .parse()
        .map_err(|_| ChoiceError::UnknownHost(host.to_owned(), String::new()))
}

fn names(clouds: &[Cloud]) -> String {
    match clouds {
        [] => "another cloud".to_owned(),
        clouds => {
            let names: Vec<&str> = clouds.iter().map(|cloud| cloud.name()).collect();
            names.join(" or ")
        }
    }
}

impl fmt::Display for Cloud {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
#[path = "cloud_tests.rs"]
mod tests;
