//! The effective settings, as `docs/schema/config.json` describes them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::schema::{AuthMethod, KeywordName, PolicyRule, Secret};
use crate::identity::cloud::{Cloud, Region};

/// The sign-in methods, as the setting `auth` names them.
pub const AUTH_METHODS: [&str; 9] = [
    "token-file",
    "token",
    "token-command",
    "client-secret",
    "certificate",
    "workload-identity",
    "managed-identity",
    "azure-cli",
    "device-code",
];

/// A setting: its value and its source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SettingRow<T> {
    /// The value; null if the setting is not set. A secret is shown as `[set]`.
    pub value: T,
    /// The source of the value: a flag, `environment NAME`, `profile NAME in FILE`, `cloud` if
    /// it follows from the cloud, or `default`.
    pub source: String,
}

/// A text, or nothing.
type Text = SettingRow<Option<String>>;
/// A text that is always there.
type RequiredText = SettingRow<String>;
/// Some texts, or nothing.
type Texts = SettingRow<Option<Vec<String>>>;

/// The effective settings and their sources.
///
/// Each setting is an object with its value, null without one, and its source. A secret is shown
/// as `[set]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    title = "The effective settings and their sources: the output of config show",
    extend("additionalProperties" = {
        "type": "object",
        "required": ["value", "source"],
        "properties": {"source": {"type": "string"}}
    })
)]
pub struct EffectiveSettings {
    /// The path of the configuration file, even if it does not exist; null without a home
    /// directory.
    pub configuration: Text,
    /// The profile of the configuration file.
    pub profile: Text,
    /// The cloud.
    #[schemars(with = "SettingRow<KeywordName<Cloud>>")]
    pub cloud: Text,
    /// The regional endpoint of the commercial cloud.
    #[schemars(with = "SettingRow<KeywordName<Region>>")]
    pub region: Text,
    /// The API's origin.
    pub api_root: RequiredText,
    /// The origin that issues tokens.
    pub authority: RequiredText,
    /// The resource that tokens are requested for: their audience.
    pub resource: RequiredText,
    /// Unlisted API hosts that may get tokens.
    pub allow_api_host: Texts,
    /// The sign-in method: the setting, or the method of the first credential that was found.
    #[schemars(with = "SettingRow<AuthMethod>")]
    pub auth: Text,
    /// The tenant.
    pub tenant: Text,
    /// The app registration's client id.
    pub client_id: Text,
    /// The file of the client secret.
    pub client_secret_file: Text,
    /// The client secret.
    #[schemars(with = "SettingRow<Secret>")]
    pub client_secret: Text,
    /// The file of the certificate and its key.
    pub certificate: Text,
    /// The file of the certificate's password.
    pub certificate_password_file: Text,
    /// The certificate's password.
    #[schemars(with = "SettingRow<Secret>")]
    pub certificate_password: Text,
    /// The file of the federated assertion.
    pub federated_token_file: Text,
    /// The managed identity.
    pub identity: Text,
    /// The file of a ready token.
    pub token_file: Text,
    /// A ready token.
    #[schemars(with = "SettingRow<Secret>")]
    pub token: Text,
    /// The program that prints a token, without its arguments: they may be confidential.
    pub token_command: Text,
    /// The file of additional certification authorities.
    pub ca_file: Text,
    /// Private addresses that connections are allowed to.
    pub allow_address: Texts,
    /// The proxy, without its credential. NO_PROXY may exempt the service; loopback is always
    /// exempt.
    pub proxy: Text,
    /// The service's quota, as calls per time window; `none` without a quota.
    pub quota: RequiredText,
    /// Whether each offboarding has an external id: `auto`, `on` or `off`.
    pub external_id: RequiredText,
    /// The file of the audit.
    pub audit: Text,
    /// The file of the ledger.
    pub ledger: Text,
    /// The rules of the policy that excludes machines; null without rules.
    #[schemars(with = "SettingRow<Option<BTreeMap<String, PolicyRule>>>")]
    pub policy: SettingRow<Option<Map<String, Value>>>,
    /// The plugin's file; null for the built-in plugin.
    pub plugin: Text,
    /// The required digest of the plugin (SHA-256); null without one.
    pub plugin_sha256: Text,
    /// Each limit by its name, with its unit.
    #[schemars(with = "SettingRow<BTreeMap<String, String>>")]
    pub limits: SettingRow<Map<String, Value>>,
}
