//! A search for machines: by id, URL, Entra device id, address, the beginning of a name, or a
//! name.

use std::{fmt, net::IpAddr, str::FromStr};

use super::{EntraDeviceId, InvalidReference, MachineReference, any_name, portal::is_url};
use crate::contract::{canonical_name, label};

/// What a user searches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MachineQuery {
    /// One machine, by its id or its device URL of the portal.
    Machine(MachineReference),
    /// The machines of a device in Entra ID.
    EntraDevice(EntraDeviceId),
    /// The machines that have or had this address.
    Address(IpAddr),
    /// The machines whose name begins with this text, regardless of case.
    Prefix(String),
    /// The machines with this name.
    Name(String),
}

impl FromStr for MachineQuery {
    type Err = InvalidReference;

    /// A name may be any text. A text that ends in `*` is the beginning of a name.
    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let text = text.trim();
        if is_url(text) {
            return text.parse().map(Self::Machine);
        }
        if let Ok(machine) = text.parse::<MachineReference>()
            && machine.id().is_some()
        {
            return Ok(Self::Machine(machine));
        }
        if let Ok(device) = text.parse() {
            return Ok(Self::EntraDevice(device));
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        match text.strip_suffix('*') {
            Some(prefix) => any_name(prefix).map(Self::Prefix),
            None => any_name(text).map(Self::Name),
        }
    }
}

impl fmt::Display for MachineQuery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine(machine) => write!(formatter, "the id {}", machine.target),
            Self::EntraDevice(device) => write!(formatter, "the Entra device id {device}"),
            Self::Address(address) => write!(formatter, "the address {address}"),
            Self::Prefix(prefix) => write!(formatter, "a name that begins with {prefix}"),
            Self::Name(name) => write!(formatter, "the name {name}"),
        }
    }
}

/// Names that resemble another one, the nearest first.
#[derive(Debug)]
pub struct NearestNames {
    wanted: Vec<char>,
    count: usize,
    /// Each with its distance.
    names: Vec<(usize, String)>,
}

impl NearestNames {
    /// At most `count` names that resemble this one.
    #[must_use]
    pub fn new(wanted: &str, count: usize) -> Self {
        Self {
            wanted: canonical_name(wanted).chars().collect(),
            count,
            names: Vec::new(),
        }
    }

    /// Considers a name.
    pub fn add(&mut self, name: &str) {
        let plain = canonical_name(name);
        // A label is compared with labels.
        let compared = if self.wanted.contains(&'.') {
            plain.as_str()
        } else {
            label(&plain)
        };
        let compared: Vec<char> = compared.chars().collect();
        let begins = self.wanted.len() >= 3 && compared.starts_with(&self.wanted);
        // A third of the name may differ.
        let most = self.wanted.len() / 3;
        let distance = if begins {
            Some(0)
        } else {
            distance(&self.wanted, &compared, most)
        };
        let Some(distance) = distance else {
            return;
        };
        let found = (distance, name.to_owned());
        if let Err(position) = self.names.binary_search(&found) {
            self.names.insert(position, found);
            self.names.truncate(self.count);
        }
    }

    /// The names.
    #[must_use]
    pub fn names(self) -> Vec<String> {
        self.names.into_iter().map(|(_, name)| name).collect()
    }
}

/// The number of letters to insert, remove, replace or swap with their neighbour; `None` if it
/// is more than `most`.
fn distance(one: &[char], other: &[char], most: usize) -> Option<usize> {
    if one.len().abs_diff(other.len()) > most {
        return None;
    }
    let mut rows: [Vec<usize>; 3] = [Vec::new(), Vec::new(), (0..=other.len()).collect()];
    for (at, letter) in one.iter().enumerate() {
        rows.rotate_left(1);
        let mut row = vec![at + 1];
        for (to, other_letter) in other.iter().enumerate() {
            let replaced = rows[1][to] + usize::from(letter != other_letter);
            let changed = replaced.min(rows[1][to + 1] + 1).min(row[to] + 1);
            let is_swapped =
                at > 0 && to > 0 && *letter == other[to - 1] && one[at - 1] == *other_letter;
            row.push(if is_swapped {
                changed.min(rows[0][to - 1] + 1)
            } else {
                changed
            });
        }
        rows[2] = row;
    }
    rows[2].last().copied().filter(|distance| *distance <= most)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn a_query_is_recognised_by_its_form() {
        let shown = |text: &str| text.parse::<MachineQuery>().unwrap().to_string();
        let url = format!("https://security.microsoft.com/machines/v2/{ID}/overview");
        for text in [ID, &ID.to_uppercase(), &url, &format!(" {ID}\n")] {
            assert_eq!(shown(text), format!("the id {ID}"));
        }
        for (text, query) in [
            (
                "{00000000-AAAA-4bbb-8ccc-dddddddddddd}",
                "the Entra device id 00000000-aaaa-4bbb-8ccc-dddddddddddd",
            ),
            ("10.0.0.1", "the address 10.0.0.1"),
            ("FE80::1", "the address fe80::1"),
            ("ams-*", "a name that begins with ams-"),
            ("Ada's phone / 2", "the name Ada's phone / 2"),
            ("10.0.0", "the name 10.0.0"),
        ] {
            assert_eq!(shown(text), query);
        }
        for text in ["", " ", "*", "https://example.com/x", "a\u{1b}b"] {
            assert!(text.parse::<MachineQuery>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_nearest_names_are_those_with_the_fewest_differences() {
        let nearest = |wanted: &str| {
            let mut nearest = NearestNames::new(wanted, 3);
            for name in [
                "ams-fin-00001.corp.test",
                "ams-fin-00012.corp.test",
                "AMS-FIN-00001.corp.test",
                "ams-fin-00001.corp.test",
                "zrh-dev-00001.corp.test",
                "pc-1",
            ] {
                nearest.add(name);
            }
            nearest.names()
        };
        let both = ["AMS-FIN-00001.corp.test", "ams-fin-00001.corp.test"];
        assert_eq!(nearest("asm-fin-00001")[..2], both);
        assert_eq!(nearest("ams-fin-0001.corp.test")[..2], both);
        assert_eq!(nearest("zrh-dev"), ["zrh-dev-00001.corp.test"]);
        assert!(nearest("printer-7").is_empty());
        assert!(nearest("x").is_empty());
    }
}
