//! Which plugin is used, and within which limits.

use std::path::PathBuf;

use super::{ConfigError, LimitValues, Sourced};
use crate::{component::Digest, sandbox::Limits};

/// Which plugin is used, and within which limits.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PluginSettings {
    /// The component; `None` for the built-in one.
    pub file: Option<Sourced<PathBuf>>,
    /// The digest that it must have.
    pub sha256: Option<Sourced<Digest>>,
    /// The limits of each call.
    pub limits: Limits,
}

impl PluginSettings {
    /// The limits of the profile stay in force beside those that were given.
    pub(super) fn new(
        file: Option<Sourced<PathBuf>>,
        sha256: Option<Sourced<Digest>>,
        in_profile: Option<&LimitValues>,
        given: Option<&Sourced<LimitValues>>,
    ) -> Result<Self, ConfigError> {
        let mut limits = Limits::default();
        let given = given.map(|given| &given.value);
        for (limit, value) in in_profile.into_iter().chain(given).flat_map(|set| &set.0) {
            limits.set(*limit, *value)?;
        }
        Ok(Self {
            file,
            sha256,
            limits,
        })
    }
}
