//! The configuration file: named profiles, one for each tenant. It is never
//! looked for in the working folder, which may be somebody else's: a profile
//! may name a program that is run.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use glob::Pattern;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::Auth;
use crate::{limit, target};
use offboard::{
    Keyword,
    component::Digest,
    connection::{
        AddressRange, TrustedFileError,
        cloud::{Cloud, Region},
        read_trusted,
    },
    contract::{ApiRoot, MachineId},
    mask,
    pace::Quota,
    policy::Policy,
    sandbox::Limit,
};

/// Larger than any configuration, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// Where profiles stand.
const PROFILES: &str = "a profile stands below a line [profiles.NAME]";

/// How alike two keys are where one may be meant for the other.
const ALIKE: f64 = 0.8;

/// What a configuration file has.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Contents {
    /// The profile that is used where none is named.
    #[serde(default, deserialize_with = "profile_name")]
    profile: Option<String>,
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
}

/// The settings for one tenant.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct Profile {
    #[serde(deserialize_with = "choice")]
    pub(super) cloud: Option<Cloud>,
    #[serde(deserialize_with = "choice")]
    pub(super) region: Option<Region>,
    #[serde(deserialize_with = "text")]
    pub(super) api_root: Option<ApiRoot>,
    #[serde(deserialize_with = "text")]
    pub(super) authority: Option<url::Url>,
    pub(super) resource: Option<String>,
    #[serde(deserialize_with = "hosts")]
    pub(super) allow_api_host: Vec<String>,
    #[serde(deserialize_with = "choice")]
    pub(super) auth: Option<Auth>,
    pub(super) tenant: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret_file: Option<PathBuf>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) certificate_password_file: Option<PathBuf>,
    pub(super) federated_token_file: Option<PathBuf>,
    pub(super) identity: Option<String>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) token_command: Vec<String>,
    pub(super) ca_file: Option<PathBuf>,
    #[serde(deserialize_with = "texts")]
    pub(super) allow_address: Vec<AddressRange>,
    #[serde(deserialize_with = "text")]
    pub(super) quota: Option<Quota>,
    pub(super) audit: Option<PathBuf>,
    pub(super) ledger: Option<PathBuf>,
    pub(super) plugin: Option<PathBuf>,
    #[serde(deserialize_with = "text")]
    pub(super) plugin_sha256: Option<Digest>,
    #[serde(deserialize_with = "limits")]
    pub(super) limits: Vec<(Limit, u64)>,
    #[serde(deserialize_with = "policy")]
    pub(super) policy: Policy,
}

/// A policy, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Rules {
    #[serde(deserialize_with = "texts")]
    never: Vec<MachineId>,
    #[serde(deserialize_with = "texts")]
    never_names: Vec<Pattern>,
    never_tags: Vec<String>,
    never_groups: Vec<String>,
    never_values: Vec<String>,
    required_tag: Option<String>,
    not_seen_for: Option<String>,
    largest_share: Option<u8>,
}

/// A profile, and where it stands.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    pub(crate) file: PathBuf,
    pub(crate) name: String,
    pub(super) profile: Profile,
}

/// The profile that is in force; none where there is no file, or none in it.
pub(super) fn choose(file: Option<&Path>, name: Option<&str>) -> Result<Option<Chosen>> {
    let (path, must_exist) = match (file, usual()) {
        (Some(path), _) => (path.to_owned(), true),
        (None, Some(path)) => (path, false),
        (None, None) => match name {
            Some(name) => bail!(
                "there is no profile {}, because there is no home folder: name a \
                 configuration with --config",
                mask::value(name)
            ),
            None => return Ok(None),
        },
    };
    let text = match read(&path) {
        Ok(text) => text,
        Err(error) if !must_exist && is_missing(&error) => match name {
            Some(name) => bail!(
                "there is no profile {}: {} does not exist",
                mask::value(name),
                mask::path(&path)
            ),
            None => return Ok(None),
        },
        Err(error) => return Err(error),
    };
    let context = || mask::path(&path);
    check_secrets(&text).with_context(context)?;
    let contents: Contents = toml::from_str(&text)
        .map_err(|error| explain(&error))
        .with_context(context)?;
    let names: Vec<&str> = contents.profiles.keys().map(String::as_str).collect();
    let name = match (name, contents.profile.as_deref(), names.as_slice()) {
        (Some(name), ..) | (None, Some(name), _) => name,
        (None, None, [name]) => *name,
        (None, None, []) => return Ok(None),
        (None, None, many) if many.contains(&"default") => "default",
        (None, None, many) => bail!(
            "{} has several profiles: choose one with --profile ({})",
            mask::path(&path),
            many.join(", ")
        ),
    }
    .to_owned();
    let Some(profile) = contents.profiles.get(&name) else {
        bail!(
            "{} has no profile {}; its profiles: {}",
            mask::path(&path),
            mask::value(&name),
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            }
        );
    };
    let mut profile = profile.clone();
    profile.anchor(path.parent().unwrap_or(Path::new("")));
    Ok(Some(Chosen {
        profile,
        name,
        file: path,
    }))
}

