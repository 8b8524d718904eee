//! Limits as a user writes them: `memory=64MiB`, `deadline=30s`, `handles=100`.

use offboard::sandbox::{Limit, Limits, Unit};

pub(super) fn parse(text: &str) -> Result<(Limit, u64), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("a limit is written NAME=VALUE, as memory=64MiB")?;
    let limit = Limit::ALL
        .into_iter()
        .find(|limit| limit.name() == name.trim())
        .ok_or_else(|| {
            let names: Vec<&str> = Limit::ALL.iter().map(|limit| limit.name()).collect();
            format!("there is no such limit; there are {}", names.join(", "))
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
                .map_err(|error| format!("a duration, as 30s or 2m: {error}"))?;
            u64::try_from(duration.as_millis()).map_err(|error| error.to_string())
        }
        Unit::Bytes => parse_size::parse_size(text)
            .map_err(|error| format!("a number of bytes, as 65536 or 64MiB: {error}")),
        Unit::Count => text
            .parse()
            .map_err(|_| "a number without a unit".to_owned()),
    }
}

/// A limit as a user would write it.
pub(super) fn words(unit: Unit, value: u64) -> String {
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
        let document = include_str!("../../../docs/limits.md");
        for limit in Limit::ALL {
            let [usual, ceiling] = [Limits::default().get(limit), limit.ceiling()]
                .map(|value| words(limit.unit(), value));
            let row = format!("| `{limit}` | {usual} | {ceiling} | ");
            assert!(document.contains(&row), "{row}");
        }
    }

    #[test]
    fn a_limit_is_shown_as_it_may_be_written() {
        for limit in Limit::ALL {
            for value in [Limits::default().get(limit), limit.ceiling()] {
                let text = format!("{limit}={}", words(limit.unit(), value));
                assert_eq!(parse(&text), Ok((limit, value)), "{text}");
            }
        }
    }
}
