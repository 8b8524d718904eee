//! The configuration file: named profiles, one for each tenant. It is never searched in the
//! working folder, which an attacker may control: a profile may name a program that is run.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, de::Error as _};

use super::{
    Profile, SETTINGS,
    error::{ConfigError, InvalidFile},
};
use crate::{
    identity::{TrustedFileError, read_trusted},
    mask,
};

/// Larger than any configuration, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// Where profiles are defined.
const PROFILES: &str = "a profile is a table [profiles.NAME]";

/// The minimum similarity of two keys for a suggestion.
const ALIKE: f64 = 0.8;

/// The contents of a configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Contents {
    /// The profile that is used by default.
    #[serde(default, deserialize_with = "profile_name")]
    profile: Option<String>,
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
}

/// The selected profile and its source.
#[derive(Debug, Clone, Default)]
pub(super) struct Chosen {
    pub(super) file: PathBuf,
    pub(super) name: String,
    pub(super) profile: Profile,
}

/// The profile in use; `None` without a file, or if the file has no profile. The default file
/// need not exist.
pub(super) fn choose(
    file: Option<&Path>,
    default_file: Option<&Path>,
    name: Option<&str>,
) -> Result<Option<Chosen>, ConfigError> {
    let (path, must_exist) = match (file, default_file, name) {
        (Some(path), ..) => (path.to_owned(), true),
        (None, Some(path), _) => (path.to_owned(), false),
        (None, None, None) => return Ok(None),
        (None, None, Some(name)) => {
            let profile = name.to_owned();
            return Err(ConfigError::NoHome { profile });
        }
    };
    let contents = match (contents(&path), name) {
        (Ok(contents), _) => contents,
        (Err(error), Some(name)) if !must_exist && is_missing(&error) => {
            let profile = name.to_owned();
            return Err(ConfigError::NoFile { profile, path });
        }
        (Err(error), None) if !must_exist && is_missing(&error) => return Ok(None),
        (Err(error), _) => return Err(error),
    };
    let names: Vec<&str> = contents.profiles.keys().map(String::as_str).collect();
    let owned = || names.iter().map(|&name| name.to_owned()).collect();
    let name = match (name, contents.profile.as_deref(), names.as_slice()) {
        (Some(name), ..) | (None, Some(name), _) => name,
        (None, None, [name]) => *name,
        (None, None, []) => return Ok(None),
        (None, None, many) if many.contains(&"default") => "default",
        (None, None, _) => {
            let profiles = owned();
            return Err(ConfigError::SeveralProfiles { path, profiles });
        }
    }
    .to_owned();
    let Some(profile) = contents.profiles.get(&name) else {
        let profiles = owned();
        return Err(ConfigError::UnknownProfile {
            path,
            profile: name,
            profiles,
        });
    };
    let mut profile = profile.clone();
    profile.anchor(path.parent().unwrap_or(Path::new("")));
    Ok(Some(Chosen {
        profile,
        name,
        file: path,
    }))
}

/// The names of the profiles in a file, in alphabetical order.
pub(super) fn profiles(path: &Path) -> Result<Vec<String>, ConfigError> {
    Ok(contents(path)?.profiles.into_keys().collect())
}

fn contents(path: &Path) -> Result<Contents, ConfigError> {
    let text = read(path)?;
    let invalid = |source| ConfigError::File {
        path: path.to_owned(),
        source,
    };
    check_secrets(&text).map_err(|error| invalid(InvalidFile::Secret(error)))?;
    toml::from_str(&text).map_err(|error| invalid(explain(&error)))
}

/// Reads the file. It may name a program that is run, so no other user may be able to write
/// it.
fn read(path: &Path) -> Result<String, ConfigError> {
    let bytes = read_trusted(path, MAX_FILE).map_err(|source| ConfigError::Untrusted {
        path: path.to_owned(),
        source,
    })?;
    let text = String::from_utf8(bytes);
    text.map_err(|_| ConfigError::NotText(path.to_owned()))
}

