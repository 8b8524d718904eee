//! Why a configuration cannot be used.

use std::path::PathBuf;

use thiserror::Error;

use super::setting::InvalidValue;
use crate::{
    connection::InvalidProxy,
    identity::{TrustedFileError, cloud::ChoiceError},
    mask,
    sandbox::LimitError,
};

/// Why a configuration cannot be used. A value that may be a secret is not quoted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A value contains a secret.
    #[error(transparent)]
    Secret(#[from] mask::MisplacedSecret),
    /// A value does not have the form of its setting.
    #[error("{name}")]
    Invalid {
        /// The front end's name of the setting, or the name of the variable.
        name: String,
        /// The reason.
        #[source]
        source: InvalidValue,
    },
    /// The key is unknown.
    #[error("there is no setting {0}")]
    UnknownSetting(String),
    /// Only a profile can have this setting.
    #[error("only a profile can have the setting {0}")]
    OnlyInProfile(&'static str),
    /// A profile was chosen, but there is no home directory with a configuration file.
    #[error(
        "there is no profile {}, because there is no home directory",
        mask::value(profile)
    )]
    NoHome {
        /// The profile's name.
        profile: String,
    },
    /// A profile was chosen, but there is no configuration file.
    #[error(
        "there is no profile {}: {} does not exist",
        mask::value(profile),
        mask::path(path)
    )]
    NoFile {
        /// The profile's name.
        profile: String,
        /// The default configuration file.
        path: PathBuf,
    },
    /// The file has several profiles, and none was chosen.
    #[error("{} has several profiles ({})", mask::path(path), profiles.join(", "))]
    SeveralProfiles {
        /// The configuration file.
        path: PathBuf,
        /// Its profiles.
        profiles: Vec<String>,
    },
    /// The file does not have the chosen profile.
    #[error(
        "{} has no profile {}; its profiles: {}",
        mask::path(path),
        mask::value(profile),
        if profiles.is_empty() { "none".to_owned() } else { profiles.join(", ") }
    )]
    UnknownProfile {
        /// The configuration file.
        path: PathBuf,
        /// The profile's name.
        profile: String,
        /// The profiles of the file.
        profiles: Vec<String>,
    },
    /// The configuration file cannot be read, or other users can change it.
    #[error("the configuration {}", mask::path(path))]
    Untrusted {
        /// The configuration file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: TrustedFileError,
    },
    /// The configuration file is not text.
    #[error("the configuration {}: it is not text", mask::path(.0))]
    NotText(PathBuf),
    /// The contents of the configuration file cannot be used.
    #[error("{}", mask::path(path))]
    File {
        /// The configuration file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: InvalidFile,
    },
    /// A variable of other tools would send a profile's secret to an authority that is not
    /// Microsoft's.
    #[error(
        "{variable} names {authority}, which is not a Microsoft authority; the profile's \
         credential would be sent there"
    )]
    UnknownAuthority {
        /// The variable.
        variable: &'static str,
        /// The authority's origin.
        authority: String,
    },
    /// The parts of the service are inconsistent.
    #[error(transparent)]
    Service(#[from] ChoiceError),
    /// The proxy that the environment names cannot be used.
    #[error(transparent)]
    Proxy(#[from] InvalidProxy),
    /// A limit is above its ceiling.
    #[error(transparent)]
    Limit(#[from] LimitError),
}

/// Why the contents of a configuration file cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InvalidFile {
    /// A value contains a secret.
    #[error(transparent)]
    Secret(#[from] mask::MisplacedSecret),
    /// The text is not TOML, or has an unknown key or an invalid value. The message names the
    /// line.
    #[error("{0}")]
    Contents(String),
}
