//! Proxies, as the usual variables name them. A proxy sees where a connection
//! goes and how much passes, and nothing of what is said: TLS is with the
//! service itself.

use std::{env, fmt};

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use thiserror::Error;
use url::{Host, Url};

use crate::contract::{ApiRoot, Scheme};

/// An HTTP proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    scheme: Scheme,
    host: Host<String>,
    port: u16,
    authorization: Option<HeaderValue>,
}

/// A proxy that cannot be used. Never holds what was written, which may have a
/// password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the URL of an HTTP proxy, as http://proxy.example.com:3128")]
pub struct InvalidProxy;

impl Proxy {
    /// What `HTTPS_PROXY` or `ALL_PROXY` (in upper or lower case) says for this
    /// service, unless `NO_PROXY` or a loopback address exempts it.
    ///
    /// # Errors
    /// It is set to something else than an HTTP proxy.
    pub fn from_environment(api: &ApiRoot) -> Result<Option<Self>, InvalidProxy> {
        let first = |names: &[&str]| {
            names
                .iter()
                .filter_map(|name| env::var(name).ok())
                .find(|value| !value.trim().is_empty())
        };
        let proxy = first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]);
        let exempt = first(&["NO_PROXY", "no_proxy"]).unwrap_or_default();
        match proxy {
            Some(proxy) => Self::for_service(api, &proxy, &exempt),
            None => Ok(None),
        }
    }

    /// This proxy for this service, unless it is exempt.
    ///
    /// # Errors
    /// It is no HTTP proxy.
    pub fn for_service(
        api: &ApiRoot,
        proxy: &str,
        exempt: &str,
    ) -> Result<Option<Self>, InvalidProxy> {
        if api.is_loopback() {
            return Ok(None);
        }
        let service: Uri = api.as_str().parse().map_err(|_| InvalidProxy)?;
        let found = |exempt: &str| {
            let matcher = Matcher::builder().https(proxy).no(exempt).build();
            matcher.intercept(&service)
        };
        // Without exemptions first: what cannot be read must not look like
        // what is exempt, and go without the proxy.
        let proxy = Self::read(&found("").ok_or(InvalidProxy)?)?;
        Ok(found(exempt).is_some().then_some(proxy))
    }

    fn read(found: &Intercept) -> Result<Self, InvalidProxy> {
        // Read again: a port that is no number looks like none there.
        let url = Url::parse(&found.uri().to_string()).map_err(|_| InvalidProxy)?;
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(InvalidProxy),
        };
        Ok(Self {
            scheme,
            host: url.host().ok_or(InvalidProxy)?.to_owned(),
            port: url.port_or_known_default().ok_or(InvalidProxy)?,
            authorization: found.basic_auth().cloned(),
        })
    }

    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(crate) fn host(&self) -> &Host<String> {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The credential for the proxy, marked sensitive.
    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }
}

/// Without its credential.
impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme.as_str();
        write!(formatter, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Proxy({self})")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn found(root: &str, proxy: &str, exempt: &str) -> Result<Option<String>, InvalidProxy> {
        Proxy::for_service(&root.parse().unwrap(), proxy, exempt)
            .map(|proxy| proxy.map(|proxy| proxy.to_string()))
    }

    #[test]
    fn a_proxy_is_used_unless_the_service_is_exempt() {
        let root = "https://api.example.test";
        let proxy = Ok(Some("http://proxy.test:3128".to_owned()));
        assert_eq!(found(root, "http://proxy.test:3128", ""), proxy);
        assert_eq!(found(root, "proxy.test:3128", "other.test"), proxy);
        assert_eq!(
            found(root, "http://proxy.test:3128", "example.test"),
            Ok(None)
        );
        assert_eq!(found(root, "http://proxy.test:3128", "*"), Ok(None));
        for root in [
            "https://127.0.0.1:8443",
            "https://localhost:8443",
            "http://[::1]:80",
        ] {
            assert_eq!(
                found(root, "http://proxy.test:3128", ""),
                Ok(None),
                "{root}"
            );
        }
    }

    #[test]
    fn what_cannot_be_used_is_an_error_and_not_a_direct_connection() {
        for proxy in [
            "socks5://proxy.test:1080",
            "ftp://proxy.test",
            "http://",
            "http://proxy.test:99999",
            "http://user:word@proxy.test:word",
            "a b",
        ] {
            let refused = found("https://api.example.test", proxy, "*");
            assert_eq!(refused, Err(InvalidProxy), "{proxy}");
        }
    }

    #[test]
    fn the_password_is_never_printed() {
        let api = "https://api.example.test".parse().unwrap();
        let proxy = Proxy::for_service(&api, "http://user:hunter2@proxy.test:3128", "");
        let proxy = proxy.unwrap().unwrap();
        assert!(proxy.authorization().is_some());
        for text in [
            proxy.to_string(),
            format!("{proxy:?} {:?}", proxy.authorization()),
        ] {
            assert!(
                !text.contains("hunter2") && !text.contains("aHVudGVyMg"),
                "{text}"
            );
        }
    }
}
