//! The headers of an answer that a guest sees: at most `Retry-After`. A service, or a
//! server in between, could pass a part of the token in any other header.

use http::{HeaderMap, HeaderValue, header};

use crate::identity::Token;

/// The most digits of a number of seconds in `Retry-After`.
const MAX_SECONDS_DIGITS: usize = 10;

/// Returns `Retry-After`, once, and only if it is a number or a date. In free text, a
/// server could pass a part of the token.
pub(super) fn visible(headers: &HeaderMap, token: &Token) -> HeaderMap {
    let harmless = |value: &&HeaderValue| {
        let value = value.as_bytes();
        (is_seconds(value) || is_date(value)) && !token.is_in(value)
    };
    let mut values = headers.get_all(header::RETRY_AFTER).iter();
    let value = values.find(harmless).cloned();
    value
        .map(|value| (header::RETRY_AFTER, value))
        .into_iter()
        .collect()
}

fn is_seconds(value: &[u8]) -> bool {
    (1..=MAX_SECONDS_DIGITS).contains(&value.len()) && value.iter().all(u8::is_ascii_digit)
}

/// Whether this is a date as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
/// Whether there is such a day does not matter here.
fn is_date(value: &[u8]) -> bool {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let Ok(value) = std::str::from_utf8(value) else {
        return false;
    };
    let parts: Vec<&str> = value.split(' ').collect();
    let [day, date, month, year, time, "GMT"] = parts[..] else {
        return false;
    };
    let digits =
        |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    let time: Vec<&str> = time.split(':').collect();
    day.strip_suffix(',').is_some_and(|day| DAYS.contains(&day))
        && digits(date, 2)
        && MONTHS.contains(&month)
        && digits(year, 4)
        && time.len() == 3
        && time.iter().all(|part| digits(part, 2))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_retry_after_is_visible() {
        let token = Token::new("1234567").unwrap();
        let seen = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
            headers.insert(
                header::DATE,
                "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap(),
            );
            for value in values {
                headers.append(header::RETRY_AFTER, value.parse().unwrap());
            }
            let seen = visible(&headers, &token);
            assert!(seen.keys().all(|name| name == header::RETRY_AFTER) && seen.len() < 2);
            let value = seen.get(header::RETRY_AFTER);
            value.map(|value| value.to_str().unwrap().to_owned())
        };
        for value in ["0", "120", "0000000001", "Sun, 06 Nov 1994 08:49:37 GMT"] {
            assert_eq!(seen(&[value]).unwrap(), value);
            assert_eq!(seen(&["eyJhbGciOi", value, "7"]).unwrap(), value);
        }
        for value in [
            "",
            "-1",
            "+1",
            "1.5",
            "7 7",
            "12345678901",
            "eyJhbGciOi",
            "1234567",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "eyJ, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 eyJ 1994 08:49:37 GMT",
            "Sun, ab Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37:00 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
        ] {
            assert_eq!(seen(&[value]), None, "{value}");
        }
        assert_eq!(seen(&[]), None);
    }
}
