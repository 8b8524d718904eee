//! Builds a configuration from its layers.

use std::{collections::HashMap, ffi::OsString, path::PathBuf};

use super::{
    Config, Environment, Secrets, Setting, Source, Sourced,
    auth::IDENTITY_ENDPOINT,
    default_file, default_ledger,
    error::ConfigError,
    file::{self, Chosen, choose},
    layers::{Layers, Override},
    limit::LimitValues,
    plugin::PluginSettings,
    setting_of,
    settings::{CONFIGURATION, PROFILE, Values},
    value::{SettingValue, WrittenFile},
};
use crate::connection::Proxies;

/// Collects the layers of a configuration. Environment variables are read only if the caller
/// passes them.
#[derive(Debug, Clone, Default)]
pub struct ConfigBuilder {
    overrides: HashMap<&'static str, Override>,
    environment: Environment,
    secrets: Secrets,
}

/// The configuration file and the profile name.
type Place = (Option<Sourced<PathBuf>>, Option<Sourced<String>>);

impl ConfigBuilder {
    /// Overrides a setting. `name` is the front end's name for it; the value gets it as its
    /// [`Source`]. A list has several values.
    ///
    /// # Errors
    /// The key is unknown, or only a profile can have the setting.
    pub fn set<T: Into<OsString>>(
        mut self,
        key: &str,
        values: impl IntoIterator<Item = T>,
        name: impl Into<String>,
    ) -> Result<Self, ConfigError> {
        let unknown = || ConfigError::UnknownSetting(key.to_owned());
        let setting = setting_of(key).ok_or_else(unknown)?;
        if setting.argument.is_none() {
            return Err(ConfigError::OnlyInProfile(setting.key));
        }
        let given = Override {
            name: name.into(),
            texts: values.into_iter().map(Into::into).collect(),
        };
        self.overrides.insert(setting.key, given);
        Ok(self)
    }

    /// Sets the environment variables: those of settings, those of proxies, and those that
    /// name the user's folders. Without this call, no variable is used, and there is neither a
    /// default configuration file nor a default ledger.
    #[must_use]
    pub fn environment(self, environment: Environment) -> Self {
        Self {
            environment,
            ..self
        }
    }

    /// Sets the secrets.
    #[must_use]
    pub fn secrets(self, secrets: Secrets) -> Self {
        Self { secrets, ..self }
    }

    /// Reads the configuration file, and selects the layer of each setting.
    ///
    /// # Errors
    /// The configuration file cannot be used, or a value does not have the form
    /// of its setting.
    pub fn build(self) -> Result<Config, ConfigError> {
        let place = self.place()?;
        let chosen = self.chosen(&place)?;
        let profile = chosen.as_ref().map(|chosen| chosen.profile.clone());
        let profile = profile.unwrap_or_default();
        let source = chosen.as_ref().map(Chosen::source);
        let layers = self.layers(source.as_ref());
        let plugin_limits = profile.limits.clone();
        let values = Values::pick(&layers, profile)?;
        let plugin = PluginSettings::new(
            values.plugin.clone(),
            values.plugin_sha256.clone(),
            plugin_limits.as_ref(),
            values.limits.as_ref(),
        )?;
        let (file, profile_name) = place;
        Ok(Config {
            profile_source: profile_name.map(|name| name.source),
            file,
            has_identity_endpoint: self.environment.get(IDENTITY_ENDPOINT).is_some(),
            default_file: default_file(&self.environment),
            default_ledger: default_ledger(&self.environment),
            proxies: Proxies::from_variables(|name| self.environment.get(name).cloned()),
            profile: chosen,
            values,
            plugin,
            secrets: self.secrets,
        })
    }

    /// Only the settings of the plugin, without a profile.
    ///
    /// # Errors
    /// A value does not have the form of its setting.
    pub fn plugin(&self) -> Result<PluginSettings, ConfigError> {
        PluginSettings::new(
            self.given("plugin")?,
            self.given("plugin-sha256")?,
            None,
            self.given::<LimitValues>("limits")?.as_ref(),
        )
    }

    /// Only the names of the profiles in the configuration file, in alphabetical order; none
    /// without such a file.
    ///
    /// # Errors
    /// The configuration file cannot be used.
    pub fn profiles(&self) -> Result<Vec<String>, ConfigError> {
        let (file, _) = self.place()?;
        let file = file.map(|file| file.value);
        let Some(file) = file.or_else(|| default_file(&self.environment)) else {
            return Ok(Vec::new());
        };
        file::profiles(&file)
    }

    /// Only the path of the ledger; `None` without a home directory. The configuration file is
    /// not read if an override or a variable sets the ledger.
    ///
    /// # Errors
    /// The configuration file cannot be used, or a value contains a secret.
    pub fn ledger_path(&self) -> Result<Option<PathBuf>, ConfigError> {
        let named = self.named_ledger()?;
        Ok(named.or_else(|| default_ledger(&self.environment)))
    }

    /// The path of the ledger that a setting selects; `None` if it is the default one. The
    /// configuration file is read as for [`ConfigBuilder::ledger_path`].
    ///
    /// # Errors
    /// The configuration file cannot be used, or a value contains a secret.
    pub fn named_ledger(&self) -> Result<Option<PathBuf>, ConfigError> {
        if let Some(ledger) = self.given::<WrittenFile>("ledger")? {
            return Ok(Some(ledger.value.0));
        }
        let chosen = self.chosen(&self.place()?)?;
        let in_profile = chosen.and_then(|chosen| chosen.profile.ledger);
        Ok(in_profile.map(|WrittenFile(file)| file))
    }

    fn place(&self) -> Result<Place, ConfigError> {
        let layers = self.layers(None);
        Ok((
            layers.pick(&CONFIGURATION, None)?,
            layers.pick(&PROFILE, None)?,
        ))
    }

    fn chosen(&self, (file, name): &Place) -> Result<Option<Chosen>, ConfigError> {
        let file = file.as_ref().map(|file| file.value.as_path());
        let default_file = default_file(&self.environment);
        let name = name.as_ref().map(|name| name.value.as_str());
        choose(file, default_file.as_deref(), name)
    }

    fn layers<'a>(&'a self, profile: Option<&'a Source>) -> Layers<'a> {
        Layers {
            overrides: &self.overrides,
            environment: &self.environment,
            profile,
        }
    }

    /// The value of an override or a variable.
    fn given<T: SettingValue>(&self, key: &str) -> Result<Option<Sourced<T>>, ConfigError> {
        let unknown = || ConfigError::UnknownSetting(key.to_owned());
        let setting: &Setting = setting_of(key).ok_or_else(unknown)?;
        self.layers(None).pick(setting, None)
    }
}

impl Chosen {
    pub(super) fn source(&self) -> Source {
        Source::Profile {
            file: self.file.clone(),
            profile: self.name.clone(),
        }
    }
}
