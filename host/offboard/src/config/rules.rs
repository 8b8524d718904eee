//! The policy in a profile.

use std::ffi::OsString;

use glob::Pattern;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value};

use super::{
    setting::{InvalidValue, Kind},
    value::SettingValue,
};
use crate::{contract::MachineId, mask, policy::Policy};

/// A policy in the syntax of the configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Rules {
    #[serde(deserialize_with = "texts")]
    never: Vec<MachineId>,
    #[serde(deserialize_with = "texts")]
    never_names: Vec<Pattern>,
    never_tags: Vec<String>,
    never_groups: Vec<String>,
    never_values: Vec<String>,
    required_tag: Option<String>,
    not_seen_for: Option<String>,
    largest_share: Option<u8>,
}

/// The values of a machine (Microsoft's API documentation).
const VALUES: [&str; 3] = ["Normal", "Low", "High"];

/// Reads a table of rules.
fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Policy, D::Error> {
    let rules = Rules::deserialize(deserializer)?;
    let blank = [&rules.never_tags, &rules.never_groups, &rules.never_values]
        .into_iter()
        .flatten()
        .chain(&rules.required_tag)
        .any(|word| word.trim().is_empty());
    let no_pattern = |pattern: &Pattern| pattern.as_str().trim().is_empty();
    if blank || rules.never_names.iter().any(no_pattern) {
        return Err(D::Error::custom(
            "an empty text in a policy excludes nothing",
        ));
    }
    let is_value = |word: &String| VALUES.iter().any(|value| value.eq_ignore_ascii_case(word));
    if let Some(word) = rules.never_values.iter().find(|word| !is_value(word)) {
        let values = VALUES.join(", ");
        return Err(D::Error::custom(format!("{word:?} is not one of {values}")));
    }
    let duration = |text: &String| {
        let invalid = |reason: &str| {
            D::Error::custom(format!(
                "not-seen-for must be a duration such as 30d: {reason}"
            ))
        };
        match humantime::parse_duration(text) {
            Ok(duration) if duration.is_zero() => Err(invalid("it must be above zero")),
            Ok(duration) => Ok(duration),
            Err(error) => Err(invalid(&error.to_string())),
        }
    };
    if let Some(share) = rules
        .largest_share
        .filter(|share| !(1..=100).contains(share))
    {
        let reason = format!("largest-share must be 1 to 100 percent of the fleet, not {share}");
        return Err(D::Error::custom(reason));
    }
    Ok(Policy {
        largest_share: rules.largest_share,
        not_seen_for: rules.not_seen_for.as_ref().map(duration).transpose()?,
        never: rules.never,
        never_names: rules.never_names,
        never_tags: rules.never_tags,
        never_groups: rules.never_groups,
        never_values: rules.never_values,
        required_tag: rules.required_tag,
    })
}

fn texts<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let texts = Vec::<String>::deserialize(deserializer)?;
    let parse = |text: &String| text.parse().map_err(D::Error::custom);
    texts.iter().map(parse).collect()
}

impl SettingValue for Policy {
    const KIND: Kind = Kind::Table;

    fn parse(_texts: &[OsString]) -> Result<Self, InvalidValue> {
        let reason = "a policy is a table of the configuration file";
        Err(InvalidValue(reason.to_owned()))
    }

    fn from_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }

    fn is_empty(&self) -> bool {
        Policy::is_empty(self)
    }

    fn shown(&self) -> Value {
        let never = self.never.iter().map(ToString::to_string);
        let names = self.never_names.iter().map(ToString::to_string);
        let mut rules = Map::new();
        for (name, words) in [
            ("never", never.collect()),
            ("neverNames", names.collect()),
            ("neverTags", self.never_tags.clone()),
            ("neverGroups", self.never_groups.clone()),
            ("neverValues", self.never_values.clone()),
        ] {
            let words: Vec<String> = words;
            if !words.is_empty() {
                let words = words.iter().map(|word| mask::value(word));
                rules.insert(name.to_owned(), words.collect());
            }
        }
        if let Some(tag) = &self.required_tag {
            rules.insert("requiredTag".to_owned(), mask::value(tag).into());
        }
        if let Some(least) = self.not_seen_for {
            let least = humantime::format_duration(least).to_string();
            rules.insert("notSeenFor".to_owned(), least.into());
        }
        if let Some(share) = self.largest_share {
            rules.insert("largestShare".to_owned(), share.into());
        }
        rules.into()
    }
}
