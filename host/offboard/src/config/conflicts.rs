//! Settings for which the environment differs from the profile. The environment takes
//! precedence, but may be left over from something else.

use super::{AUTHORITY_HOST, Config, ConfigError, Identifier, Source, Sourced};
use crate::{identity::cloud::is_microsoft, mask};

impl Config {
    /// Rejects a variable of other tools that would send a profile's secret to an authority
    /// that is not Microsoft's.
    ///
    /// # Errors
    /// The variable would do so.
    pub(super) fn check_authority(&self) -> Result<(), ConfigError> {
        let values = &self.values;
        let Some(Sourced { value, source }) = &values.authority else {
            return Ok(());
        };
        let is_others = *source == Source::Environment(AUTHORITY_HOST.to_owned());
        // Regardless of the source of the kind, the credential is the profile's if any part of
        // it is.
        let mut parts = [
            &values.client_secret_file,
            &values.certificate,
            &values.certificate_password_file,
            &values.federated_token_file,
        ]
        .into_iter()
        .filter_map(|file| file.as_ref().map(Sourced::source))
        .chain(values.client_id.as_ref().map(Sourced::source));
        let is_profiles = parts.any(Source::is_profile);
        if !is_others || !is_profiles || is_microsoft(value) {
            Ok(())
        } else {
            Err(ConfigError::UnknownAuthority {
                variable: AUTHORITY_HOST,
                authority: value.origin().ascii_serialization(),
            })
        }
    }

    /// A text for each setting for which the environment differs from the profile.
    #[must_use]
    pub fn overridden(&self) -> Vec<String> {
        let Some(chosen) = &self.profile else {
            return Vec::new();
        };
        let (name, values) = (&chosen.name, &self.values);
        let otherwise = |key, setting: &Option<Sourced<Identifier>>, said: &Option<Identifier>| {
            let Sourced { value, source } = setting.as_ref()?;
            let (Source::Environment(variable), said) = (source, said.as_ref()?) else {
                return None;
            };
            (value != said).then(|| {
                format!(
                    "{variable} is {}, and takes precedence; the profile {name} has the {key} {}",
                    mask::value(value),
                    mask::value(said)
                )
            })
        };
        let secret = values.client_secret_file.as_ref().map(Sourced::source);
        let held = self.secrets.client_secret().is_some();
        let secret = (held && secret.is_some_and(Source::is_profile)).then(|| {
            format!(
                "AZURE_CLIENT_SECRET is set, and takes precedence; the profile {name} has a client-secret-file"
            )
        });
        let profile = &chosen.profile;
        [
            otherwise("tenant", &values.tenant, &profile.tenant),
            otherwise("client-id", &values.client_id, &profile.client_id),
            secret,
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