/// Where the file is looked for; nowhere for who has no home, or one that is
/// wherever the command is started.
pub(crate) fn usual() -> Option<PathBuf> {
    use etcetera::BaseStrategy;
    let folder = etcetera::choose_base_strategy().ok()?.config_dir();
    let file = folder.join("offboard").join("offboard.toml");
    Some(file).filter(|file| file.is_absolute())
}

impl Profile {
    /// Paths are relative to the file that names them.
    fn anchor(&mut self, folder: &Path) {
        for path in [
            &mut self.client_secret_file,
            &mut self.certificate,
            &mut self.certificate_password_file,
            &mut self.federated_token_file,
            &mut self.token_file,
            &mut self.ca_file,
            &mut self.audit,
            &mut self.ledger,
            &mut self.plugin,
        ]
        .into_iter()
        .flatten()
        {
            *path = folder.join(&*path);
        }
        // A bare name is looked for on the path, as always.
        if let Some(program) = self.token_command.first_mut()
            && Path::new(program).components().count() > 1
            && let Some(whole) = folder.join(&*program).to_str()
        {
            *program = whole.to_owned();
        }
    }
}

/// It may name a program that is run, so nobody else may write it.
fn read(path: &Path) -> Result<String> {
    let context = || format!("the configuration {}", mask::path(path));
    let bytes = read_trusted(path, MAX_FILE).with_context(context)?;
    String::from_utf8(bytes)
        .context("it is no text")
        .with_context(context)
}

fn is_missing(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<TrustedFileError>(),
        Some(TrustedFileError::Io(error)) if error.kind() == io::ErrorKind::NotFound
    )
}

/// Checks that no value is a token or a client secret. Text that is not TOML is rejected
/// later, when it is parsed.
fn check_secrets(text: &str) -> Result<()> {
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

/// The place and the reason; for a key that there is not, the one that may be
/// meant instead of all there are.
fn explain(error: &toml::de::Error) -> anyhow::Error {
    let message = error.message();
    // Without the line itself, which may have a secret.
    let place = error.to_string();
    let place = place.lines().next().unwrap_or_default();
    let mut quoted = message.split('`').skip(1).step_by(2);
    let Some(unknown) = quoted
        .next()
        .filter(|_| message.starts_with("unknown field"))
    else {
        let message = message_without_value(message);
        let message = match message.contains("cannot extend value") {
            true => format!("{message} ({PROFILES})"),
            false => message,
        };
        return anyhow::anyhow!("{place}: {message}");
    };
    // As the flags and JSON may have it.
    let key = kebab(unknown);
    let mut quoted = quoted.collect::<Vec<_>>();
    if !quoted.contains(&key.as_str()) && is_setting(&key) {
        return anyhow::anyhow!(
            "{place}: {unknown} stands in no profile: it belongs below a line [profiles.NAME], as {key}"
        );
    }
    quoted.retain(|known| *known != unknown);
    let known_at_the_top = quoted.contains(&"profiles");
    let likely = quoted
        .into_iter()
        .map(|known| (strsim::jaro_winkler(&key, known), known))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    match likely {
        Some((_, known)) => {
            anyhow::anyhow!("{place}: there is no key {unknown}; did you mean {known}?")
        }
        None if known_at_the_top => {
            anyhow::anyhow!("{place}: there is no key {unknown} ({PROFILES})")
        }
        None => anyhow::anyhow!("{place}: there is no key {unknown}"),
    }
}

/// What is there may be a secret, too.
fn message_without_value(message: &str) -> String {
    match message
        .strip_prefix("invalid type: ")
        .map(|rest| rest.rsplit_once(", expected "))
    {
        Some(Some((_, expected))) => {
            let expected = expected.replace("a sequence", "a list");
            format!("what stands there is not {expected}")
        }
        _ => message.to_owned(),
    }
}

/// `clientId` and `client_id` as `client-id`.
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

/// Whether a profile has this key. Its value does not matter here.
fn is_setting(key: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !key.is_empty()
        && key.bytes().all(is_plain)
        && match toml::from_str::<Profile>(&format!("{key} = 0")) {
            Ok(_) => true,
            Err(error) => !error.message().starts_with("unknown field"),
        }
}

/// The one name, which is easily taken for where the profiles stand.
fn profile_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match toml::Value::deserialize(deserializer)? {
        toml::Value::String(name) => Ok(Some(name)),
        toml::Value::Table(_) => Err(D::Error::custom(
            "a profile stands below a line [profiles.NAME]; `profile` alone names the one that is used",
        )),
        _ => Err(D::Error::custom(
            "`profile` is the name of one of the profiles",
        )),
    }
}

