//! The members of a JSON object as written, unparsed and in order. If a name is repeated, two
//! parsers could use different members. So the caller gets both, and decides.

use std::fmt;

use serde::{
    Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The most members that are read from one object.
const MAX_MEMBERS: usize = 1000;

/// The deepest nesting of JSON that is shown or stored: the service's own has a few levels.
/// Programs that read our output fail on deeply nested JSON.
const MAX_DEPTH: usize = 64;

/// Whether arrays and objects in this JSON are nested more than 64 levels deep. For other text,
/// the result has no meaning.
#[must_use]
pub fn is_too_deep(json: &str) -> bool {
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

/// Members by their names as written.
pub type Members<'a> = Vec<(String, &'a RawValue)>;

/// The members with the wanted names, if the text is one object; `None` if it is not, or has
/// too many of them. Other members are skipped and take no memory.
pub fn members<'a>(json: &'a str, wanted: impl Fn(&str) -> bool) -> Option<Members<'a>> {
    let mut json = serde_json::Deserializer::from_str(json);
    let members = json.deserialize_map(Object(wanted)).ok()?;
    json.end().ok()?;
    Some(members)
}

struct Object<F>(F);

impl<'de, F: Fn(&str) -> bool> Visitor<'de> for Object<F> {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if !(self.0)(&name) {
                map.next_value::<IgnoredAny>()?;
            } else if members.len() == MAX_MEMBERS {
                return Err(A::Error::custom("too many members in an object"));
            } else {
                members.push((name, map.next_value()?));
            }
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str) -> Option<Vec<(String, String)>> {
        let members = members(json, |name| name.starts_with('a'))?;
        let read = |(name, value): (String, &RawValue)| (name, value.get().to_owned());
        Some(members.into_iter().map(read).collect())
    }

    #[test]
    fn members_that_are_wanted_are_found_as_they_stand() {
        let json = r#" {"a": [1, 2], "b": 1e999, "a": "\u0061", "A": 1} "#;
        let expected = [("a", "[1, 2]"), ("a", r#""\u0061""#)];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(found(json), Some(expected.to_vec()));
        assert_eq!(found("{}"), Some(Vec::new()));
        for none in ["", "[]", "1", "null", "{", "{} {}", r#"{"a":}"#, r#"{a:1}"#] {
            assert_eq!(found(none), None, "{none}");
        }
    }

    #[test]
    fn deep_json_is_found_and_brackets_in_text_do_not_count() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(!is_too_deep(&nested(MAX_DEPTH)));
        assert!(is_too_deep(&nested(MAX_DEPTH + 1)));
        let wide = format!("[{}]", vec![nested(10); 100].join(","));
        assert!(!is_too_deep(&wide));
        let text = format!(r#"{{"a\"{}":1}}"#, nested(100));
        assert!(!is_too_deep(&text));
        let after = format!(r#"{{"a\\":{}}}"#, nested(100));
        assert!(is_too_deep(&after));
    }

    #[test]
    fn there_is_an_end_to_members_that_are_wanted_and_none_to_others() {
        let many = |name: &str, count: usize| {
            let members = vec![format!("\"{name}\":0"); count].join(",");
            found(&format!("{{{members}}}")).map(|found| found.len())
        };
        assert_eq!(many("a", MAX_MEMBERS), Some(MAX_MEMBERS));
        assert_eq!(many("a", MAX_MEMBERS + 1), None);
        assert_eq!(many("b", 100 * MAX_MEMBERS), Some(0));
    }
}
