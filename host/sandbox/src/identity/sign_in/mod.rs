//! Sign-in: tokens from Entra ID, by Microsoft's library where it supports the method,
//! over the host's own connections. Each source sends requests only to the endpoints of
//! its kind of credential. It keeps no token: [`Credential`](super::Credential) does.

mod answer;
mod app;
mod assertion;
mod certificate;
mod certificate_file;
mod device_code;
mod executor;
mod failure;
mod managed_identity;
mod pfx;
mod transport;

use std::{
    fmt,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use azure_core::{
    cloud::{CloudConfiguration, CustomConfiguration},
    credentials::{AccessToken, Secret, TokenCredential},
    http::{ClientOptions, ExponentialRetryOptions, RetryOptions, Transport, Url},
};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientAssertionCredential,
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
};
use secrecy::{ExposeSecret, SecretString};

use super::{
    sign_in_error::SignInError,
    source::{Fetch, Fetched, TokenSource},
    token::Token,
};
use crate::connection::{Connection, Network};

pub use app::App;
use app::token_endpoint;
use assertion::Assertion;
pub use certificate::Certificate;
pub use certificate_file::InvalidCertificate;
pub use device_code::{DeviceCode, Prompt};
use executor::BoundedExecutor;
pub use managed_identity::ManagedIdentity;
use transport::{Allowed, Client};

/// How to sign in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Method {
    /// An app registration's client secret.
    ClientSecret {
        /// The app.
        app: App,
        /// The secret.
        secret: SecretString,
    },
    /// An app registration's certificate.
    Certificate {
        /// The app.
        app: App,
        /// The certificate, with its key.
        certificate: Arc<Certificate>,
    },
    /// An assertion of another identity provider that the app registration trusts, in a file
    /// as Kubernetes writes it. Read again for each sign-in.
    WorkloadIdentity {
        /// The app.
        app: App,
        /// The file.
        token_file: PathBuf,
    },
    /// The identity of the Azure resource that this process runs on: of App Service if
    /// `IDENTITY_ENDPOINT` and `IDENTITY_HEADER` are set, otherwise of the virtual
    /// machine.
    ManagedIdentity(ManagedIdentity),
    /// The account that is signed in to the Azure CLI: the program `az` on the path.
    AzureCli {
        /// The tenant, if it differs from the one that `az` is signed in to.
        tenant: Option<String>,
    },
    /// A user types a code into a browser: a delegated token.
    DeviceCode {
        /// The app, a public client.
        app: App,
        /// Shows the code.
        prompt: Prompt,
    },
}

/// How often a sign-in is retried if the authority is busy or the connection fails, and
/// for how many seconds in total.
const MAX_RETRIES: u32 = 3;
const MAX_RETRY_SECONDS: i64 = 15;

/// The pauses before a sign-in is tried again after an error code of a temporary failure.
const RETRY_PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

/// Timeout of a whole sign-in without user interaction.
const SIGN_IN_TIMEOUT: Duration = Duration::from_secs(90);

/// A source of tokens from Entra ID.
pub struct SignIn {
    method: Method,
    authority: Url,
    resource: String,
    network: Arc<Network>,
}

impl SignIn {
    /// A source that signs in at this authority, for this resource, with the addresses,
    /// certificates and proxies of the connection.
    #[must_use]
    pub fn new(method: Method, authority: Url, resource: String, connection: &Connection) -> Self {
        Self {
            method,
            authority,
            resource,
            network: Arc::clone(&connection.network),
        }
    }

    /// The scope of all permissions that were consented to for the resource. A slash at the
    /// resource's end stays: Entra ID requires it and returns it in the token's audience.
    fn scope(&self) -> String {
        format!("{}/.default", self.resource)
    }

    async fn fetch_now(&self) -> Result<Fetched, SignInError> {
        if let Method::DeviceCode { app, prompt } = &self.method {
            let code = DeviceCode::new(&self.authority, app, &self.resource)?;
            let client = self.client(code.endpoints()?);
            return code.fetch(&client, prompt).await;
        }
        let token = tokio::time::timeout(SIGN_IN_TIMEOUT, self.get_token()).await;
        token.map_err(|_| {
            let reason = format!("there was no token after {SIGN_IN_TIMEOUT:?}");
            self.name_credential(SignInError::Unreachable(reason))
        })?
    }

    /// Signs in, and tries again after a temporary failure. The library itself tries again only
    /// if the status of the answer permits it.
    async fn get_token(&self) -> Result<Fetched, SignInError> {
        let scope = self.scope();
        let mut pauses = RETRY_PAUSES.into_iter();
        loop {
            let credential = self.credential().await?;
            match credential.get_token(&[&scope], None).await {
                Ok(token) => return fetched(&token),
                Err(error) => match pauses.next() {
                    Some(pause) if failure::is_worth_repeating(&error) => {
                        tokio::time::sleep(pause).await;
                    }
                    _ => return Err(self.name_credential(failure::explain(error))),
                },
            }
        }
    }

