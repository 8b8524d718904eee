//! The destination of a connection: scheme, host, port, and the addresses that the host
//! name may resolve to.

use std::net::IpAddr;

use url::Host;
#[cfg(feature = "identity")]
use url::Url;

use super::{address, address_range::AllowedAddresses};
use crate::contract::{ApiRoot, Scheme, is_loopback};

/// The destination of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    scheme: Scheme,
    host: Host<String>,
    port: u16,
    reach: Reach,
}

/// Which addresses a target may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// A service: a name may resolve to public addresses and to those that the user
    /// allowed. `http` is for loopback only.
    Service,
    /// An endpoint that the machine's environment names or Azure fixes, such as the metadata
    /// address: only that address, also with `http`, and never through a proxy. Only
    /// sign-in has such targets.
    #[cfg_attr(not(feature = "identity"), expect(dead_code))]
    Machine,
}

impl Target {
    /// The machine's own endpoint with this URL. `None` if the host is a name other
    /// than `localhost`, or a public address.
    #[cfg(feature = "identity")]
    pub(crate) fn machine(url: &Url) -> Option<Self> {
        let target = Self::read(url, Reach::Machine)?;
        let is_near = match &target.host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address::is_near(IpAddr::V4(*address)),
            Host::Ipv6(address) => address::is_near(IpAddr::V6(*address)),
        };
        is_near.then_some(target)
    }

    /// The service with this `https` URL.
    #[cfg(feature = "identity")]
    pub(crate) fn service(url: &Url) -> Option<Self> {
        Self::read(url, Reach::Service).filter(|target| target.scheme == Scheme::Https)
    }

    #[cfg(feature = "identity")]
    fn read(url: &Url, reach: Reach) -> Option<Self> {
        Some(Self {
            scheme: match url.scheme() {
                "https" => Scheme::Https,
                "http" => Scheme::Http,
                _ => return None,
            },
            host: url.host()?.to_owned(),
            port: url.port_or_known_default()?,
            reach,
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

    /// Host and port, in the form of `CONNECT` and `Host`.
    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Whether a proxy may be used.
    pub(super) fn takes_proxy(&self) -> bool {
        self.reach == Reach::Service && !is_loopback(&self.host)
    }

    /// Whether a connection may go to this address.
    pub(super) fn permits(&self, address: IpAddr, allowed: &AllowedAddresses) -> bool {
        match (&self.host, self.reach) {
            // The URL has an IP address: only that address is permitted.
            (Host::Ipv4(_) | Host::Ipv6(_), Reach::Service) => {
                self.scheme == Scheme::Https || address.is_loopback()
            }
            (Host::Ipv4(_) | Host::Ipv6(_), Reach::Machine) => address::is_near(address),
            (Host::Domain(name), _) if name == "localhost" => address.is_loopback(),
            (Host::Domain(_), Reach::Service) => {
                address::is_public(address) || allowed.contains(address)
            }
            (Host::Domain(_), Reach::Machine) => false,
        }
    }
}

impl From<&ApiRoot> for Target {
    fn from(api: &ApiRoot) -> Self {
        Self {
            scheme: api.scheme(),
            host: api.host().clone(),
            port: api.port(),
            reach: Reach::Service,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn permits(root: &str, address: &str, allowed: &[&str]) -> bool {
        let api: ApiRoot = root.parse().unwrap();
        let allowed = allowed.iter().map(|range| range.parse().unwrap());
        let allowed = AllowedAddresses::new(allowed.collect());
        Target::from(&api).permits(address.parse().unwrap(), &allowed)
    }

    #[test]
    fn a_name_never_leads_to_loopback_unless_it_is_localhost() {
        assert!(!permits("https://api.example.test", "127.0.0.1", &[]));
        assert!(permits("https://api.example.test", "20.50.0.1", &[]));
        assert!(permits("http://localhost:1", "127.0.0.1", &[]));
        assert!(!permits("http://localhost:1", "20.50.0.1", &[]));
        assert!(permits("http://127.0.0.1:1", "127.0.0.1", &[]));
    }

    #[test]
    fn a_private_address_is_used_if_the_user_allows_it() {
        let root = "https://api.example.test";
        assert!(permits(root, "10.1.2.3", &["10.1.0.0/16"]));
        assert!(!permits(root, "10.2.2.3", &["10.1.0.0/16"]));
        assert!(!permits("http://localhost:1", "10.1.2.3", &["0.0.0.0/0"]));
    }

    #[cfg(feature = "identity")]
    #[test]
    fn the_machine_s_own_endpoint_is_an_address_and_never_behind_a_proxy() {
        let machine = |url: &str| Target::machine(&url.parse().unwrap());
        let metadata = machine("http://169.254.169.254/metadata/identity/oauth2/token").unwrap();
        assert!(!metadata.takes_proxy());
        assert!(metadata.permits(
            "169.254.169.254".parse().unwrap(),
            &AllowedAddresses::default()
        ));
        assert!(machine("http://localhost:42356/msi/token").is_some());
        assert!(machine("http://10.1.2.3:8081/msi/token").is_some());
        for elsewhere in [
            "http://metadata.example.test/token",
            "http://20.50.0.1/token",
            "https://20.50.0.1/token",
            "http://[2603:1030::1]/token",
            "http://0.0.0.0/token",
        ] {
            assert_eq!(machine(elsewhere), None, "{elsewhere}");
        }
        assert_eq!(machine("ftp://169.254.169.254/"), None);
        let service = |url: &str| Target::service(&url.parse().unwrap());
        assert!(service("https://login.microsoftonline.com").is_some());
        assert_eq!(service("http://login.microsoftonline.com"), None);
        assert_eq!(service("http://127.0.0.1"), None);
    }
}
