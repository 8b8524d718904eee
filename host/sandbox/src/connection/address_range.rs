//! The addresses that the user allows in addition to public ones.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;
use thiserror::Error;

/// An address, or a range of them: `10.1.2.3`, `10.0.0.0/8`, `fd00::/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange(IpNet);

/// A text that is neither an address nor a range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not an address or a range of addresses, such as 10.1.2.3 or 10.0.0.0/8")]
pub struct InvalidAddressRange;

/// All addresses and ranges that the user allows.
#[derive(Debug, Clone, Default)]
pub(crate) struct AllowedAddresses(Vec<AddressRange>);

impl AddressRange {
    fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address) || self.0.contains(&address.to_canonical())
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for AddressRange {
    type Err = InvalidAddressRange;

    fn from_str(text: &str) -> Result<Self, InvalidAddressRange> {
        text.parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map(Self)
            .map_err(|_| InvalidAddressRange)
    }
}

impl AllowedAddresses {
    pub(super) fn new(ranges: Vec<AddressRange>) -> Self {
        Self(ranges)
    }

    /// Whether the user allows this address.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(address))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn allowed_addresses_include_their_mapped_form() {
        let allowed = AllowedAddresses::new(vec![
            "10.0.0.0/8".parse().unwrap(),
            "fd00::1".parse().unwrap(),
        ]);
        for address in ["10.1.2.3", "::ffff:10.1.2.3", "fd00::1"] {
            assert!(allowed.contains(address.parse().unwrap()), "{address}");
        }
        for address in ["11.1.2.3", "192.168.0.1", "fd00::2", "::1"] {
            assert!(!allowed.contains(address.parse().unwrap()), "{address}");
        }
        for text in ["", "10", "10.0.0.0/33", "corp.test", "*"] {
            assert!(text.parse::<AddressRange>().is_err(), "{text}");
        }
    }
}
