//! Selects calls among those that a rule counts.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// Shares are stored in millionths, so that rules can be compared, and are written as they
/// were parsed.
const MILLIONTHS: u32 = 1_000_000;
const PERCENT: u32 = MILLIONTHS / 100;
/// The most decimal places of a percentage.
const DIGITS: usize = 4;

/// By the number of the call, from 1, or at random.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Always,
    /// The first and the last call, both included.
    Calls {
        first: NonZeroU64,
        last: Option<NonZeroU64>,
    },
    Every(NonZeroU64),
    /// A share in millionths.
    Share(u32),
}

impl When {
    /// Whether the call with this number is selected. Draws only for a share.
    pub(super) fn holds(self, call: u64, draw: &mut ChaCha8Rng) -> bool {
        match self {
            Self::Always => true,
            Self::Calls { first, last } => {
                call >= first.get() && last.is_none_or(|last| call <= last.get())
            }
            Self::Every(step) => call.is_multiple_of(step.get()),
            // The modulo bias doesn't matter here.
            Self::Share(share) => draw.next_u64() % u64::from(MILLIONTHS) < u64::from(share),
        }
    }
}

/// The text isn't a [`When`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotWhen;

impl FromStr for When {
    type Err = NotWhen;

    fn from_str(text: &str) -> Result<Self, NotWhen> {
        if text == "always" {
            return Ok(Self::Always);
        }
        if let Some(step) = text.strip_prefix("every=") {
            return number(step).map(Self::Every);
        }
        if let Some(percent) = text.strip_suffix('%') {
            return share(percent).map(Self::Share);
        }
        let (first, last) = match text.split_once('-') {
            Some((first, "")) => (number(first)?, None),
            Some((first, last)) => (number(first)?, Some(number(last)?)),
            None => {
                let only = number(text)?;
                (only, Some(only))
            }
        };
        if last.is_some_and(|last| last < first) {
            return Err(NotWhen);
        }
        Ok(Self::Calls { first, last })
    }
}

/// Only digits; the standard library would also accept a sign.
fn number(text: &str) -> Result<NonZeroU64, NotWhen> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotWhen);
    }
    text.parse().map_err(|_| NotWhen)
}

fn share(percent: &str) -> Result<u32, NotWhen> {
    let (whole, fraction) = match percent.split_once('.') {
        Some((whole, fraction)) if (1..=DIGITS).contains(&fraction.len()) => (whole, fraction),
        Some(_) => return Err(NotWhen),
        None => (percent, ""),
    };
    let digits = |text: &str| {
        let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        all.then(|| text.parse::<u32>().ok()).flatten()
    };
    let whole = digits(whole).filter(|whole| *whole <= 100).ok_or(NotWhen)?;
    let fraction = digits(&format!("{fraction:0<DIGITS$}")).ok_or(NotWhen)?;
    let share = whole * PERCENT + fraction;
    if share == 0 || share > MILLIONTHS {
        return Err(NotWhen);
    }
    Ok(share)
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::Calls { first, last: None } => write!(f, "{first}-"),
            Self::Calls {
                first,
                last: Some(last),
            } if first == last => write!(f, "{first}"),
            Self::Calls {
                first,
                last: Some(last),
            } => write!(f, "{first}-{last}"),
            Self::Every(step) => write!(f, "every={step}"),
            Self::Share(share) => {
                let (whole, fraction) = (share / PERCENT, share % PERCENT);
                if fraction == 0 {
                    return write!(f, "{whole}%");
                }
                let fraction = format!("{fraction:0>DIGITS$}");
                write!(f, "{whole}.{}%", fraction.trim_end_matches('0'))
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    fn draw(seed: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(seed)
    }

    /// The numbers of the selected calls among the first ten.
    fn of_ten(text: &str) -> Vec<u64> {
        let when: When = text.parse().unwrap();
        let mut draw = draw(1);
        (1..=10)
            .filter(|call| when.holds(*call, &mut draw))
            .collect()
    }

    #[test]
    fn the_text_form_goes_both_ways() {
        for text in [
            "always", "1", "3", "1-4", "5-", "every=1", "every=5", "10%", "100%", "0.5%",
            "0.0001%", "12.25%",
        ] {
            assert_eq!(text.parse::<When>().unwrap().to_string(), text);
        }
        for (text, shortest) in [
            ("3-3", "3"),
            ("007", "7"),
            ("50.50%", "50.5%"),
            ("9.0%", "9%"),
        ] {
            assert_eq!(text.parse::<When>().unwrap().to_string(), shortest);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "0",
            "-1",
            "+1",
            "-",
            "-4",
            "4-1",
            "0-3",
            "1-0",
            "1-2-3",
            "1..4",
            "x",
            "1,2",
            "every",
            "every=",
            "every=0",
            "every 5",
            "0%",
            "%",
            "-1%",
            "100.1%",
            "101%",
            "1.%",
            ".5%",
            "1.00001%",
            "1e1%",
            "99999999999999999999",
            "Always",
        ] {
            assert!(text.parse::<When>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn calls_are_counted_from_one() {
        for (text, expected) in [
            ("always", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10][..]),
            ("3", &[3]),
            ("1-4", &[1, 2, 3, 4]),
            ("9-", &[9, 10]),
            ("every=4", &[4, 8]),
            ("100%", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ] {
            assert_eq!(of_ten(text), expected, "{text}");
        }
    }

    #[test]
    fn a_share_is_about_its_share_and_the_same_for_a_seed() {
        let when: When = "10%".parse().unwrap();
        let all = |seed| {
            let mut draw = draw(seed);
            let held = (1..=10_000).filter(|call| when.holds(*call, &mut draw));
            held.collect::<Vec<u64>>()
        };
        assert!((900..1100).contains(&all(1).len()), "{}", all(1).len());
        assert_eq!(all(1), all(1));
        assert_ne!(all(1), all(2));
    }
}