    /// Adds the name of the credential, if neither the credential nor the authority names it.
    fn name_credential(&self, error: SignInError) -> SignInError {
        let (whose, advice) = match (&self.method, &error) {
            (Method::ManagedIdentity(_), SignInError::Unreachable(_)) => (
                "the managed identity",
                " (check that this is an Azure resource)",
            ),
            (Method::ManagedIdentity(_), SignInError::Unavailable(_)) => {
                ("the managed identity", "")
            }
            (Method::ManagedIdentity(_), _) => (
                "the managed identity",
                " (check that it is assigned to this resource, and the setting `identity`)",
            ),
            (Method::AzureCli { .. }, _) => ("the Azure CLI", ""),
            _ => return error,
        };
        let named = |reason: String| format!("{whose} returned no token: {reason}{advice}");
        match error {
            SignInError::Setup(reason) => SignInError::Setup(named(reason)),
            SignInError::Unreachable(reason) => SignInError::Unreachable(named(reason)),
            SignInError::Refused { codes, message } => SignInError::Refused {
                codes,
                message: named(message),
            },
            SignInError::Unavailable(reason) => SignInError::Unavailable(named(reason)),
            SignInError::Unreadable(reason) => SignInError::Unreadable(named(reason)),
            error => error,
        }
    }

    /// A new credential for each fetch: Microsoft's types cache their token and cannot
    /// be made to fetch another one.
    async fn credential(&self) -> Result<Arc<dyn TokenCredential>, SignInError> {
        let setup = |error: azure_core::Error| SignInError::Setup(error.to_string());
        Ok(match &self.method {
            Method::ClientSecret { app, secret } => ClientSecretCredential::new(
                &app.tenant,
                app.client_id.clone(),
                Secret::from(secret.expose_secret().to_owned()),
                Some(ClientSecretCredentialOptions {
                    client_options: self.at_authority(app)?,
                }),
            )
            .map_err(setup)?,
            Method::Certificate { app, certificate } => ClientAssertionCredential::new(
                app.tenant.clone(),
                app.client_id.clone(),
                certificate.assertions(app, token_endpoint(&self.authority, app)?),
                Some(ClientAssertionCredentialOptions {
                    client_options: self.at_authority(app)?,
                }),
            )
            .map_err(setup)?,
            Method::WorkloadIdentity { app, token_file } => ClientAssertionCredential::new(
                app.tenant.clone(),
                app.client_id.clone(),
                Assertion::read(token_file).await?,
                Some(ClientAssertionCredentialOptions {
                    client_options: self.at_authority(app)?,
                }),
            )
            .map_err(setup)?,
            Method::ManagedIdentity(identity) => {
                let options = self.options(managed_identity::endpoint()?);
                managed_identity::credential(identity, options).map_err(setup)?
            }
            Method::AzureCli { tenant } => {
                AzureCliCredential::new(Some(AzureCliCredentialOptions {
                    tenant_id: tenant.clone(),
                    executor: Some(Arc::new(BoundedExecutor)),
                    ..AzureCliCredentialOptions::default()
                }))
                .map_err(setup)?
            }
            // Handled above.
            Method::DeviceCode { .. } => return Err(SignInError::Same),
        })
    }

    fn at_authority(&self, app: &App) -> Result<ClientOptions, SignInError> {
        let endpoint = token_endpoint(&self.authority, app)?;
        let mut authority = CustomConfiguration::default();
        authority.authority_host = self.authority.to_string();
        Ok(ClientOptions {
            cloud: Some(Arc::new(CloudConfiguration::Custom(authority))),
            ..self.options(Allowed::service([endpoint])?)
        })
    }

    fn options(&self, allowed: Allowed) -> ClientOptions {
        ClientOptions {
            transport: Some(Transport::new(Arc::new(self.client(allowed)))),
            retry: RetryOptions::exponential(ExponentialRetryOptions {
                max_retries: MAX_RETRIES,
                max_total_elapsed: azure_core::time::Duration::seconds(MAX_RETRY_SECONDS),
                ..ExponentialRetryOptions::default()
            }),
            ..ClientOptions::default()
        }
    }

    fn client(&self, allowed: Allowed) -> Client {
        Client::new(Arc::clone(&self.network), allowed)
    }
}

impl TokenSource for SignIn {
    fn fetch(&self) -> Fetch<'_> {
        Box::pin(self.fetch_now())
    }
}

impl fmt::Debug for SignIn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SignIn at {}", self.authority)
    }
}

fn fetched(token: &AccessToken) -> Result<Fetched, SignInError> {
    let expires = SystemTime::from(token.expires_on);
    let token = Token::new(token.token.secret())
        .map_err(|error| SignInError::Unreadable(error.to_string()))?;
    Ok(Fetched {
        token,
        expires: Some(expires),
    })
}
