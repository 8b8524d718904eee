//! The id or the domain of a tenant, and the id of an application.

use std::{ffi::OsString, fmt, ops::Deref, str::FromStr};

use serde::{Deserializer, de::Error as _};
use serde_json::Value;
use thiserror::Error;

use super::{
    setting::{InvalidValue, Kind},
    value::{SettingValue, last, text_of_file, utf8},
};
use crate::mask;

/// The id or a domain of a tenant, or the id of an application: ASCII letters, digits, dots
/// and hyphens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier(String);

/// A text is not an id or a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this is not an id or a domain, which has only letters, digits, dots and hyphens")]
pub struct InvalidIdentifier;

impl FromStr for Identifier {
    type Err = InvalidIdentifier;

    fn from_str(text: &str) -> Result<Self, InvalidIdentifier> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        if text.chars().all(is_part) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidIdentifier)
        }
    }
}

impl Deref for Identifier {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<Identifier> for String {
    fn from(identifier: Identifier) -> Self {
        identifier.0
    }
}

impl PartialEq<&str> for Identifier {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl SettingValue for Identifier {
    const KIND: Kind = Kind::Parsed;

    fn parse(texts: &[OsString]) -> Result<Self, InvalidValue> {
        let text = utf8(last(texts)?)?;
        text.parse()
            .map_err(|error: InvalidIdentifier| InvalidValue(error.to_string()))
    }

    fn from_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_of_file(deserializer).map_err(D::Error::custom)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn shown(&self) -> Value {
        mask::identifier(self).into_owned().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_an_id_or_a_domain() {
        for text in [
            "contoso.com",
            "contoso.onmicrosoft.com",
            "7e4a4700-0000-4000-8000-000000000001",
            "common",
        ] {
            assert!(text.parse::<Identifier>().is_ok(), "{text}");
        }
        for text in [
            "bad tenant",
            "contoso.com/",
            "https://contoso.com",
            "a@b",
            "a\n",
        ] {
            assert_eq!(text.parse::<Identifier>(), Err(InvalidIdentifier), "{text}");
        }
    }
}
