//! Limits as a user writes them: `memory=64MiB`, `deadline=30s`, `handles=100`.

use std::{collections::BTreeMap, ffi::OsString};

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value};

use super::{
    setting::{InvalidValue, Kind},
    value::SettingValue,
};
use crate::sandbox::{Limit, Limits, Unit};

/// Limits that replace the defaults. If a limit is repeated, the last value is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitValues(pub Vec<(Limit, u64)>);

impl SettingValue for LimitValues {
    const KIND: Kind = Kind::Parsed;
    const IS_LIST: bool = true;

    fn parse(texts: &[OsString]) -> Result<Self, InvalidValue> {
        let parsed = texts.iter().map(|text| parse(&text.to_string_lossy()));
        let limits = parsed.collect::<Result<_, _>>();
        limits.map(Self).map_err(InvalidValue)
    }

    /// Reads a table. Its values have the same syntax as in text.
    fn from_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = BTreeMap::<String, toml::Value>::deserialize(deserializer)?;
        let parse = |(name, value): (&String, &toml::Value)| {
            let value = match value {
                toml::Value::String(text) => text.clone(),
                value => value.to_string(),
            };
            parse(&format!("{name}={value}")).map_err(D::Error::custom)
        };
        table.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn shown(&self) -> Value {
        shown(self.0.iter().copied())
    }
}

/// Limits with their values, in the syntax of the configuration file.
pub(super) fn shown(limits: impl Iterator<Item = (Limit, u64)>) -> Value {
    let limits = limits.map(|(limit, value)| {
        let value = format_limit(limit.unit(), value);
        (limit.name().to_owned(), value.into())
    });
    limits.collect::<Map<_, _>>().into()
}

fn parse(text: &str) -> Result<(Limit, u64), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("a limit has the form NAME=VALUE, such as memory=64MiB")?;
    let limit = Limit::ALL
        .into_iter()
        .find(|limit| limit.name() == name.trim())
        .ok_or_else(|| {
            let names: Vec<&str> = Limit::ALL.iter().map(|limit| limit.name()).collect();
            format!("unknown limit; the limits are {}", names.join(", "))
        })?;
    let value = amount(limit.unit(), value.trim())?;
    Limits::default()
        .set(limit, value)
        .map_err(|error| error.to_string())?;
    Ok((limit, value))
}

fn amount(unit: Unit, text: &str) -> Result<u64, String> {
    match unit {
        Unit::Milliseconds => {
            let duration = humantime::parse_duration(text)
                .map_err(|error| format!("a duration is required, such as 30s or 2m: {error}"))?;
            u64::try_from(duration.as_millis()).map_err(|error| error.to_string())
        }
        Unit::Bytes => parse_size::parse_size(text).map_err(|error| {
            format!("a number of bytes is required, such as 65536 or 64MiB: {error}")
        }),
        Unit::Count => text
            .parse()
            .map_err(|_| "a number without a unit is required".to_owned()),
    }
}

/// A limit's value in the syntax that users write.
#[must_use]
pub fn format_limit(unit: Unit, value: u64) -> String {
    const KIB: u64 = 1024;
    const MIB: u64 = 1024 * KIB;
    match unit {
        Unit::Milliseconds => {
            humantime::format_duration(std::time::Duration::from_millis(value)).to_string()
        }
        Unit::Bytes if value.is_multiple_of(MIB) => format!("{}MiB", value / MIB),
        Unit::Bytes if value.is_multiple_of(KIB) => format!("{}KiB", value / KIB),
        Unit::Bytes | Unit::Count => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_name_and_an_amount() {
        for (text, limit, value) in [
            ("memory=64MiB", Limit::Memory, 64 * 1024 * 1024),
            ("stack=65536", Limit::Stack, 65536),
            ("deadline=1m 30s", Limit::Deadline, 90_000),
            ("handles = 100", Limit::Handles, 100),
        ] {
            assert_eq!(parse(text), Ok((limit, value)), "{text}");
        }
        for text in [
            "",
            "memory",
            "memory=",
            "memory=-1",
            "memory=0",
            "memory=2GiB",
            "deadline=30",
            "deadline=1h",
            "handles=10k",
            "speed=1",
        ] {
            assert!(parse(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn the_document_has_every_limit_as_it_is() {
        let document = include_str!("../../../../docs/limits.md");
        for limit in Limit::ALL {
            let [usual, ceiling] = [Limits::default().get(limit), limit.ceiling()]
                .map(|value| format_limit(limit.unit(), value));
            let row = format!("| `{limit}` | {usual} | {ceiling} | ");
            assert!(document.contains(&row), "{row}");
        }
    }

    #[test]
    fn a_limit_is_shown_as_it_may_be_written() {
        for limit in Limit::ALL {
            for value in [Limits::default().get(limit), limit.ceiling()] {
                let text = format!("{limit}={}", format_limit(limit.unit(), value));
                assert_eq!(parse(&text), Ok((limit, value)), "{text}");
            }
        }
    }
}
