//! The kinds of credential, and which one is used.

use super::{Config, Source, Sourced};
use crate::{Keyword, identity::cloud::Issuer};

/// The variable that App Service sets if there is a managed identity.
pub(super) const IDENTITY_ENDPOINT: &str = "IDENTITY_ENDPOINT";

/// A kind of credential. Without an explicit choice, the first kind that is configured is
/// used, in this order, up to and including `ManagedIdentity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// A token in a file.
    TokenFile,
    /// A token in a variable.
    Token,
    /// A program that prints a token.
    TokenCommand,
    /// An app registration's client secret.
    ClientSecret,
    /// An app registration's certificate.
    Certificate,
    /// A federated assertion.
    WorkloadIdentity,
    /// The identity of the Azure resource that this process runs on.
    ManagedIdentity,
    /// The account that is signed in to the Azure CLI.
    AzureCli,
    /// A user signs in by device code.
    DeviceCode,
}

impl Keyword for Auth {
    const ALL: &'static [Self] = &[
        Self::TokenFile,
        Self::Token,
        Self::TokenCommand,
        Self::ClientSecret,
        Self::Certificate,
        Self::WorkloadIdentity,
        Self::ManagedIdentity,
        Self::AzureCli,
        Self::DeviceCode,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::TokenFile => "token-file",
            Self::Token => "token",
            Self::TokenCommand => "token-command",
            Self::ClientSecret => "client-secret",
            Self::Certificate => "certificate",
            Self::WorkloadIdentity => "workload-identity",
            Self::ManagedIdentity => "managed-identity",
            Self::AzureCli => "azure-cli",
            Self::DeviceCode => "device-code",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::TokenFile => "A token in a file, which another process may renew",
            Self::Token => "A token in the variable OFFBOARD_TOKEN",
            Self::TokenCommand => "A token that your program prints",
            Self::ClientSecret => "An app registration's client secret",
            Self::Certificate => "An app registration's certificate",
            Self::WorkloadIdentity => "A federated assertion, such as one from Kubernetes",
            Self::ManagedIdentity => {
                "The identity of the Azure resource on which this program runs"
            }
            Self::AzureCli => "The account that is signed in to the Azure CLI",
            Self::DeviceCode => "A user who enters a code in a browser",
        }
    }
}

impl Config {
    /// The kind of credential in use, and its source; `None` if no credential is configured.
    /// Overrides take precedence over the environment, and the environment over the profile.
    /// Within one source, the first kind is used.
    #[must_use]
    pub fn chosen_auth(&self) -> Option<Sourced<Auth>> {
        let values = &self.values;
        let given = |auth, source: Option<&Source>| Some(Sourced::new(auth, source?.clone()));
        let held = |auth, key| Some(Sourced::new(auth, self.secrets.source(key)?));
        let endpoint = self
            .has_identity_endpoint
            .then(|| Source::Environment(IDENTITY_ENDPOINT.to_owned()));
        let found = [
            given(
                Auth::TokenFile,
                values.token_file.as_ref().map(Sourced::source),
            ),
            held(Auth::Token, "token"),
            given(
                Auth::TokenCommand,
                values.token_command.as_ref().map(Sourced::source),
            ),
            given(
                Auth::ClientSecret,
                values.client_secret_file.as_ref().map(Sourced::source),
            ),
            held(Auth::ClientSecret, "client-secret"),
            given(
                Auth::Certificate,
                values.certificate.as_ref().map(Sourced::source),
            ),
            given(
                Auth::WorkloadIdentity,
                values.federated_token_file.as_ref().map(Sourced::source),
            ),
            given(
                Auth::ManagedIdentity,
                values.identity.as_ref().map(Sourced::source),
            ),
            given(Auth::ManagedIdentity, endpoint.as_ref()),
        ]
        .into_iter()
        .flatten()
        // The first one of the source with the highest precedence.
        .min_by_key(|found| found.source.distance());
        // The explicit choice is used, unless an override configures a credential and the
        // choice has a lower precedence: a leftover environment variable must not change a
        // profile's credential.
        let is_override = |found: &Sourced<Auth>| found.source.distance() == 0;
        match (&values.auth, found) {
            (Some(auth), Some(found)) if auth.source.distance() > 0 && is_override(&found) => {
                Some(found)
            }
            (Some(auth), _) => Some(auth.clone()),
            (None, found) => found,
        }
    }

    /// The issuer of the tokens of the credential in use.
    #[must_use]
    pub fn issuer(&self) -> Issuer {
        match self.chosen_auth().map(|auth| auth.value) {
            None | Some(Auth::TokenFile | Auth::Token | Auth::TokenCommand) => Issuer::Unknown,
            Some(Auth::ManagedIdentity | Auth::AzureCli) => Issuer::Azure,
            Some(
                Auth::ClientSecret | Auth::Certificate | Auth::WorkloadIdentity | Auth::DeviceCode,
            ) => Issuer::Authority,
        }
    }
}
