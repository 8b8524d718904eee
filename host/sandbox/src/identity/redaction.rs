//! Removes a token that an answer echoes, before any other code reads the answer. The
//! attacker is a service or a server in between that encodes the token so that a plain
//! search misses it: with JSON escapes in the token, or with an escape before it that
//! consumes its first characters.

use std::ops::Range;

/// Replaces a token.
const MARK: &str = "[redacted]";

/// Replaces a token that is a substring of [`MARK`]. A token has no brackets.
const NO_MARK: &str = "[]";

/// The most characters that an escape can consume of the text after it: `u` and four
/// digits.
const MAX_TAKEN: usize = 5;

/// Replaces the token wherever an answer echoes it: literally, with characters written
/// as JSON escapes, and after an escape that consumes its first characters as digits.
/// The answer does not have to be JSON, because readers differ in what they accept. All
/// other bytes stay unchanged.
pub(super) fn redact(bytes: Vec<u8>, secret: &[u8]) -> Vec<u8> {
    let echoes = echoes(&bytes, secret);
    if echoes.is_empty() {
        return bytes;
    }
    // With a token that is a part of the mark, the mark would contain the token.
    let mark = match memchr::memmem::find(MARK.as_bytes(), secret) {
        Some(_) => NO_MARK,
        None => MARK,
    };
    let mut clean = Vec::with_capacity(bytes.len());
    let mut rest = 0;
    for echo in echoes {
        clean.extend_from_slice(&bytes[rest..echo.start]);
        clean.extend_from_slice(mark.as_bytes());
        rest = echo.end;
    }
    clean.extend_from_slice(&bytes[rest..]);
    clean
}

/// The ranges in which an answer echoes the token, sorted and without overlap. Each
/// range consists of whole escapes and whole characters, so that the rest keeps its
/// meaning.
fn echoes(bytes: &[u8], secret: &[u8]) -> Vec<Range<usize>> {
    let plain = || {
        memchr::memmem::find_iter(bytes, secret).map(|start| Range {
            start,
            end: start + secret.len(),
        })
    };
    if memchr::memchr(b'\\', bytes).is_none() {
        return plain().collect();
    }
    let text = Unescaped::new(bytes);
    let mut found: Vec<_> = plain().map(|echo| text.widen(echo)).collect();
    for taken in 0..=MAX_TAKEN.min(secret.len() - 1) {
        let (first, rest) = secret.split_at(taken);
        // The escape before the token consumed these first characters of it.
        if first.len() > 1 && !first[1..].iter().all(u8::is_ascii_hexdigit) {
            break;
        }
        for start in occurrences(rest, &text.bytes) {
            let end = start + rest.len();
            if taken == 0 {
                found.push(text.range(start, end));
            } else if start > 0 && bytes[text.range(start - 1, start)].ends_with(first) {
                found.push(text.range(start - 1, end));
            }
        }
    }
    merge(found)
}

