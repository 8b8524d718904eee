//! The digest of a plan.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::contract::{Comment, MachineId, Tag};

/// The SHA-256 of a plan, written as 64 hexadecimal digits in lower case.
///
/// It is the digest of this text in UTF-8, each line ended by a line feed:
///
/// ```text
/// offboard-plan/1
/// tenant ID
/// plugin SHA-256
/// tag "NAME"
/// MACHINE-ID "COMMENT"
/// ```
///
/// If machines are offboarded again, a line `again` follows the tag. The line of an order that
/// was sent before, with an unknown outcome, ends with ` resend`.
///
/// The tenant's id is in lower case, or `-` if the token does not name it. The tag is `-` if
/// there is none. Tag and comment are JSON strings, in which only `"`, `\` and control
/// characters are escaped. There is one line for each machine to which the run will send a
/// request, in the order of the list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PlanDigest([u8; 32]);

/// Why a text is not a plan's digest.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a plan's digest has 64 hexadecimal digits")]
pub struct InvalidPlanDigest;

/// Computes the digest of a plan, one machine after the other.
///
/// # Examples
/// ```
/// use offboard::plan::PlanHasher;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut plan = PlanHasher::new(None, &"0".repeat(64), None);
/// plan.add(
///     &"e36ea923124a3636b26069dfd79384eeaf195e5c".parse()?,
///     &"Retired".parse()?,
/// );
/// assert_eq!(plan.finish().to_string().len(), 64);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PlanHasher(Sha256);

impl PlanHasher {
    /// Starts the digest for this tenant, plugin (its SHA-256 in hexadecimal digits) and tag.
    #[must_use]
    pub fn new(tenant: Option<&str>, plugin_sha256: &str, tag: Option<&Tag>) -> Self {
        let tenant = tenant.map_or_else(|| "-".to_owned(), str::to_lowercase);
        let tag = tag.map_or_else(|| "-".to_owned(), |tag| quoted(tag.as_str()));
        let plugin = plugin_sha256.to_ascii_lowercase();
        let head = format!("offboard-plan/1\ntenant {tenant}\nplugin {plugin}\ntag {tag}\n");
        Self(Sha256::new_with_prefix(head))
    }

    /// Records that the run offboards machines again that were offboarded before. Call it
    /// before the first machine is added.
    pub fn again(&mut self) {
        self.0.update("again\n");
    }

    /// Adds the next machine of the list, whose order was sent before, with an unknown
    /// outcome.
    pub fn add_resend(&mut self, machine: &MachineId, comment: &Comment) {
        let machine = machine.as_str().to_ascii_lowercase();
        let line = format!("{machine} {} resend\n", quoted(comment.as_str()));
        self.0.update(line);
    }

    /// The next machine of the list, with its comment.
    pub fn add(&mut self, machine: &MachineId, comment: &Comment) {
        let machine = machine.as_str().to_ascii_lowercase();
        let line = format!("{machine} {}\n", quoted(comment.as_str()));
        self.0.update(line);
    }

    /// The digest of everything that was added.
    #[must_use]
    pub fn finish(self) -> PlanDigest {
        PlanDigest(self.0.finalize().into())
    }
}

/// Escapes a text. A line break in an old record's comment must not look like another machine.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl fmt::Display for PlanDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for PlanDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PlanDigest({self})")
    }
}

impl FromStr for PlanDigest {
    type Err = InvalidPlanDigest;

    fn from_str(text: &str) -> Result<Self, InvalidPlanDigest> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidPlanDigest);
        }
        let mut digest = [0; 32];
        for (byte, at) in digest.iter_mut().zip((0..64).step_by(2)) {
            let digits = text.get(at..at + 2).ok_or(InvalidPlanDigest)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| InvalidPlanDigest)?;
        }
        Ok(Self(digest))
    }
}

impl Serialize for PlanDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PLUGIN: &str = "00000000000000000000000000000000000000000000000000000000000000aa";
    const ONE: &str = "e36ea923124a3636b26069dfd79384eeaf195e5c";
    const OTHER: &str = "1111aaaa2222bbbb3333cccc4444dddd5555eeee";

    fn digest(
        tenant: Option<&str>,
        plugin: &str,
        tag: Option<&str>,
        orders: &[(&str, &str)],
    ) -> String {
        let tag = tag.map(|tag| tag.parse().unwrap());
        let mut plan = PlanHasher::new(tenant, plugin, tag.as_ref());
        for (machine, comment) in orders {
            plan.add(
                &machine.parse().unwrap(),
                &Comment::recorded(comment).unwrap(),
            );
        }
        plan.finish().to_string()
    }

    #[test]
    fn the_digest_is_that_of_the_documented_text() {
        let text = format!(
            "offboard-plan/1\ntenant 7e4a\nplugin {PLUGIN}\ntag \"retired\"\n{ONE} \"Retired\"\n\
             {OTHER} \"say \\\"why\\\"\"\n"
        );
        let expected: String = Sha256::digest(text)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let orders = [(ONE, "Retired"), (OTHER, "say \"why\"")];
        assert_eq!(
            digest(Some("7E4A"), PLUGIN, Some("retired"), &orders),
            expected
        );
    }

    #[test]
    fn every_part_of_a_plan_changes_its_digest() {
        let orders = [(ONE, "a"), (OTHER, "b")];
        let plan = digest(Some("t"), PLUGIN, Some("x"), &orders);
        let others = [
            digest(None, PLUGIN, Some("x"), &orders),
            digest(Some("u"), PLUGIN, Some("x"), &orders),
            digest(Some("t"), &"0".repeat(64), Some("x"), &orders),
            digest(Some("t"), PLUGIN, None, &orders),
            digest(Some("t"), PLUGIN, Some("y"), &orders),
            digest(Some("t"), PLUGIN, Some("x"), &orders[..1]),
            digest(Some("t"), PLUGIN, Some("x"), &[(OTHER, "b"), (ONE, "a")]),
            digest(Some("t"), PLUGIN, Some("x"), &[(ONE, "a"), (OTHER, "c")]),
            // A line break must not make two machines of one.
            digest(
                Some("t"),
                PLUGIN,
                Some("x"),
                &[(ONE, &format!("a\"\n{OTHER} \"b"))],
            ),
        ];
        for other in others {
            assert_ne!(other, plan);
        }
    }

    /// The confirmation decides which machines may be offboarded twice, so the digest shows
    /// it.
    #[test]
    fn a_resend_and_a_repetition_change_the_digest() {
        let plan = || PlanHasher::new(None, PLUGIN, None);
        let (machine, comment) = (ONE.parse().unwrap(), "a".parse().unwrap());
        let mut once = plan();
        once.add(&machine, &comment);
        let mut resent = plan();
        resent.add_resend(&machine, &comment);
        let mut again = plan();
        again.again();
        again.add(&machine, &comment);
        let once = once.finish();
        assert_ne!(resent.finish(), once);
        assert_ne!(again.finish(), once);
    }

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        let plan = digest(None, PLUGIN, None, &[]);
        let parsed: PlanDigest = plan.parse().unwrap();
        assert_eq!(parsed.to_string(), plan);
        assert_eq!(
            plan.to_uppercase()
                .parse::<PlanDigest>()
                .unwrap()
                .to_string(),
            plan
        );
        for text in ["", "00", &"g".repeat(64), &"é".repeat(32), &"0".repeat(65)] {
            assert_eq!(text.parse::<PlanDigest>(), Err(InvalidPlanDigest));
        }
    }
}
