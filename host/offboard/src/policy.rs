//! The user's policy: which machines are never offboarded, regardless of the caller. Pure: the
//! input is plain facts and the time, the output is an objection. Rules that need more than
//! the id object to a machine without known facts.

use std::{fmt, time::Duration};

use glob::Pattern;
use jiff::Timestamp;

use crate::contract::{MachineId, canonical_name, label};

/// The rules. Without any, every machine may be offboarded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Machines that are never offboarded.
    pub never: Vec<MachineId>,
    /// Excludes machines whose DNS name matches one of these patterns, regardless of case: `*`
    /// is any text, `?` any character. A pattern without a dot is matched with the first
    /// label.
    pub never_names: Vec<Pattern>,
    /// Excludes machines with one of these tags.
    pub never_tags: Vec<String>,
    /// Excludes machines of these device groups.
    pub never_groups: Vec<String>,
    /// Excludes machines with one of these values (`Normal`, `Low`, `High`).
    pub never_values: Vec<String>,
    /// Allows only machines with this tag.
    pub required_tag: Option<String>,
    /// Allows only machines that were not seen for this long.
    pub not_seen_for: Option<Duration>,
    /// At most this share of the fleet in one run, in percent, from 1 to 100.
    pub largest_share: Option<u8>,
}

/// The facts about a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its DNS name.
    pub name: Option<String>,
    /// Its tags; `None` if they are unknown.
    pub tags: Option<Vec<String>>,
    /// The name of its device group.
    pub group: Option<String>,
    /// Its value.
    pub value: Option<String>,
    /// When it last reported.
    pub last_seen: Option<Timestamp>,
}

/// Why a machine is not offboarded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Objection {
    /// The policy lists its id.
    Never,
    /// Its name matches this pattern.
    Name(String),
    /// It has this tag.
    Tag(String),
    /// It belongs to this group.
    Group(String),
    /// It has this value.
    Value(String),
    /// It lacks this tag.
    NoTag(String),
    /// It was last seen at this time, which is too recent.
    Seen(Timestamp, Duration),
    /// The fact that a rule needs is unknown.
    Unknown(&'static str),
    /// The number of machines in the run and in the fleet, whose ratio exceeds this share in
    /// percent.
    Share(u64, u64, u8),
    /// The size of the fleet is unknown, and a rule needs it.
    UnknownFleet,
}

impl Policy {
    /// Whether the policy has no rules.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The first rule that objects to offboarding this machine; `facts` is `None` if only its
    /// id is known.
    #[must_use]
    pub fn objection(
        &self,
        machine: &MachineId,
        facts: Option<&Facts>,
        now: Timestamp,
    ) -> Option<Objection> {
        if self.never.contains(machine) {
            return Some(Objection::Never);
        }
        let by_id_alone = Self {
            never: self.never.clone(),
            largest_share: self.largest_share,
            ..Self::default()
        };
        match facts {
            Some(facts) => self.against(facts, now),
            None if *self == by_id_alone => None,
            None => Some(Objection::Unknown("its data")),
        }
    }

    /// The objection to the number of machines in one run, given the size of the fleet if it
    /// is known.
    #[must_use]
    pub fn objection_to_share(&self, planned: u64, fleet: Option<u64>) -> Option<Objection> {
        let largest = self.largest_share?;
        match fleet {
            _ if planned == 0 => None,
            None => Some(Objection::UnknownFleet),
            Some(fleet) => {
                let is_more = planned.saturating_mul(100) > fleet.saturating_mul(largest.into());
                is_more.then_some(Objection::Share(planned, fleet, largest))
            }
        }
    }

    fn against(&self, facts: &Facts, now: Timestamp) -> Option<Objection> {
        self.against_name(facts)
            .or_else(|| self.against_tags(facts))
            .or_else(|| {
                of(&self.never_groups, facts.group.as_ref(), "its device group")
                    .map(Objection::group)
            })
            .or_else(|| {
                of(&self.never_values, facts.value.as_ref(), "its value").map(Objection::value)
            })
            .or_else(|| self.against_freshness(facts, now))
    }