/// Merges ranges that overlap or touch.
fn merge(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// The offsets at which a pattern occurs in a text, including overlapping ones (Knuth,
/// Morris and Pratt). An attacker controls both, so the time must be linear for every
/// input.
fn occurrences(pattern: &[u8], text: &[u8]) -> Vec<usize> {
    // For each length of a match, the length of the next shorter match that ends at the
    // same place.
    let mut shorter = vec![0; pattern.len() + 1];
    let next = |shorter: &[usize], mut length: usize, byte: u8| {
        while length > 0 && pattern.get(length) != Some(&byte) {
            length = shorter[length];
        }
        length + usize::from(pattern.get(length) == Some(&byte))
    };
    for (at, byte) in pattern.iter().enumerate().skip(1) {
        shorter[at + 1] = next(&shorter, shorter[at], *byte);
    }
    let mut found = Vec::new();
    let mut length = 0;
    for (at, byte) in text.iter().enumerate() {
        length = next(&shorter, length, *byte);
        if length == pattern.len() {
            found.push(at + 1 - length);
        }
    }
    found
}

/// A text in which every JSON escape is decoded, inside and outside of strings. A token
/// is ASCII.
struct Unescaped {
    bytes: Vec<u8>,
    /// The offset in the input at which each byte begins; the last entry is the end. No answer
    /// is longer than a `u32` can count.
    starts: Vec<u32>,
}

impl Unescaped {
    fn new(raw: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(raw.len());
        let mut starts = Vec::with_capacity(raw.len() + 1);
        let mut at = 0;
        while let Some(byte) = raw.get(at) {
            let (byte, length) = match byte {
                b'\\' => escape(&raw[at + 1..]),
                _ => (*byte, 1),
            };
            bytes.push(byte);
            starts.push(offset(at));
            at += length;
        }
        starts.push(offset(raw.len()));
        Self { bytes, starts }
    }

    /// The range of the input from which these bytes were decoded.
    fn range(&self, start: usize, end: usize) -> Range<usize> {
        self.starts[start] as usize..self.starts[end] as usize
    }

    /// The range of the input, extended to whole escapes.
    fn widen(&self, range: Range<usize>) -> Range<usize> {
        let start = self
            .starts
            .partition_point(|at| *at as usize <= range.start);
        let end = self.starts.partition_point(|at| (*at as usize) < range.end);
        self.range(start.saturating_sub(1), end)
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The character of an escape, given the bytes after the backslash, and the length of
/// the whole escape.
fn escape(bytes: &[u8]) -> (u8, usize) {
    let digits = bytes
        .strip_prefix(b"u")
        .and_then(|digits| digits.get(..4))
        // Rust's parser would accept a sign as a digit.
        .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    match (digits, bytes.first()) {
        (Some(digits), _) => {
            let value = |digit: &u8| char::from(*digit).to_digit(16).unwrap_or_default();
            let code = digits
                .iter()
                .fold(0, |code, digit| code * 16 + value(digit));
            (u8::try_from(code).unwrap_or(b'?'), 6)
        }
        (None, Some(byte)) => (*byte, 2),
        (None, None) => (b'\\', 1),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn redacted_by(token: &str, text: impl Into<Vec<u8>>) -> Vec<u8> {
        redact(text.into(), token.as_bytes())
    }

    #[test]
    fn an_echoed_token_is_removed_everywhere() {
        let clean = |text: &str| {
            let clean = redacted_by("secret", text);
            String::from_utf8(clean).unwrap()
        };
        for (echo, redacted) in [
            (
                "secret, <secretsecret> and secre",
                "[redacted], <[redacted][redacted]> and secre",
            ),
            (
                r#"{"a": ["x", {"b": "<s\u0065cret>"}], "n": 1}"#,
                r#"{"a": ["x", {"b": "<[redacted]>"}], "n": 1}"#,
            ),
            (
                r#"{"\u0073ecret": 1, "n": 1e999}"#,
                r#"{"[redacted]": 1, "n": 1e999}"#,
            ),
            (
                r#"{"a": "secre\u0074", "a": 1}"#,
                r#"{"a": "[redacted]", "a": 1}"#,
            ),
            (r"no JSON: s\ecr\u0065t\", r"no JSON: [redacted]\"),
            (
                r"\\u0073ecret \u73ecret \u00",
                r"\\u0073ecret \u73ecret \u00",
            ),
            // Unchanged.
            (
                r#"{"a": "\u0073omething else", "n": 1.50}"#,
                r#"{"a": "\u0073omething else", "n": 1.50}"#,
            ),
        ] {
            assert_eq!(clean(echo), redacted);
        }
        assert_eq!(
            redacted_by("a/b", br#""a\/b \u0061/b""#),
            br#""[redacted] [redacted]""#
        );
        assert_eq!(
            redacted_by("a/b", b"\xff\\u\xff\xffa/b\\"),
            b"\xff\\u\xff\xff[redacted]\\"
        );
    }

    #[test]
    fn an_escape_before_a_token_does_not_hide_it() {
        let clean = |text: &str| {
            let clean = redacted_by("eyJhbGciOi.x", text);
            String::from_utf8(clean).unwrap()
        };
        for (echo, redacted) in [
            // The first letter is the escape's last digit.
            (r#"{"a":"\u000eyJhbGciOi.x"}"#, r#"{"a":"[redacted]"}"#),
            (r#""\u000e\u0079J\u0068bGciOi.x""#, r#""[redacted]""#),
            // An escape with too few digits, or without any.
            (r"\u00eyJhbGciOi.x", r"\u00[redacted]"),
            (r"\u0eyJhbGciOi.x", r"\u0[redacted]"),
            (r"\ueyJhbGciOi.x", r"\u[redacted]"),
            (r"\eyJhbGciOi.x", "[redacted]"),
            (r"\\eyJhbGciOi.x", r"\\[redacted]"),
            (r"\\u000eyJhbGciOi.x", r"\\u000[redacted]"),
            (r"\\\u000eyJhbGciOi.x", r"\\[redacted]"),
            // A sign is not a digit.
            (r"\u+06eyJhbGciOi.x", r"\u+06[redacted]"),
            (r"\u+065yJhbGciOi.x", r"\u+065yJhbGciOi.x"),
        ] {
            assert_eq!(clean(echo), redacted, "{echo}");
        }
        for (token, echo, redacted) in [
            ("abcdef.x", r#""\uabcdef.x""#, r#""[redacted]""#),
            ("abcdef.x", r#""\u0abcdef.x""#, r#""[redacted]""#),
            ("u0065yJ", r#""\u0065yJ""#, r#""[redacted]""#),
            ("0065", r#""\u0065""#, r#""[redacted]""#),
            ("nabc", r#""\nabc \\nabc""#, r#""[redacted] \\[redacted]""#),
            // The replacement must not contain the token.
            ("redacted", r"redacted \redacted", "[] []"),
        ] {
            let clean = redacted_by(token, echo);
            assert_eq!(String::from_utf8(clean).unwrap(), redacted, "{echo}");
        }
    }

    /// Decodes every escape. A second implementation, for comparison.
    fn plainly(text: &str) -> String {
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('\\') {
            plain.push_str(before);
            let code = after.strip_prefix('u').and_then(|digits| digits.get(..4));
            let code = code.filter(|code| code.chars().all(|digit| digit.is_ascii_hexdigit()));
            rest = match code {
                Some(code) => {
                    let code = u32::from_str_radix(code, 16).unwrap();
                    plain.push(char::from_u32(code).unwrap_or('?'));
                    &after[5..]
                }
                None => after,
            };
            if code.is_none()
                && let Some(escaped) = rest.chars().next()
            {
                plain.push(escaped);
                rest = &rest[escaped.len_utf8()..];
            }
        }
        plain.push_str(rest);
        plain
    }

    /// Whether a text is the token without the first characters, which the escape at its start
    /// consumed.
    fn is_taken(text: &str, token: &str) -> bool {
        let Some((escape, rest)) = text.split_at_checked(6) else {
            return false;
        };
        let digits = escape.strip_prefix(r"\u").unwrap_or_default();
        digits.len() == 4
            && digits.chars().all(|digit| digit.is_ascii_hexdigit())
            && (1..=MAX_TAKEN.min(token.len()))
                .any(|taken| escape.ends_with(&token[..taken]) && plainly(rest) == token[taken..])
    }

    /// For any text around the token and any encoding of its characters: neither the
    /// result nor its decoded form has the token, and nothing but the token is removed.
    #[test]
    fn the_redacted_answer_never_has_the_token() {
        let mut seed = 7_u64;
        let mut below = |end: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as usize % end
        };
        for token in [
            "eyJ.a", "0a1b2c", "u0041x", "aaaa", "abab", "00", "0065", "redacted", "n/b", "ue",
            "u", "edac",
        ] {
            let mark = [MARK, NO_MARK][usize::from(MARK.contains(token))];
            for _ in 0..5_000 {
                let mut text = String::new();
                for _ in 0..=below(6) {
                    let from = below(token.len());
                    let part = [&token[from..], token, token, &token[..=from]][below(4)];
                    let ways = [1, 4][below(2)];
                    for letter in part.chars() {
                        match below(ways) {
                            0 => text.push(letter),
                            1 => text.push_str(&format!("\\u{:04x}", u32::from(letter))),
                            2 => text.push_str(&format!("\\u{:04X}", u32::from(letter))),
                            _ => text.extend(['\\', letter]),
                        }
                    }
                    text.push_str(
                        [
                            "", "", r"\", r"\\", r"\u", r"\u0", r"\u00", r"\u000", r"\u+", "[",
                            "]", "0", "é", r#"""#,
                        ][below(14)],
                    );
                }
                let clean = redacted_by(token, text.clone());
                let clean = String::from_utf8(clean).unwrap();
                assert!(!clean.contains(token), "{token}: {text} -> {clean}");
                assert!(
                    !plainly(&clean).contains(token),
                    "{token}: {text} -> {clean}"
                );
                for at in clean.match_indices(r"\u").map(|(at, _)| at) {
                    let whole = clean[..at]
                        .bytes()
                        .rev()
                        .take_while(|b| *b == b'\\')
                        .count()
                        % 2
                        == 0;
                    let taken = (at..=clean.len())
                        .filter(|end| clean.is_char_boundary(*end))
                        .any(|end| is_taken(&clean[at..end], token));
                    assert!(!(whole && taken), "{token}: {text} -> {clean}");
                }
                let mut rest = String::new();
                let mut at = 0;
                for echo in echoes(text.as_bytes(), token.as_bytes()) {
                    rest.push_str(&text[at..echo.start]);
                    rest.push_str(mark);
                    at = echo.end;
                    let cut = &text[echo];
                    assert!(
                        cut.contains(token) || plainly(cut).contains(token) || is_taken(cut, token),
                        "{token}: {text}: {cut} is not an echo"
                    );
                }
                rest.push_str(&text[at..]);
                assert_eq!(clean, rest, "{token}: {text}");
            }
        }
    }

    /// Adversarial pairs of token and answer must not take quadratic time.
    #[test]
    fn an_adversarial_pattern_takes_linear_time() {
        let token = "0".repeat(60_000);
        let began = std::time::Instant::now();
        let answer = r"\u0030".repeat(59_000) + "1";
        let clean = redacted_by(&token, answer.repeat(10));
        assert_eq!(clean.len(), answer.len() * 10);
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    }
}
