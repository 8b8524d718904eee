//! When a token expires, in every form that authorities, endpoints of managed identities and
//! programs write it: as a number, as a text, as a date of ISO 8601 or of the United States.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::Value;

use super::token::Token;

/// The largest time in an answer, in seconds. As a date, it is three centuries ahead. The
/// limit prevents overflows: libraries add times to the current time.
const MAX_TIME: f64 = 1e10;

/// The times in an answer. A time that cannot be read counts as missing.
#[derive(Default, Deserialize)]
pub(super) struct Times {
    /// A moment, usually in seconds since 1970.
    #[serde(default)]
    expires_on: Option<Value>,
    /// The same as a text. The Azure CLI writes its local time without a zone.
    #[serde(default, rename = "expiresOn")]
    expires_on_text: Option<Value>,
    /// Seconds from now.
    #[serde(default)]
    expires_in: Option<Value>,
    /// Seconds from now.
    #[serde(default, rename = "expiresIn")]
    expires_in_camel: Option<Value>,
}

impl Times {
    /// When a token expires: at one of these times, or else at the `exp` of the token itself.
    pub(super) fn of(&self, token: &Token) -> Option<SystemTime> {
        let moments = [&self.expires_on, &self.expires_on_text];
        let moment = moments.into_iter().flatten().find_map(moment);
        let spans = [&self.expires_in, &self.expires_in_camel];
        let span = || spans.into_iter().flatten().find_map(seconds);
        let claimed = || token.claims()?.expires;
        let since_1970 = |at: i64| {
            let at = Duration::from_secs(u64::try_from(at).ok()?);
            SystemTime::UNIX_EPOCH.checked_add(at)
        };
        let from_now = |span: i64| {
            // A token that has expired already is not kept.
            let span = Duration::from_secs(u64::try_from(span).unwrap_or_default());
            SystemTime::now().checked_add(span)
        };
        moment
            .and_then(since_1970)
            .or_else(|| span().and_then(from_now))
            .or_else(|| claimed().and_then(since_1970))
    }
}

/// Whole seconds within the limit, as a number or as a text.
pub(super) fn seconds(value: &Value) -> Option<i64> {
    let text = value.as_str().and_then(|text| text.trim().parse().ok());
    let seconds: f64 = value.as_f64().or(text)?;
    // Truncated to whole seconds; some answers have fractions.
    #[allow(clippy::cast_possible_truncation)]
    (seconds.abs() <= MAX_TIME).then_some(seconds as i64)
}

/// A moment in seconds since 1970.
fn moment(value: &Value) -> Option<i64> {
    seconds(value).or_else(|| date_and_time(value.as_str()?.trim()))
}

/// A date with a time and a zone, such as `2030-01-01T00:00:00Z`, `2030-01-01 00:00:00+00:00`
/// or `1/31/2030 11:59:59 PM +00:00`.
fn date_and_time(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once(['T', ' '])?;
    let rest = rest.trim_start();
    let is_time = |c: char| c.is_ascii_digit() || matches!(c, ':' | '.');
    // Without a zone, the moment is unknown.
    let (time, rest) = rest.split_at(rest.find(|c| !is_time(c))?);
    let (hour, minute, second) = match numbers(time.split('.').next()?, ':')?[..] {
        [hour, minute, second] => (hour, minute, second),
        [hour, minute] => (hour, minute, 0),
        _ => return None,
    };
    let rest = rest.trim().to_ascii_uppercase();
    let (hour, zone) = match (rest.strip_prefix("AM"), rest.strip_prefix("PM")) {
        (Some(zone), _) => (hour % 12, zone),
        (_, Some(zone)) => (hour % 12 + 12, zone),
        _ => (hour, &*rest),
    };
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let of_day = (hour * 60 + minute) * 60 + second;
    Some(days(date)? * 24 * 3600 + of_day - offset(zone.trim())?)
}

/// The days from 1970 to a date: year-month-day or month/day/year.
fn days(date: &str) -> Option<i64> {
    let (year, month, day) = match (&numbers(date, '-'), &numbers(date, '/')) {
        (Some(date), _) if date.len() == 3 => (date[0], date[1], date[2]),
        (_, Some(date)) if date.len() == 3 => (date[2], date[0], date[1]),
        _ => return None,
    };
    if !(1970..=2270).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin in March, so that the leap day is the last one.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468)
}

