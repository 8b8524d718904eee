//! What is in force: each setting, and where it was found. Overrides beat the
//! environment, the environment beats the profile, and the profile beats the
//! default.
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
pub use limit::{LimitValues, format_limit};
pub use plugin::PluginSettings;
pub use rows::Row;
pub use secrets::Secrets;
pub use setting::{InvalidValue, Kind, SecretVariable, Section, Setting};
pub use settings::{SETTINGS, setting_of};
pub use source::{Source, Sourced};
pub use value::{Hosts, NOT_STANDARD_OUTPUT, SecretFile, Words, WrittenFile};

/// Every setting of a connection. It does not change any more.
#[derive(Debug, Clone)]
pub struct Config {
    /// The configuration file that was named.
    file: Option<Sourced<PathBuf>>,
    /// Where the profile was named.
    profile_source: Option<Source>,
    profile: Option<Chosen>,
    values: Values,
    plugin: PluginSettings,
    secrets: Secrets,
    /// Whether App Service gives a managed identity.
    has_identity_endpoint: bool,
    /// The configuration file and the ledger of the environment's user.
    default_file: Option<PathBuf>,
    default_ledger: Option<PathBuf>,
    /// What the environment says of proxies.
    proxies: Result<Proxies, InvalidProxy>,
}

impl Config {
    /// Takes the layers.
    #[must_use]
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::default()
    }

    /// The configuration file that is in force, or that was named.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        let chosen = self.profile.as_ref().map(|chosen| chosen.file.clone());
        chosen.or_else(|| self.file.as_ref().map(|file| file.value.clone()))
    }

    /// The name of the profile that is in force.
    #[must_use]
    pub fn profile(&self) -> Option<&str> {
        self.profile.as_ref().map(|chosen| chosen.name.as_str())
    }

    /// Which plugin is used, and within which limits.
    #[must_use]
    pub fn plugin_settings(&self) -> &PluginSettings {
        &self.plugin
    }

    /// The quota that is in force.
    #[must_use]
    pub fn effective_quota(&self) -> Quota {
        let given = self.values.quota.as_ref();
        given.map(|quota| quota.value.clone()).unwrap_or_default()
    }

    /// The path of the ledger that is in force; `None` without a home folder.
    #[must_use]
    pub fn ledger_path(&self) -> Option<PathBuf> {
        let named = self.values.ledger.as_ref();
        named
            .map(|ledger| ledger.value.0.clone())
            .or_else(|| self.default_ledger.clone())
    }

    /// The proxies that the environment names.
    ///
    /// # Errors
    /// A variable does not name an HTTP proxy.
    pub fn proxies(&self) -> Result<Proxies, ConfigError> {
        Ok(self.proxies.clone()?)
    }

    /// The tenant of a token and the tenant that was named, if they differ.
    #[must_use]
    pub fn other_tenant<'a>(&'a self, claims: &'a TokenClaims) -> Option<(&'a str, &'a str)> {
        let (wanted, found) = (self.tenant_id()?, claims.tenant.as_deref()?);
        (!is_same_tenant(wanted, found)).then_some((found, wanted))
    }

    /// The tenant, if it was named by its id. A domain cannot be compared with one.
    #[must_use]
    pub fn tenant_id(&self) -> Option<&str> {
        let tenant = self.values.tenant.as_ref()?.value.as_str();
        tenant.parse::<Uuid>().is_ok().then_some(tenant)
    }

    /// The service.
    ///
    /// # Errors
    /// Its parts do not belong together.
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