fn text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(D::Error::custom)
}

fn texts<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let texts = Vec::<String>::deserialize(deserializer)?;
    let parse = |text: &String| text.parse().map_err(D::Error::custom);
    texts.iter().map(parse).collect()
}

fn hosts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let host = |text: &String| target::host(text).map_err(D::Error::custom);
    texts.iter().map(host).collect()
}

/// One of the words that the flag takes.
fn choice<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Keyword,
{
    let word = String::deserialize(deserializer)?;
    T::from_name(&word).map(Some).map_err(D::Error::custom)
}

/// What a machine can be worth (Microsoft's API documentation).
const VALUES: [&str; 3] = ["Normal", "Low", "High"];

/// A table of rules.
fn policy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Policy, D::Error> {
    let rules = Rules::deserialize(deserializer)?;
    let blank = [&rules.never_tags, &rules.never_groups, &rules.never_values]
        .into_iter()
        .flatten()
        .chain(&rules.required_tag)
        .any(|word| word.trim().is_empty());
    let no_pattern = |pattern: &Pattern| pattern.as_str().trim().is_empty();
    if blank || rules.never_names.iter().any(no_pattern) {
        return Err(D::Error::custom("a blank word in a policy means nothing"));
    }
    let is_value = |word: &String| VALUES.iter().any(|value| value.eq_ignore_ascii_case(word));
    if let Some(word) = rules.never_values.iter().find(|word| !is_value(word)) {
        let values = VALUES.join(", ");
        return Err(D::Error::custom(format!("{word:?} is none of {values}")));
    }
    let duration = |text: &String| {
        let told = |reason: &str| D::Error::custom(format!("not-seen-for, as 30d: {reason}"));
        match humantime::parse_duration(text) {
            Ok(duration) if duration.is_zero() => Err(told("no time at all excludes nothing")),
            Ok(duration) => Ok(duration),
            Err(error) => Err(told(&error.to_string())),
        }
    };
    if let Some(share) = rules
        .largest_share
        .filter(|share| !(1..=100).contains(share))
    {
        let reason = format!("largest-share is from 1 to 100 percent of the fleet, not {share}");
        return Err(D::Error::custom(reason));
    }
    Ok(Policy {
        largest_share: rules.largest_share,
        not_seen_for: rules.not_seen_for.as_ref().map(duration).transpose()?,
        never: rules.never,
        never_names: rules.never_names,
        never_tags: rules.never_tags,
        never_groups: rules.never_groups,
        never_values: rules.never_values,
        required_tag: rules.required_tag,
    })
}

/// A table of limits, each written as after `--limit`.
fn limits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(Limit, u64)>, D::Error> {
    let table = BTreeMap::<String, toml::Value>::deserialize(deserializer)?;
    let parse = |(name, value): (&String, &toml::Value)| {
        let value = match value {
            toml::Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        limit::parse(&format!("{name}={value}")).map_err(D::Error::custom)
    };
    table.iter().map(parse).collect()
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
