//! The values of settings: how each is parsed from text and from the file, and how it is
//! shown.

use std::{
    ffi::{OsStr, OsString},
    net::IpAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;
use url::Url;

use super::{
    auth::Auth,
    setting::{InvalidValue, Kind},
};
use crate::{
    Keyword,
    component::Digest,
    connection::AddressRange,
    contract::ApiRoot,
    external_id::ExternalIdMode,
    identity::cloud::{Cloud, Region},
    mask,
    rate_limit::Quota,
};

/// Why `-` cannot be the name of a file that is written.
pub const NOT_STANDARD_OUTPUT: &str =
    "this is written to a file, not to standard output: use a file name (./- for a file named -)";

/// A value that a setting can have.
pub(super) trait SettingValue: Sized {
    /// Its form.
    const KIND: Kind;
    /// Whether it has several values.
    const IS_LIST: bool = false;

    /// Parses texts: one, or several for a list.
    fn parse(texts: &[OsString]) -> Result<Self, InvalidValue>;

    /// Parses the value of another tool's variable.
    fn parse_other(text: &str) -> Result<Self, InvalidValue> {
        Self::parse(&[text.into()])
    }

    /// Parses the value in the configuration file.
    fn from_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;

    /// Makes file names relative to the folder of the configuration file.
    fn anchor(&mut self, _folder: &Path) {}

    /// Whether the value counts as not set.
    fn is_empty(&self) -> bool {
        false
    }

    /// The value without secrets.
    fn shown(&self) -> Value;
}

/// Checks one text.
pub(super) fn check<T: SettingValue>(text: &str) -> Result<(), InvalidValue> {
    T::parse(&[text.into()]).map(|_| ())
}

/// Parses the value of a profile.
pub(super) fn from_file<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: SettingValue,
{
    let value = T::from_file(deserializer)?;
    Ok(Some(value).filter(|value| !value.is_empty()))
}

/// The last text: a later argument overrides an earlier one.
pub(super) fn last(texts: &[OsString]) -> Result<&OsStr, InvalidValue> {
    let last = texts.last().map(OsString::as_os_str);
    last.ok_or_else(|| InvalidValue("a value is missing".to_owned()))
}

pub(super) fn utf8(text: &OsStr) -> Result<&str, InvalidValue> {
    let text = text.to_str();
    text.ok_or_else(|| InvalidValue("the value is not valid UTF-8".to_owned()))
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, InvalidValue> {
    text.parse()
        .map_err(|error: T::Err| InvalidValue(error.to_string()))
}

/// A text in the file, parsed like the text of an argument.
pub(super) fn text_of_file<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: SettingValue,
{
    let text = String::deserialize(deserializer)?;
    T::parse(&[text.into()]).map_err(D::Error::custom)
}

fn texts_of_file<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: SettingValue,
{
    let texts = Vec::<OsString>::from_iter(
        Vec::<String>::deserialize(deserializer)?
            .into_iter()
            .map(OsString::from),
    );
    T::parse(&texts).map_err(D::Error::custom)
}

fn keywords<K: Keyword>() -> Vec<(&'static str, &'static str)> {
    let word = |value: &K| (value.name(), value.description());
    K::ALL.iter().map(word).collect()
}

macro_rules! keyword_values {
    ($($type:ty),*) => {$(
        impl SettingValue for $type {
            const KIND: Kind = Kind::Keyword(keywords::<$type>);

            fn parse(texts: &[OsString]) -> Result<Self, InvalidValue> {
                let word = utf8(last(texts)?)?;
                Self::from_name(word).map_err(|error| InvalidValue(error.to_string()))
            }

            fn from_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                text_of_file(deserializer)
            }

            fn shown(&self) -> Value {
                self.name().into()
            }
        }
    )*};
}

keyword_values!(Cloud, Region, Auth, ExternalIdMode);

macro_rules! parsed_values {
    ($($type:ty => $shown:expr),* $(,)?) => {$(
        impl SettingValue for $type {
            const KIND: Kind = Kind::Parsed;

            fn parse(texts: &[OsString]) -> Result<Self, InvalidValue> {
                parsed(utf8(last(texts)?)?)
            }

            fn from_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                text_of_file(deserializer)
            }

            fn shown(&self) -> Value {
                let shown: fn(&Self) -> String = $shown;
                shown(self).into()
            }
        }
    )*};
}

parsed_values! {
    ApiRoot => |root| mask::value(root.as_str()).into_owned(),
    Quota => ToString::to_string,
    Digest => |digest| digest.as_str().to_owned(),
}

/// A URL, of which only the origin is shown.
impl SettingValue for Url {
    const KIND: Kind = Kind::Parsed;

    fn parse(texts: &[OsString]) -> Result<Self, InvalidValue> {
        parsed(utf8(last(texts)?)?)
    }

    /// A URL. The scheme may be missing, because some Azure tools omit it.
    fn parse_other(text: &str) -> Result<Self, InvalidValue> {
        if text.contains("://") {
            parsed(text)
        } else {
            parsed(&format!("https://{text}"))
        }
    }

    fn from_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_of_file(deserializer)
    }

    fn shown(&self) -> Value {
        let origin = self.origin().ascii_serialization();
        mask::value(&origin).into_owned().into()
    }
}