fn is_missing(error: &ConfigError) -> bool {
    matches!(
        error,
        ConfigError::Untrusted { source: TrustedFileError::Io(error), .. }
            if error.kind() == io::ErrorKind::NotFound
    )
}

/// Checks that no value is a token or a client secret. Text that is not TOML is rejected
/// later, when it is parsed.
fn check_secrets(text: &str) -> Result<(), mask::MisplacedSecret> {
    fn walk(name: &str, value: &toml::Value) -> Result<(), mask::MisplacedSecret> {
        match value {
            toml::Value::String(text) => mask::check(name, text),
            toml::Value::Array(values) => values.iter().try_for_each(|value| walk(name, value)),
            toml::Value::Table(table) => table.iter().try_for_each(|(key, value)| {
                let key = mask::value(key);
                let name = match name {
                    "" => key.into_owned(),
                    name => format!("{name}.{key}"),
                };
                walk(&name, value)
            }),
            _ => Ok(()),
        }
    }
    if let Ok(table) = toml::from_str::<toml::Table>(text) {
        walk("", &toml::Value::Table(table))?;
    }
    Ok(())
}

/// The position and the reason of an error. For an unknown key, the most similar key instead
/// of the list of all keys.
fn explain(error: &toml::de::Error) -> InvalidFile {
    let message = error.message();
    // Without the line itself, which may contain a secret.
    let place = error.to_string();
    let place = place.lines().next().unwrap_or_default();
    let mut quoted = message.split('`').skip(1).step_by(2);
    let Some(unknown) = quoted
        .next()
        .filter(|_| message.starts_with("unknown field"))
    else {
        let message = message_without_value(message);
        let message = if message.contains("cannot extend value") {
            format!("{message} ({PROFILES})")
        } else {
            message
        };
        return InvalidFile::Contents(format!("{place}: {message}"));
    };
    // The spelling of flags and JSON.
    let key = kebab(unknown);
    let mut quoted = quoted.collect::<Vec<_>>();
    if !quoted.contains(&key.as_str()) && is_setting(&key) {
        return InvalidFile::Contents(format!(
            "{place}: {unknown} is outside a profile: move it below a line [profiles.NAME], as {key}"
        ));
    }
    quoted.retain(|known| *known != unknown);
    let known_at_the_top = quoted.contains(&"profiles");
    let likely = quoted
        .into_iter()
        .map(|known| (strsim::jaro_winkler(&key, known), known))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    let unknown = format!("{place}: unknown key {unknown}");
    InvalidFile::Contents(match likely {
        Some((_, known)) => format!("{unknown}; did you mean {known}?"),
        None if known_at_the_top => format!("{unknown} ({PROFILES})"),
        None => unknown,
    })
}

/// Removes the invalid value, which may be a secret.
fn message_without_value(message: &str) -> String {
    match message
        .strip_prefix("invalid type: ")
        .map(|rest| rest.rsplit_once(", expected "))
    {
        Some(Some((_, expected))) => {
            let expected = expected.replace("a sequence", "a list");
            format!("the value is not {expected}")
        }
        _ => message.to_owned(),
    }
}

/// Converts `clientId` and `client_id` to `client-id`.
fn kebab(key: &str) -> String {
    let mut kebab = String::new();
    for letter in key.chars() {
        match letter {
            '_' => kebab.push('-'),
            letter if letter.is_ascii_uppercase() => {
                kebab.push('-');
                kebab.push(letter.to_ascii_lowercase());
            }
            letter => kebab.push(letter),
        }
    }
    kebab
}

/// Whether a profile can have this key.
fn is_setting(key: &str) -> bool {
    let mut settings = SETTINGS.iter();
    settings.any(|setting| setting.in_profile && setting.key == key)
}

/// Parses the key `profile`, which is easily confused with the table of profiles.
fn profile_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match toml::Value::deserialize(deserializer)? {
        toml::Value::String(name) => Ok(Some(name)),
        toml::Value::Table(_) => Err(D::Error::custom(
            "a profile is a table [profiles.NAME]; `profile` is the name of the default profile",
        )),
        _ => Err(D::Error::custom(
            "`profile` is the name of one of the profiles",
        )),
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