/// A zone's distance from UTC, in seconds.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "UTC" | "GMT") {
        return Some(0);
    }
    let (sign, zone) = match zone.split_at_checked(1)? {
        ("+", zone) => (1, zone),
        ("-", zone) => (-1, zone),
        _ => return None,
    };
    let digits = zone.replace(':', "");
    let number: i64 = digits.parse().ok().filter(|_| digits.len() == 4)?;
    Some(sign * (number / 100 * 60 + number % 100) * 60)
}

/// Numbers with a character between them.
fn numbers(text: &str, between: char) -> Option<Vec<i64>> {
    let number = |part: &str| {
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse().ok().filter(|_| is_number)
    };
    text.split(between).map(number).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    /// The moment that an answer with this `expires_on` has.
    fn on(value: &Value) -> Option<u64> {
        let times: Times = serde_json::from_value(json!({"expires_on": value})).unwrap();
        let expires = times.of(&Token::new("a.b.c").unwrap())?;
        let since = expires.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Some(since.as_secs())
    }

    #[test]
    fn a_moment_is_read_in_every_form() {
        for value in [
            json!(1_893_456_000),
            json!(1_893_456_000.5),
            json!("1893456000"),
            json!(" 1893456000 "),
            json!("2030-01-01 00:00:00Z"),
            json!("2030-01-01T00:00:00Z"),
            json!("2030-01-01T00:00:00.1234567Z"),
            json!("2030-01-01T01:00:00+01:00"),
            json!("2029-12-31T22:30:00-0130"),
            json!("2030-01-01 00:00:00.000 UTC"),
            json!("01/01/2030 00:00:00 +00:00"),
            json!("1/1/2030 12:00:00 AM +00:00"),
            json!("12/31/2029 11:00:00 PM -01:00"),
        ] {
            assert_eq!(on(&value), Some(1_893_456_000), "{value}");
        }
        let leap = json!("2028-02-29 12:00 PM Z");
        assert_eq!(on(&leap), Some(1_835_438_400));
        assert_eq!(on(&json!("2028-03-01T12:00:00Z")), Some(1_835_524_800));
    }

    #[test]
    fn a_time_that_cannot_be_read_is_the_token_s_own() {
        let payload = base64::Engine::encode(
            &base64::prelude::BASE64_URL_SAFE_NO_PAD,
            r#"{"exp":1893456000}"#,
        );
        let token = Token::new(&format!("h.{payload}.s")).unwrap();
        for answer in [
            json!({}),
            json!({"expires_on": null, "expires_in": ""}),
            json!({"expires_on": "soon", "expires_in": [3600]}),
            json!({"expires_on": 1e300, "expires_in": u64::MAX}),
            json!({"expires_on": "9223372036854775807"}),
            json!({"expires_on": -5}),
            // Local times.
            json!({"expiresOn": "2031-01-01 00:00:00.000000"}),
            json!({"expires_on": "1/1/2031 12:00:00 AM"}),
            json!({"expires_on": "2031-13-01T00:00:00Z"}),
            json!({"expires_on": "2031-01-01T25:00:00Z"}),
            json!({"expires_on": "2031-01-01T00:00:00+aa:bb"}),
        ] {
            let times: Times = serde_json::from_value(answer.clone()).unwrap();
            let expires = times.of(&token).unwrap();
            let since = expires.duration_since(SystemTime::UNIX_EPOCH).unwrap();
            assert_eq!(since.as_secs(), 1_893_456_000, "{answer}");
            let opaque = Token::new("opaque").unwrap();
            assert_eq!(times.of(&opaque), None, "{answer}");
        }
    }

    #[test]
    fn a_lifetime_is_a_number_or_a_text() {
        for answer in [
            json!({"expires_in": 3600}),
            json!({"expires_in": "3600"}),
            json!({"expiresIn": 3600.9, "expires_on": "soon"}),
        ] {
            let times: Times = serde_json::from_value(answer.clone()).unwrap();
            let expires = times.of(&Token::new("a.b.c").unwrap()).unwrap();
            let left = expires.duration_since(SystemTime::now()).unwrap().as_secs();
            assert!((3500..=3600).contains(&left), "{answer}: {left}");
        }
    }
}
