//! The configuration in use: each setting with its source. Overrides take precedence over the
//! environment, the environment over the profile, and the profile over the default.
//!
//! Each setting has one definition, in [`SETTINGS`]. A front end builds its
//! arguments from it.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use offboard::config::{Config, Environment};
//!
//! # let folder = tempfile::tempdir()?;
//! # let file = folder.path().join("offboard.toml");
//! # std::fs::write(&file, "")?;
//! let config = Config::builder()
//!     .set("configuration", [file], "the file")?
//!     .set("cloud", ["gcc"], "the request")?
//!     .environment(Environment::from_iter([("OFFBOARD_TENANT", "contoso.example")]))
//!     .build()?;
//! let tenant = config.tenant().ok_or("no tenant")?;
//! assert_eq!(tenant.value, "contoso.example");
//! assert_eq!(tenant.source.to_string(), "environment OFFBOARD_TENANT");
//! # Ok(())
//! # }
//! ```

mod auth;
mod builder;
mod conflicts;
mod credential;
mod environment;
mod error;
mod file;
mod folders;
mod identifier;
mod layers;
mod limit;
mod plugin;
mod rows;
mod rules;
mod secrets;
mod setting;
mod settings;
mod source;
#[cfg(test)]
mod tests;
mod value;

use std::path::PathBuf;

use uuid::Uuid;

use crate::{
    connection::{InvalidProxy, Proxies},
    identity::{
        TokenClaims,
        cloud::{Choice, Service},
        is_same_tenant,
    },
    rate_limit::Quota,
};
use file::Chosen;
use settings::{AUTHORITY_HOST, Profile, Values};

pub use auth::Auth;
pub use builder::ConfigBuilder;
pub use credential::{CredentialError, CredentialFileError};
pub use environment::Environment;
pub use error::{ConfigError, InvalidFile};
pub use folders::{default_file, default_ledger};
pub use identifier::{Identifier, InvalidIdentifier};
pub use limit::{LimitValues, format_limit};
pub use plugin::PluginSettings;
pub use rows::Row;
pub use secrets::Secrets;
pub use setting::{InvalidValue, Kind, SecretVariable, Section, Setting};
pub use settings::{SETTINGS, setting_of};
pub use source::{Source, Sourced};
pub use value::{Hosts, NOT_STANDARD_OUTPUT, SecretFile, Words, WrittenFile};

/// All settings of a connection. Immutable.
#[derive(Debug, Clone)]
pub struct Config {
    /// The configuration file, if a setting names one.
    file: Option<Sourced<PathBuf>>,
    /// The source of the profile's name.
    profile_source: Option<Source>,
    profile: Option<Chosen>,
    values: Values,
    plugin: PluginSettings,
    secrets: Secrets,
    /// Whether App Service offers a managed identity.
    has_identity_endpoint: bool,
    /// The default configuration file and the default ledger of the environment's user.
    default_file: Option<PathBuf>,
    default_ledger: Option<PathBuf>,
    /// The proxies of the environment.
    proxies: Result<Proxies, InvalidProxy>,
}

impl Config {
    /// Starts a configuration.
    #[must_use]
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::default()
    }

    /// The configuration file in use, or the one that is set.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        let chosen = self.profile.as_ref().map(|chosen| chosen.file.clone());
        chosen.or_else(|| self.file.as_ref().map(|file| file.value.clone()))
    }

    /// The name of the profile in use.
    #[must_use]
    pub fn profile(&self) -> Option<&str> {
        self.profile.as_ref().map(|chosen| chosen.name.as_str())
    }

    /// The settings of the plugin.
    #[must_use]
    pub fn plugin_settings(&self) -> &PluginSettings {
        &self.plugin
    }

    /// The quota in use.
    #[must_use]
    pub fn effective_quota(&self) -> Quota {
        let given = self.values.quota.as_ref();
        given.map(|quota| quota.value.clone()).unwrap_or_default()
    }

    /// The path of the ledger in use; `None` without a home directory.
    #[must_use]
    pub fn ledger_path(&self) -> Option<PathBuf> {
        let named = self.values.ledger.as_ref();
        named
            .map(|ledger| ledger.value.0.clone())
            .or_else(|| self.default_ledger.clone())
    }

    /// Whether a setting selects the ledger. Otherwise, it is the default one.
    #[must_use]
    pub fn names_ledger(&self) -> bool {
        self.values.ledger.is_some()
    }

    /// The proxies that the environment configures.
    ///
    /// # Errors
    /// A variable is not the URL of an HTTP proxy.
    pub fn proxies(&self) -> Result<Proxies, ConfigError> {
        Ok(self.proxies.clone()?)
    }

    /// The token's tenant and the configured tenant, if they differ.
    #[must_use]
    pub fn other_tenant<'a>(&'a self, claims: &'a TokenClaims) -> Option<(&'a str, &'a str)> {
        let (wanted, found) = (self.tenant_id()?, claims.tenant.as_deref()?);
        (!is_same_tenant(wanted, found)).then_some((found, wanted))
    }

    /// The configured tenant, if it is an id. A domain cannot be compared with an id.
    #[must_use]
    pub fn tenant_id(&self) -> Option<&str> {
        let tenant = &*self.values.tenant.as_ref()?.value;
        tenant.parse::<Uuid>().is_ok().then_some(tenant)
    }

    /// The service.
    ///
    /// # Errors
    /// Its parts are inconsistent.
    pub fn service(&self) -> Result<Service, ConfigError> {
        fn value<T: Clone>(found: Option<&Sourced<T>>) -> Option<T> {
            found.map(|found| found.value.clone())
        }
        self.check_authority()?;
        let choice = Choice {
            cloud: value(self.cloud()),
            region: value(self.region()),
            api_root: value(self.api_root()),
            authority: value(self.authority()),
            resource: value(self.resource()),
            allowed_hosts: value(self.allow_api_host())
                .map(|Hosts(hosts)| hosts)
                .unwrap_or_default(),
        };
        Ok(choice.service(self.issuer())?)
    }
}
