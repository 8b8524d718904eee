//! The plugin and its limits.

use std::path::PathBuf;

use super::{ConfigError, LimitValues, Sourced};
use crate::{component::Digest, sandbox::Limits};

/// The plugin and its limits.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PluginSettings {
    /// The component; `None` for the built-in one.
    pub file: Option<Sourced<PathBuf>>,
    /// The required digest.
    pub sha256: Option<Sourced<Digest>>,
    /// The limits of each call.
    pub limits: Limits,
}

impl PluginSettings {
    /// Limits of the profile that are not overridden stay in effect.
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
