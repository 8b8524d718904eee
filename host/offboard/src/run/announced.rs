//! When the service accepts requests again, according to its answer: the `Retry-After`, or the
//! window of the quota in the text of a 429. The service was seen to answer without
//! `Retry-After`, with a message such as "maximum allowed 1500 per 01:00:00".

use std::time::{Duration, SystemTime};

use crate::egress::CallRecord;

/// The longest window that counts. No quota of the service has a longer one.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// When the service accepts requests again, in seconds, as egress received it: the `Retry-After`
/// of the answer, or else the window of the quota that the text of an answer 429 names.
pub(super) fn retry_after(record: &CallRecord) -> Option<u64> {
    announced(record).or_else(|| {
        let exchange = record.exchange.as_ref()?;
        let answer = exchange
            .answer
            .as_deref()
            .filter(|_| exchange.status == Some(429))?;
        named_window(answer).map(|window| window.as_secs())
    })
}

/// The `Retry-After` of the answer, in seconds, as egress received it: a number or a date.
pub(super) fn announced(record: &CallRecord) -> Option<u64> {
    let exchange = record.exchange.as_ref()?;
    pause(exchange.retry_after.as_deref()?.trim(), SystemTime::now())
}

fn pause(asked: &str, now: SystemTime) -> Option<u64> {
    if let Ok(seconds) = asked.parse() {
        return Some(seconds);
    }
    let date = httpdate::parse_http_date(asked).ok()?;
    // One second is added because dates have no fractions.
    let left = date
        .duration_since(now)
        .map_or(0, |left| left.as_secs() + 1);
    Some(left)
}

/// The length of the window that the text of an answer names; `None` if it names none. The
/// longest one, if it names several.
fn named_window(answer: &[u8]) -> Option<Duration> {
    let text = String::from_utf8_lossy(answer).to_lowercase();
    let windows = text.split(" per ").skip(1).filter_map(window);
    windows
        .filter(|window| !window.is_zero() && *window <= LONGEST)
        .max()
}

/// The duration at the beginning of a text: hours, minutes and seconds, or a word.
fn window(text: &str) -> Option<Duration> {
    let word: String = text
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == ':')
        .collect();
    let seconds = match word.as_str() {
        "second" => 1,
        "minute" => 60,
        "hour" => 3600,
        _ => {
            let mut parts = word.split(':').map(|part| part.parse::<u64>().ok());
            let mut next = || parts.next().flatten().filter(|part| *part < 1000);
            let (hours, minutes, seconds) = (next()?, next()?, next()?);
            hours * 3600 + minutes * 60 + seconds
        }
    };
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_an_answer_names_the_window() {
        let quota = "{\"message\": \"API calls quota exceeded! maximum allowed 1500 per ";
        for (text, seconds) in [
            ("01:00:00\"}", Some(3600)),
            ("00:01:00\"}", Some(60)),
            ("hour.\"}", Some(3600)),
            ("Minute, or 1500 per hour", Some(3600)),
            ("user", None),
            ("00:00:00", None),
            ("99:00:00", None),
            ("1:2", None),
            ("999999999999999999999:0:0", None),
            ("", None),
        ] {
            let found = named_window(format!("{quota}{text}").as_bytes());
            assert_eq!(found, seconds.map(Duration::from_secs), "{text}");
        }
        assert_eq!(named_window(b"\xff"), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_893_456_000);
        for (asked, seconds) in [
            ("0", Some(0)),
            ("17", Some(17)),
            ("Tue, 01 Jan 2030 00:00:30 GMT", Some(31)),
            ("Tuesday, 01-Jan-30 00:00:30 GMT", Some(31)),
            ("Mon, 31 Dec 2029 00:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("1.5", None),
        ] {
            assert_eq!(pause(asked, now), seconds, "{asked}");
        }
    }
}
