//! Reads the service's JSON objects. Unknown members are ignored; missing ones and
//! nulls are `None`. Names are compared by case only if an object has both spellings,
//! because the documents and the service disagree (`ID` and `id`, `onboardingstatus`
//! and `onboardingStatus`).

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The members of one JSON object, unread.
pub struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Reads an object.
    ///
    /// # Errors
    /// It is not one JSON object, or two of its members have the same name: two readers
    /// could then understand it differently.
    pub fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// A member that is present and not null.
    pub fn raw(&self, name: &str) -> Option<&'a RawValue> {
        let find = |same: fn(&str, &str) -> bool| {
            self.0
                .iter()
                .find(|(key, _)| same(key, name))
                .map(|(_, value)| *value)
        };
        find(|key, name| key == name)
            .or_else(|| find(str::eq_ignore_ascii_case))
            .filter(|value| value.get() != "null")
    }

    /// A member of this type; `None` if it has another type.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        self.raw(name)
            .and_then(|value| serde_json::from_str(value.get()).ok())
    }

    /// A text. A number or a boolean is returned as it is written, because
    /// `rbacGroupId` is documented as a text and sent as a number.
    pub fn text(&self, name: &str) -> Option<String> {
        let value = self.raw(name)?.get();
        match value.as_bytes().first() {
            Some(b'"') => serde_json::from_str(value).ok(),
            Some(b'{' | b'[') | None => None,
            Some(_) => Some(value.to_owned()),
        }
    }

    /// A whole number, also one written as a text.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    /// The elements of an array; empty for any other value.
    pub fn array(&self, name: &str) -> Vec<&'a RawValue> {
        self.raw(name)
            .and_then(|value| serde_json::from_str(value.get()).ok())
            .unwrap_or_default()
    }

    /// An object.
    pub fn object(&self, name: &str) -> Option<Members<'a>> {
        self.raw(name)
            .and_then(|value| Members::parse(value.get()).ok())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members: Self::Value = Vec::new();
                while let Some(member) = map.next_entry::<String, &RawValue>()? {
                    members.push(member);
                }
                let mut names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
                names.sort_unstable();
                if names.is_sorted_by(|one, next| one < next) {
                    Ok(members)
                } else {
                    Err(A::Error::custom("two members of one name"))
                }
            }
        }

        deserializer.deserialize_map(Object).map(Self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn the_exact_name_wins_over_another_case() {
        let members = Members::parse(r#"{"ID": "wrong", "id": "right"}"#).unwrap();
        assert_eq!(members.text("id").as_deref(), Some("right"));
        assert_eq!(members.text("Id").as_deref(), Some("wrong"));
    }

    #[test]
    fn a_number_may_stand_where_a_text_is_documented() {
        let members =
            Members::parse(r#"{"a": 140, "b": "141", "c": null, "d": {}, "e": 1.5}"#).unwrap();
        assert_eq!(members.text("a").as_deref(), Some("140"));
        assert_eq!(members.integer("b"), Some(141));
        assert_eq!(members.text("c"), None);
        assert_eq!(members.text("d"), None);
        assert_eq!(members.integer("e"), None);
    }

    #[test]
    fn two_members_of_one_name_are_refused() {
        assert!(Members::parse(r#"{"id": "a", "id": "b"}"#).is_err());
        assert!(Members::parse(r#"{"id": "a", "i\u0064": "b"}"#).is_err());
    }

    #[test]
    fn an_object_of_many_members_does_not_hold_the_caller_up() {
        let members: Vec<String> = (0..100_000).map(|n| format!(r#""{n}":0"#)).collect();
        let text = format!("{{{}}}", members.join(","));
        let start = Instant::now();
        assert!(Members::parse(&text).is_ok());
        // Comparing each with each takes a minute.
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}
