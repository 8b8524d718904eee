//! Where the environment says otherwise than the profile. It counts, and may be
//! left over from something else.

use anyhow::{Result, ensure};

use super::{AUTHORITY_HOST, Settings, Source, Sourced};
use offboard::{connection::cloud::is_microsoft, mask};

impl Settings {
    /// A variable that other tools use as well does not lead a profile's secret
    /// to an authority that nobody knows.
    ///
    /// # Errors
    /// It would.
    pub(super) fn check_authority(&self) -> Result<()> {
        let Some(Sourced { value, source }) = &self.authority else {
            return Ok(());
        };
        let is_others = *source == Source::Environment(AUTHORITY_HOST.to_owned());
        let sign_in = &self.sign_in;
        // Whatever says the kind: it is the profile's if any part of it is.
        let mut parts = [
            &sign_in.client_secret_file,
            &sign_in.certificate,
            &sign_in.certificate_password_file,
            &sign_in.federated_token_file,
        ]
        .into_iter()
        .filter_map(|file| file.as_ref().map(Sourced::source))
        .chain(sign_in.client_id.as_ref().map(Sourced::source));
        let is_profiles = parts.any(Source::is_profile);
        ensure!(
            !is_others || !is_profiles || is_microsoft(value),
            "{AUTHORITY_HOST} names {}, which is no authority of Microsoft's, and the profile's \
             credential would go there: if that is right, say so with --authority",
            value.origin().ascii_serialization()
        );
        Ok(())
    }

    /// What the environment says otherwise than the profile, in words.
    pub(crate) fn overridden(&self) -> Vec<String> {
        let Some(chosen) = &self.profile else {
            return Vec::new();
        };
        let (name, sign_in) = (&chosen.name, &self.sign_in);
        let otherwise = |key, setting: &Option<Sourced<String>>, said: &Option<String>| {
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
        let secret = sign_in.client_secret_file.as_ref().map(Sourced::source);
        let held = sign_in.secrets.client_secret().is_some();
        let secret = (held && secret.is_some_and(Source::is_profile)).then(|| {
            format!(
                "AZURE_CLIENT_SECRET is set, and counts; the profile {name} has a client-secret-file"
            )
        });
        let profile = &chosen.profile;
        [
            otherwise("tenant", &sign_in.tenant, &profile.tenant),
            otherwise("client-id", &sign_in.client_id, &profile.client_id),
            secret,
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
