//! The source of a setting. Overrides take precedence over the environment, and the
//! environment over the profile.

use std::{fmt, path::PathBuf};

use crate::mask;

/// The source of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An override. The text is the front end's name for it, for example the name of a
    /// command's argument.
    Override(String),
    /// The environment variable with this name.
    Environment(String),
    /// A profile of the configuration file.
    Profile {
        /// The configuration file.
        file: PathBuf,
        /// The profile's name.
        profile: String,
    },
    /// Derived from the cloud.
    Cloud,
    /// The default.
    Default,
}

/// A value with its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// The source.
    pub source: Source,
}

impl Source {
    /// Whether the source is a profile.
    #[must_use]
    pub fn is_profile(&self) -> bool {
        matches!(self, Self::Profile { .. })
    }

    /// The rank in the order of precedence. The lowest rank wins.
    pub(super) fn distance(&self) -> u8 {
        match self {
            Self::Override(_) => 0,
            Self::Environment(_) => 1,
            Self::Profile { .. } => 2,
            Self::Cloud | Self::Default => 3,
        }
    }
}

impl<T> Sourced<T> {
    /// A value with its source.
    pub fn new(value: T, source: Source) -> Self {
        Self { value, source }
    }

    /// The source of the value.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Another value from the same source.
    pub(super) fn map<U>(&self, other: impl FnOnce(&T) -> U) -> Sourced<U> {
        Sourced::new(other(&self.value), self.source.clone())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Override(name) => formatter.write_str(name),
            Self::Environment(name) => write!(formatter, "environment {name}"),
            Self::Profile { file, profile } => {
                write!(formatter, "profile {profile} in {}", mask::path(file))
            }
            Self::Cloud => formatter.write_str("cloud"),
            Self::Default => formatter.write_str("default"),
        }
    }
}