impl SettingValue for String {
    const KIND: Kind = Kind::Text;

    fn parse(texts: &[OsString]) -> Result<Self, InvalidValue> {
        Ok(utf8(last(texts)?)?.to_owned())
    }

    fn from_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }

    fn shown(&self) -> Value {
        mask::identifier(self).into_owned().into()
    }
}

impl SettingValue for PathBuf {
    const KIND: Kind = Kind::Path;

    fn parse(texts: &[OsString]) -> Result<Self, InvalidValue> {
        Ok(last(texts)?.into())
    }

    fn from_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }

    fn anchor(&mut self, folder: &Path) {
        *self = folder.join(&*self);
    }

    fn shown(&self) -> Value {
        mask::path(self).into()
    }
}

/// The name of a file with a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFile(pub PathBuf);

impl SettingValue for SecretFile {
    const KIND: Kind = Kind::Path;

    fn parse(texts: &[OsString]) -> Result<Self, InvalidValue> {
        PathBuf::parse(texts).map(Self)
    }

    fn from_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        PathBuf::deserialize(deserializer).map(Self)
    }

    fn anchor(&mut self, folder: &Path) {
        self.0.anchor(folder);
    }

    fn shown(&self) -> Value {
        mask::secret_path(&self.0).into()
    }
}

/// The name of a file that is written. `-` is not standard output here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenFile(pub PathBuf);

impl WrittenFile {
    fn new(path: PathBuf) -> Result<Self, InvalidValue> {
        if path.as_os_str() == "-" {
            Err(InvalidValue(NOT_STANDARD_OUTPUT.to_owned()))
        } else {
            Ok(Self(path))
        }
    }
}

impl SettingValue for WrittenFile {
    const KIND: Kind = Kind::Path;

    fn parse(texts: &[OsString]) -> Result<Self, InvalidValue> {
        PathBuf::parse(texts).and_then(Self::new)
    }

    fn from_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(PathBuf::deserialize(deserializer)?).map_err(D::Error::custom)
    }

    fn anchor(&mut self, folder: &Path) {
        self.0.anchor(folder);
    }

    fn shown(&self) -> Value {
        self.0.shown()
    }
}

/// A program, and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(pub Vec<String>);

impl SettingValue for Words {
    const KIND: Kind = Kind::Text;

    fn parse(texts: &[OsString]) -> Result<Self, InvalidValue> {
        let words = shlex::split(utf8(last(texts)?)?).filter(|words| !words.is_empty());
        let words = words
            .ok_or_else(|| InvalidValue("it is empty, or has an open quotation mark".to_owned()))?;
        Ok(Self(words))
    }

    fn from_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self)
    }

    /// A program without a folder is searched for in `PATH`.
    fn anchor(&mut self, folder: &Path) {
        if let Some(program) = self.0.first_mut()
            && Path::new(program).components().count() > 1
            && let Some(whole) = folder.join(&*program).to_str()
        {
            *program = whole.to_owned();
        }
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Only the program: its arguments may be secrets.
    fn shown(&self) -> Value {
        let program = self.0.first().map(Path::new);
        program.map(mask::path).into()
    }
}

/// Host names or addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts(pub Vec<String>);

impl SettingValue for Hosts {
    const KIND: Kind = Kind::Parsed;
    const IS_LIST: bool = true;

    fn parse(texts: &[OsString]) -> Result<Self, InvalidValue> {
        let hosts = texts.iter().map(|text| host(utf8(text)?));
        hosts.collect::<Result<_, _>>().map(Self)
    }

    fn from_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        texts_of_file(deserializer)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn shown(&self) -> Value {
        self.0.iter().map(|host| mask::value(host)).collect()
    }
}

impl SettingValue for Vec<AddressRange> {
    const KIND: Kind = Kind::Parsed;
    const IS_LIST: bool = true;

    fn parse(texts: &[OsString]) -> Result<Self, InvalidValue> {
        texts.iter().map(|text| parsed(utf8(text)?)).collect()
    }

    fn from_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        texts_of_file(deserializer)
    }

    fn is_empty(&self) -> bool {
        Vec::is_empty(self)
    }

    fn shown(&self) -> Value {
        let shown = |range: &AddressRange| mask::value(&range.to_string()).into_owned();
        self.iter().map(shown).collect()
    }
}

/// Only a host, such as `gateway.example.com` or `10.1.2.3`.
fn host(text: &str) -> Result<String, InvalidValue> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if url::Host::parse(text).is_ok() || bare.parse::<IpAddr>().is_ok() {
        Ok(text.to_owned())
    } else {
        let reason = "only a host is expected, without https:// and without a port";
        Err(InvalidValue(reason.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_one_alone() {
        for taken in [
            "gateway.example.com",
            "10.1.2.3",
            "[fd00::1]",
            "fd00::1",
            "localhost",
        ] {
            assert!(host(taken).is_ok(), "{taken}");
        }
        for refused in [
            "https://gateway.example.com",
            "a.test:443",
            "a.test/x",
            "",
            "a b",
        ] {
            assert!(host(refused).is_err(), "{refused}");
        }
    }
}
