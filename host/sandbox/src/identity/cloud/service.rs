//! A service: the API host, sign-in authority and token resource of one connection,
//! chosen so that they belong to one cloud.

use thiserror::Error;
use url::Url;

use super::catalog::{
    COMMERCIAL, Cloud, Region, clouds_of_api, clouds_of_authority, clouds_of_resource, is_xdr,
};
use crate::{Keyword, contract::ApiRoot};

/// API host, authority and resource of one cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Service {
    /// The API's origin.
    pub api_root: ApiRoot,
    /// The issuer of tokens: the origin of Entra ID, with `https`.
    pub authority: Url,
    /// The resource that tokens are requested for; their audience.
    pub resource: String,
}

/// The issuer of a connection's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Issuer {
    /// Unknown: the caller supplied the token.
    Unknown,
    /// The service's authority.
    Authority,
    /// Azure, regardless of the configured authority: a managed identity or the Azure
    /// CLI.
    Azure,
}

/// The configured parts of a [`Service`]; the cloud supplies the others.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// The cloud. Commercial if no other part determines it.
    pub cloud: Option<Cloud>,
    /// The region of the commercial cloud.
    pub region: Option<Region>,
    /// An API origin other than the cloud's.
    pub api_root: Option<ApiRoot>,
    /// An authority other than the cloud's.
    pub authority: Option<Url>,
    /// A resource other than the cloud's.
    pub resource: Option<String>,
    /// API hosts, in lower case, that may get Microsoft tokens although they are not
    /// listed as hosts of Defender for Endpoint.
    pub allowed_hosts: Vec<String>,
}

/// Why a choice does not select a service.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChoiceError {
    /// Only the commercial cloud has regions.
    #[error("the cloud {0} has no regions: remove the region")]
    Region(Cloud),
    /// Both a region and another API host.
    #[error("a region and an API root select two hosts: remove one of them")]
    TwoHosts,
    /// Parts of different clouds.
    #[error("these belong to different clouds: {}", .0.join(", "))]
    Mixed(Vec<String>),
    /// The authority is not an origin.
    #[error(
        "an authority has only the scheme https and a host, such as \
         https://login.microsoftonline.com; the tenant is a separate setting: {0}"
    )]
    Authority(String),
    /// The resource is the audience of another API.
    #[error(
        "{0} is the audience of the Defender XDR API, and Defender for Endpoint answers such a \
         token with 403: the resource is https://api.securitycenter.microsoft.com, also for the \
         newer hosts"
    )]
    Resource(String),
    /// A Microsoft token would be sent to an unlisted host.
    #[error("{0} is not a listed host of Defender for Endpoint, and would get a token of {1}")]
    UnknownHost(String, String),
}

impl Choice {
    /// The chosen service, for tokens of this issuer.
    ///
    /// # Errors
    /// The parts belong to different clouds, or a Microsoft token would be sent to a
    /// host that is neither listed nor allowed.
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

    /// The cloud that all parts can belong to. An unlisted part, such as the user's own
    /// host, fits every cloud.
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

    /// Rejects Microsoft tokens for hosts other than Defender's own, unless the user allows
    /// the host.
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
        if known || allowed.any(|allowed| bare(allowed) == bare(&host)) {
            Ok(())
        } else {
            Err(ChoiceError::UnknownHost(host, of.to_owned()))
        }
    }
}

/// An authority is an origin. The tenant is a separate setting.
fn origin(mut authority: Url) -> Result<Url, ChoiceError> {
    // A trailing dot (the DNS root) does not make it another host.
    if let Some(host) = authority.host_str().and_then(|host| host.strip_suffix('.')) {
        let host = host.to_owned();
        let _ = authority.set_host(Some(&host));
    }
    let bare = authority.username().is_empty()
        && authority.password().is_none()
        && authority.query().is_none()
        && authority.fragment().is_none()
        && authority.path() == "/";
    if authority.scheme() == "https" && authority.has_host() && bare {
        Ok(authority)
    } else {
        // Shown without a possible password.
        let mut shown = authority;
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        shown.set_query(None);
        shown.set_fragment(None);
        Err(ChoiceError::Authority(shown.to_string()))
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

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
