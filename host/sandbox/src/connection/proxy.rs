//! Proxies, as the usual environment variables configure them. A proxy sees the
//! destination and the amount of data, but no content: TLS is with the service itself.

use std::{ffi::OsString, fmt};

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use thiserror::Error;
use url::{Host, Url};

use super::target::Target;
use crate::contract::Scheme;

/// An HTTP proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    scheme: Scheme,
    host: Host<String>,
    port: u16,
    authorization: Option<HeaderValue>,
}

/// Why a proxy cannot be used. The error never holds the configured value, which may
/// have a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidProxy {
    /// The value is not a URL of an HTTP proxy.
    #[error("not the URL of an HTTP proxy, such as http://proxy.example.com:3128")]
    Url,
    /// The value of this environment variable is not a URL of an HTTP proxy.
    #[error("{0} is not the URL of an HTTP proxy, such as http://proxy.example.com:3128")]
    Variable(&'static str),
    /// The variable is not UTF-8.
    #[error("{0} is not UTF-8")]
    NoText(&'static str),
}

/// The proxy in use, and the hosts that are exempt from it.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    proxy: Option<Proxy>,
    exempt: String,
    variable: Option<&'static str>,
}

impl Proxies {
    /// Reads `HTTPS_PROXY` or `ALL_PROXY` (in upper or lower case), and the exemptions
    /// in `NO_PROXY`. `value` returns a variable of the caller's environment.
    ///
    /// # Errors
    /// The variable is not the URL of an HTTP proxy, or is not UTF-8.
    pub fn from_variables(value: impl Fn(&str) -> Option<OsString>) -> Result<Self, InvalidProxy> {
        // A variable that is not UTF-8 is an error. If it were ignored, the connection
        // would bypass the proxy that the user configured.
        let text = |name: &&'static str| {
            let value = value(name)?.into_string();
            Some(value.map(|value| (*name, value)).map_err(|_| *name))
        };
        let first = |names: &[&'static str]| {
            let mut values = names.iter().filter_map(text);
            values
                .find(|value| !matches!(value, Ok((_, text)) if text.trim().is_empty()))
                .transpose()
                .map_err(InvalidProxy::NoText)
        };
        let proxy = first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])?;
        let exempt = first(&["NO_PROXY", "no_proxy"])?;
        let exempt = exempt.map_or_else(String::new, |(_, exempt)| exempt);
        let Some((name, proxy)) = proxy else {
            return Ok(Self::default());
        };
        let found = Self::new(&proxy, &exempt).map_err(|_| InvalidProxy::Variable(name))?;
        Ok(Self {
            variable: Some(name),
            ..found
        })
    }

    /// The proxy, and the environment variable that names it, if there is one.
    #[must_use]
    pub fn proxy(&self) -> Option<(&Proxy, Option<&'static str>)> {
        Some((self.proxy.as_ref()?, self.variable))
    }

    /// Uses this proxy for everything that is not exempt; `exempt` has the syntax of
    /// `NO_PROXY`.
    ///
    /// # Errors
    /// The text is not the URL of an HTTP proxy.
    pub fn new(proxy: &str, exempt: &str) -> Result<Self, InvalidProxy> {
        Ok(Self {
            proxy: Some(Proxy::read(proxy)?),
            exempt: exempt.to_owned(),
            variable: None,
        })
    }

    /// The proxy for a target. Loopback and the machine's own endpoints are reached
    /// directly.
    pub(super) fn for_target(&self, target: &Target) -> Option<&Proxy> {
        let proxy = self.proxy.as_ref()?;
        if !target.takes_proxy() {
            return None;
        }
        // Which proxy does not matter here, only whether there is one.
        let matcher = Matcher::builder()
            .https("http://proxy.invalid")
            .no(self.exempt.as_str())
            .build();
        // A host for which no URL can be built is not exempt.
        let Ok(uri) = format!("https://{}", target.authority()).parse::<Uri>() else {
            return Some(proxy);
        };
        matcher.intercept(&uri).map(|_| proxy)
    }
}

impl Proxy {
    pub(super) fn read(proxy: &str) -> Result<Self, InvalidProxy> {
        let found = Matcher::builder()
            .https(proxy)
            .build()
            .intercept(&Uri::from_static("https://service.invalid"))
            .ok_or(InvalidProxy::Url)?;
        // Parsed a second time, because the URI parser drops a port that is not a
        // number.
        let url = Url::parse(&found.uri().to_string()).map_err(|_| InvalidProxy::Url)?;
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(InvalidProxy::Url),
        };
        Ok(Self {
            scheme,
            host: url.host().ok_or(InvalidProxy::Url)?.to_owned(),
            port: url.port_or_known_default().ok_or(InvalidProxy::Url)?,
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

/// Displays the proxy without its credential.
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
    use crate::contract::ApiRoot;

    fn found(root: &str, proxy: &str, exempt: &str) -> Result<Option<String>, InvalidProxy> {
        let api: ApiRoot = root.parse().unwrap();
        let proxies = Proxies::new(proxy, exempt)?;
        let proxy = proxies.for_target(&Target::from(&api));
        Ok(proxy.map(ToString::to_string))
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
    fn an_invalid_proxy_is_an_error_and_not_a_direct_connection() {
        for proxy in [
            "socks5://proxy.test:1080",
            "ftp://proxy.test",
            "http://",
            "http://proxy.test:99999",
            "http://user:word@proxy.test:word",
            "a b",
        ] {
            let refused = found("https://api.example.test", proxy, "*");
            assert_eq!(refused, Err(InvalidProxy::Url), "{proxy}");
        }
    }

    #[test]
    fn the_proxy_variable_in_use_is_reported() {
        let found = |variables: &[(&str, &str)]| {
            Proxies::from_variables(|asked| {
                let value = variables.iter().find(|(name, _)| *name == asked);
                value.map(|(_, value)| value.into())
            })
        };
        let proxies = found(&[
            ("HTTPS_PROXY", ""),
            ("ALL_PROXY", "http://user:word@proxy.test:1"),
        ]);
        let proxies = proxies.unwrap();
        let (proxy, variable) = proxies.proxy().unwrap();
        assert_eq!(
            (proxy.to_string().as_str(), variable),
            ("http://proxy.test:1", Some("ALL_PROXY"))
        );
        let refused = found(&[("https_proxy", "socks5://user:hunter2@proxy.test")]);
        let refused = refused.unwrap_err();
        assert_eq!(refused, InvalidProxy::Variable("https_proxy"));
        assert!(!refused.to_string().contains("hunter2"), "{refused}");
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_not_utf_8_is_an_error_and_not_a_direct_connection() {
        use std::os::unix::ffi::OsStringExt;
        for (name, error) in [
            ("HTTPS_PROXY", true),
            ("https_proxy", true),
            ("ALL_PROXY", true),
            ("all_proxy", true),
            ("NO_PROXY", true),
            ("no_proxy", true),
            ("ANOTHER", false),
        ] {
            let bytes = b"http://proxy\xff.test:3128".to_vec();
            let value = OsString::from_vec(bytes);
            let found = Proxies::from_variables(|asked| match asked {
                asked if asked == name => Some(value.clone()),
                "HTTPS_PROXY" => Some(" ".into()),
                _ => None,
            });
            assert_eq!(found.is_err(), error, "{name}");
            if let Err(error) = found {
                assert!(error.to_string().starts_with(name), "{error}");
            }
        }
    }

    #[test]
    fn the_password_is_never_printed() {
        let proxy = Proxy::read("http://user:hunter2@proxy.test:3128").unwrap();
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
