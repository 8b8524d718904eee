//! Every setting, defined once: its type, its names and its description.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{
    Config, Sourced,
    auth::Auth,
    error::ConfigError,
    identifier::Identifier,
    layers::Layers,
    limit::LimitValues,
    setting::{Kind, Section, Setting},
    value::{Hosts, SecretFile, SettingValue, Words, WrittenFile, check, from_file},
};
use crate::{
    component::Digest,
    connection::AddressRange,
    contract::ApiRoot,
    external_id::ExternalIdMode,
    identity::cloud::{Cloud, Region},
    policy::Policy,
    rate_limit::Quota,
};

/// The authority, in the variable of Azure's own tools.
pub(super) const AUTHORITY_HOST: &str = "AZURE_AUTHORITY_HOST";

/// The configuration file.
pub(super) const CONFIGURATION: Setting = Setting::new(
    Section::Connection,
    "configuration",
    "OFFBOARD_CONFIG",
    "FILE",
    "The configuration file [default: offboard/offboard.toml in your configuration folder]",
)
.argument("config")
.never_in_profile(Kind::Path);

/// The profile of the configuration file.
pub(super) const PROFILE: Setting = Setting::new(
    Section::Connection,
    "profile",
    "OFFBOARD_PROFILE",
    "NAME",
    "The profile in the configuration file",
)
.never_in_profile(Kind::Text);

/// Declares the settings that a profile can have: the types of a configuration and of a
/// profile, the conversion between them, and the definitions.
macro_rules! settings {
    ($(
        $name:ident: $type:ty =
        $section:ident $key:literal $variable:literal $value_name:literal $about:literal
        [$($more:tt)*];
    )*) => {
        /// The settings of a profile.
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(super) struct Profile {$(
            #[serde(rename = $key, deserialize_with = "from_file")]
            pub(super) $name: Option<$type>,
        )*}

        /// The settings in use.
        #[derive(Debug, Clone, Default)]
        pub(super) struct Values {$(
            pub(super) $name: Option<Sourced<$type>>,
        )*}

        impl Profile {
            /// Makes file names relative to the folder of the configuration file.
            pub(super) fn anchor(&mut self, folder: &Path) {$(
                if let Some(value) = &mut self.$name {
                    value.anchor(folder);
                }
            )*}
        }

        impl Values {
            /// Takes each value from the layer with the highest precedence.
            pub(super) fn pick(
                layers: &Layers<'_>,
                profile: Profile,
            ) -> Result<Self, ConfigError> {
                Ok(Self {$(
                    $name: layers.pick(
                        &define::<$type>(
                            Setting::new(
                                Section::$section, $key, $variable, $value_name, $about,
                            )
                            $($more)*
                        ),
                        profile.$name,
                    )?,
                )*})
            }

            /// A value without secrets, by its key.
            pub(super) fn shown(&self, key: &str) -> Option<Sourced<Value>> {
                match key {
                    $($key => self.$name.as_ref().map(|found| found.map(SettingValue::shown)),)*
                    _ => None,
                }
            }
        }

        impl Config {$(
            #[doc = concat!("The setting `", $key, "`, if it was given.")]
            #[must_use]
            pub fn $name(&self) -> Option<&Sourced<$type>> {
                self.values.$name.as_ref()
            }
        )*}

        /// The definitions of all settings, in the order in which they are listed.
        pub static SETTINGS: &[Setting] = &[
            CONFIGURATION,
            PROFILE,
            $(define::<$type>(
                Setting::new(Section::$section, $key, $variable, $value_name, $about) $($more)*
            ),)*
        ];
    };
}

/// Adds to a definition what follows from the type.
const fn define<T: SettingValue>(setting: Setting) -> Setting {
    Setting {
        kind: T::KIND,
        is_list: T::IS_LIST,
        check: check::<T>,
        ..setting
    }
}

