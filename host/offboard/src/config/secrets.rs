//! Secrets in environment variables.

use std::{collections::HashMap, ffi::OsString, fmt};

use secrecy::{ExposeSecret, SecretString};

use super::{SETTINGS, Source};
use crate::identity::{InvalidToken, Token, trim_secret};

/// The secrets of the environment. They cannot be printed.
#[derive(Clone, Default)]
pub struct Secrets(HashMap<&'static str, SecretString>);

impl Secrets {
    /// Reads the secrets, each by the name of its variable. `take` should also remove the
    /// variable, so that no child process inherits it.
    ///
    /// ```
    /// use offboard::config::Secrets;
    ///
    /// let secrets = Secrets::take(|name| {
    ///     (name == "AZURE_CLIENT_SECRET").then(|| "s3cret".into())
    /// });
    /// assert_eq!(format!("{secrets:?}"), "Secrets([redacted])");
    /// ```
    pub fn take(mut take: impl FnMut(&'static str) -> Option<OsString>) -> Self {
        let variables = SETTINGS.iter().filter_map(|setting| setting.secret);
        let taken = variables.filter_map(|secret| {
            let value = take(secret.variable)?.into_string();
            // A value that is not UTF-8 is not a valid secret, and is rejected later.
            let value = value.map_or_else(|_| "\u{fffd}".into(), SecretString::from);
            Some((secret.key, value))
        });
        Self(taken.collect())
    }

    /// The token, if it is set and not blank.
    #[must_use]
    pub fn token(&self) -> Option<Result<Token, InvalidToken>> {
        let token = self.trimmed("token").filter(|token| !token.is_empty())?;
        Some(Token::new(token))
    }

    /// The client secret, if it is set and not blank.
    #[must_use]
    pub fn client_secret(&self) -> Option<SecretString> {
        let secret = self.trimmed("client-secret");
        secret
            .filter(|secret| !secret.is_empty())
            .map(SecretString::from)
    }

    /// The password of the certificate's file. It may be empty.
    #[must_use]
    pub fn certificate_password(&self) -> Option<SecretString> {
        self.trimmed("certificate-password").map(SecretString::from)
    }

    /// A secret, by the rule for the secrets of all sources.
    fn trimmed(&self, key: &str) -> Option<&str> {
        Some(trim_secret(self.0.get(key)?.expose_secret()))
    }

    /// The variable that holds a secret, if it is set.
    pub(super) fn source(&self, key: &str) -> Option<Source> {
        let is_set = match key {
            "token" => self.token().is_some(),
            "client-secret" => self.client_secret().is_some(),
            _ => self.0.contains_key(key),
        };
        let mut variables = SETTINGS.iter().filter_map(|setting| setting.secret);
        let variable = variables.find(|secret| secret.key == key)?.variable;
        is_set.then(|| Source::Environment(variable.to_owned()))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secrets([redacted])")
    }
}
