//! The origin of the API: scheme, host and port, and nothing else.

use std::{fmt, str::FromStr};

use thiserror::Error;
use url::{Host, ParseError, Url};

/// The scheme of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Encrypted.
    Https,
    /// Plain text: for loopback only.
    Http,
}

/// The service's origin, for example `https://api.security.microsoft.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiRoot {
    scheme: Scheme,
    host: Host<String>,
    port: u16,
    origin: String,
}

/// Why a text is not the origin of an API. The error never holds a possible password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidApiRoot {
    /// Not a URL.
    #[error("not a URL: {0}")]
    NotAUrl(String),
    /// A host without a scheme.
    #[error("it has no scheme: write https:// before it")]
    NoScheme,
    /// Neither `https` nor `http`.
    #[error("the scheme {0:?} is not https")]
    Scheme(String),
    /// `http` to something that is not loopback.
    #[error("plain HTTP is allowed only to loopback addresses; {0} is not one")]
    Clear(String),
    /// A user name or password.
    #[error("an API root must not contain a user name or password")]
    UserInfo,
    /// A path, a query or a fragment.
    #[error("an API root must have only scheme, host and port: {0}")]
    Path(String),
}

impl Scheme {
    /// The name of the scheme in a URL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }
}

impl ApiRoot {
    /// The commercial cloud's global host (Microsoft's API documentation).
    pub const DEFAULT: &'static str = "https://api.security.microsoft.com";

    /// The origin as text, without a trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.origin
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host, in lower case and without brackets.
    #[must_use]
    pub fn host(&self) -> &Host<String> {
        &self.host
    }

    /// The port; the scheme's default if none was given.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the host is loopback by its name or address.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

impl FromStr for ApiRoot {
    type Err = InvalidApiRoot;

    fn from_str(text: &str) -> Result<Self, InvalidApiRoot> {
        let not_a_url = |reason: &str| InvalidApiRoot::NotAUrl(reason.to_owned());
        let url = Url::parse(text).map_err(|error| match error {
            ParseError::RelativeUrlWithoutBase => InvalidApiRoot::NoScheme,
            error => not_a_url(&error.to_string()),
        })?;
        let (scheme, default_port) = match url.scheme() {
            "https" => (Scheme::Https, 443),
            "http" => (Scheme::Http, 80),
            // `localhost:8080` would be a URL of the scheme `localhost`.
            _ if !text.contains("://") => return Err(InvalidApiRoot::NoScheme),
            other => return Err(InvalidApiRoot::Scheme(other.to_owned())),
        };
        if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
            return Err(InvalidApiRoot::UserInfo);
        }
        let host = url
            .host()
            .ok_or_else(|| not_a_url("it has no host"))?
            .to_owned();
        let port = url.port().unwrap_or(default_port);
        let origin = url.origin().ascii_serialization();
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidApiRoot::Path(origin));
        }
        if scheme == Scheme::Http && !is_loopback(&host) {
            return Err(InvalidApiRoot::Clear(host.to_string()));
        }
        Ok(Self {
            scheme,
            host,
            port,
            origin,
        })
    }
}

/// Whether a host is loopback by its name or address. `localhost` counts, because the address
/// that it resolves to is checked again before anything is sent.
pub(crate) fn is_loopback(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

impl fmt::Display for ApiRoot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.origin)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_origin_is_kept_in_one_form() {
        for (text, origin) in [
            (
                "https://api.security.microsoft.com",
                "https://api.security.microsoft.com",
            ),
            (
                "https://API.Security.Microsoft.com:443/",
                "https://api.security.microsoft.com",
            ),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080/", "http://[::1]:8080"),
            ("http://localhost", "http://localhost"),
        ] {
            assert_eq!(text.parse::<ApiRoot>().unwrap().as_str(), origin);
        }
    }

    #[test]
    fn anything_but_a_safe_origin_is_refused() {
        for text in [
            "",
            "api.security.microsoft.com",
            "ftp://api.security.microsoft.com",
            "http://api.security.microsoft.com",
            "http://10.0.0.1",
            "http://localhost.evil.test",
            "http://127.0.0.1.evil.test",
            "https://user@api.security.microsoft.com",
            "https://:pass@api.security.microsoft.com",
            "https://@api.security.microsoft.com",
            "https://api.security.microsoft.com/api",
            "https://api.security.microsoft.com/?a",
            "https://api.security.microsoft.com/#a",
        ] {
            assert!(text.parse::<ApiRoot>().is_err(), "{text:?} was taken");
        }
    }
}