    fn against_name(&self, facts: &Facts) -> Option<Objection> {
        if self.never_names.is_empty() {
            return None;
        }
        let Some(name) = &facts.name else {
            return Some(Objection::Unknown("its name"));
        };
        let name = canonical_name(name);
        // A pattern without a dot is matched with the first label, like every machine name.
        let fits = |written: &&Pattern| {
            let text = canonical_name(written.as_str());
            // The lower-case form of a valid pattern is valid.
            let pattern = Pattern::new(&text).unwrap_or_else(|_| (*written).clone());
            let is_label = !text.contains('.');
            pattern.matches(&name) || (is_label && pattern.matches(label(&name)))
        };
        let found = self.never_names.iter().find(fits);
        found.map(|pattern| Objection::Name(pattern.as_str().to_owned()))
    }

    fn against_tags(&self, facts: &Facts) -> Option<Objection> {
        if self.never_tags.is_empty() && self.required_tag.is_none() {
            return None;
        }
        let Some(held) = &facts.tags else {
            return Some(Objection::Unknown("which tags it has"));
        };
        let has = |tag: &String| held.iter().any(|held| same(held, tag));
        if let Some(tag) = self.never_tags.iter().find(|tag| has(tag)) {
            return Some(Objection::Tag(tag.clone()));
        }
        let missing = self.required_tag.as_ref().filter(|tag| !has(tag));
        missing.map(|tag| Objection::NoTag(tag.clone()))
    }

    fn against_freshness(&self, facts: &Facts, now: Timestamp) -> Option<Objection> {
        let least = self.not_seen_for?;
        let Some(seen) = facts.last_seen else {
            return Some(Objection::Unknown("when it was last seen"));
        };
        let unseen = Duration::try_from(now.duration_since(seen)).unwrap_or_default();
        (unseen < least).then_some(Objection::Seen(seen, least))
    }
}

/// The excluded text that matches, or an error if the fact is unknown.
fn of(
    never: &[String],
    found: Option<&String>,
    what: &'static str,
) -> Option<Result<String, &'static str>> {
    match found {
        _ if never.is_empty() => None,
        None => Some(Err(what)),
        Some(found) => never
            .iter()
            .find(|never| same(never, found))
            .map(|never| Ok(never.clone())),
    }
}

fn same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

impl Objection {
    fn group(found: Result<String, &'static str>) -> Self {
        found.map_or_else(Self::Unknown, Self::Group)
    }

    fn value(found: Result<String, &'static str>) -> Self {
        found.map_or_else(Self::Unknown, Self::Value)
    }
}

impl fmt::Display for Objection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Share(..) => "exceeds the policy's `largest-share`: ",
            Self::UnknownFleet => "the policy's `largest-share` cannot be checked: ",
            _ => "the policy excludes it: ",
        })?;
        match self {
            Self::Share(planned, fleet, largest) => write!(
                formatter,
                "{planned} of {fleet} machines are more than {largest} % of the fleet"
            ),
            Self::UnknownFleet => formatter.write_str("the size of the fleet is unknown"),
            Self::Never => formatter.write_str("it is listed in `never`"),
            Self::Name(pattern) => {
                write!(formatter, "its name matches {pattern:?} of `never-names`")
            }
            Self::Tag(tag) => write!(formatter, "it has the tag {tag:?} of `never-tags`"),
            Self::Group(group) => write!(formatter, "it is in {group:?} of `never-groups`"),
            Self::Value(value) => write!(formatter, "its value is {value:?} of `never-values`"),
            Self::NoTag(tag) => write!(formatter, "it lacks the tag {tag:?} of `required-tag`"),
            Self::Seen(seen, least) => write!(
                formatter,
                "it was seen at {seen}, and `not-seen-for` is {}",
                words_of(*least)
            ),
            Self::Unknown(what) => write!(formatter, "{what} is unknown, and a rule needs it"),
        }
    }
}

/// A duration in words, such as `30 days`: humantime writes `30days`.
fn words_of(duration: Duration) -> String {
    let text = humantime::format_duration(duration).to_string();
    let words = text.split(' ').map(|word| {
        let unit = word.trim_start_matches(|c: char| c.is_ascii_digit());
        let number = &word[..word.len() - unit.len()];
        // `5m` and `1h` are usual; whole words need a blank.
        if unit.len() > 2 {
            format!("{number} {unit}")
        } else {
            word.to_owned()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

impl std::error::Error for Objection {}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