/// The definition of a setting.
#[must_use]
pub fn setting_of(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

settings! {
    cloud: Cloud = Connection "cloud" "OFFBOARD_CLOUD" "CLOUD"
        "The cloud [default: commercial]" [];
    region: Region = Connection "region" "OFFBOARD_REGION" "REGION"
        "Use a regional endpoint of the commercial cloud" [];
    api_root: ApiRoot = Connection "api-root" "OFFBOARD_API_ROOT" "URL"
        "The API's URL, instead of the cloud's. Plain HTTP is allowed only to loopback" [];
    authority: Url = Connection "authority" "OFFBOARD_AUTHORITY" "URL"
        "The sign-in authority, instead of the cloud's" [.also(&[AUTHORITY_HOST])];
    resource: String = Connection "resource" "OFFBOARD_RESOURCE" "URL"
        "The token resource, instead of the cloud's" [];
    allow_api_host: Hosts = Connection "allow-api-host" "OFFBOARD_ALLOW_API_HOST" "HOST"
        "Allow sending Microsoft tokens to this unlisted API host" [];
    auth: Auth = SignIn "auth" "OFFBOARD_AUTH" "KIND"
        "The kind of sign-in [default: the first kind that is configured; azure-cli and \
         device-code need this setting]"
        [];
    tenant: Identifier = SignIn "tenant" "OFFBOARD_TENANT" "TENANT"
        "The tenant id, or one of the tenant's domains" [.also(&["AZURE_TENANT_ID"])];
    client_id: Identifier = SignIn "client-id" "OFFBOARD_CLIENT_ID" "ID"
        "The application (client) id of the app registration" [.also(&["AZURE_CLIENT_ID"])];
    client_secret_file: SecretFile =
        SignIn "client-secret-file" "OFFBOARD_CLIENT_SECRET_FILE" "FILE"
        "A file with the client secret" [.or_secret("client-secret", "AZURE_CLIENT_SECRET")];
    certificate: SecretFile = SignIn "certificate" "OFFBOARD_CERTIFICATE" "FILE"
        "A file with a certificate and its key, as PEM or PFX" [.also(&["AZURE_CLIENT_CERTIFICATE_PATH"])];
    certificate_password_file: SecretFile =
        SignIn "certificate-password-file" "OFFBOARD_CERTIFICATE_PASSWORD_FILE" "FILE"
        "A file with the password of the PFX file"
        [.or_secret("certificate-password", "AZURE_CLIENT_CERTIFICATE_PASSWORD")];
    federated_token_file: SecretFile =
        SignIn "federated-token-file" "OFFBOARD_FEDERATED_TOKEN_FILE" "FILE"
        "A file with a federated assertion" [.also(&["AZURE_FEDERATED_TOKEN_FILE"])];
    identity: String = SignIn "identity" "OFFBOARD_IDENTITY" "ID"
        "The managed identity: system, a client id, a resource id, or object:ID" [];
    token_file: SecretFile = SignIn "token-file" "OFFBOARD_TOKEN_FILE" "FILE"
        "A file with a bearer token" [.or_secret("token", "OFFBOARD_TOKEN")];
    token_command: Words = SignIn "token-command" "OFFBOARD_TOKEN_COMMAND" "COMMAND"
        "A program, with its arguments, that prints a bearer token. It runs without a shell" [];
    ca_file: PathBuf = Connection "ca-file" "OFFBOARD_CA_FILE" "FILE"
        "A file with certification authorities to trust, in addition to the system's: PEM, or one \
         certificate in DER" [];
    allow_address: Vec<AddressRange> =
        Connection "allow-address" "OFFBOARD_ALLOW_ADDRESS" "RANGE"
        "Allow connections to this private address or range, such as 10.1.2.3 or 10.0.0.0/8" [];
    quota: Quota = Connection "quota" "OFFBOARD_QUOTA" "CALLS/TIME,..."
        "The service's quota for each API, as calls per time, or none [default: \
         100/60s,1500/1h]" [];
    external_id: ExternalIdMode = Connection "external-id" "OFFBOARD_EXTERNAL_ID" "WHEN"
        "Whether each offboarding has an external id, by which its action is recognized \
         [default: auto]" [];
    audit: WrittenFile = Connection "audit" "OFFBOARD_AUDIT" "FILE"
        "Record every request of the plugin in this file, whether it was sent or not" [];
    ledger: WrittenFile = Connection "ledger" "OFFBOARD_LEDGER" "FILE"
        "The ledger: the record of all orders, and of the calls that count towards a quota \
         [default: offboard/ledger.db in your state folder]" [];
    policy: Policy = Connection "policy" "" "TABLE"
        "The rules for machines that must not be offboarded" [.only_in_profile()];
    plugin: PathBuf = Plugin "plugin" "OFFBOARD_PLUGIN" "FILE"
        "A plugin component to use instead of the built-in one" [];
    plugin_sha256: Digest = Plugin "plugin-sha256" "OFFBOARD_PLUGIN_SHA256" "DIGEST"
        "Run the plugin only if it has this SHA-256 digest" [];
    limits: LimitValues = Plugin "limits" "OFFBOARD_LIMITS" "NAME=VALUE"
        "Override a sandbox limit, such as memory=64MiB or deadline=30s. inspect lists them all"
        [.argument("limit")];
}
