//! Builds the credential in use from its parts.

use std::{fs, io, path::Path, path::PathBuf, sync::Arc};

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::{Auth, Config, Identifier, SecretFile, Setting, Source, Sourced, setting_of};
use crate::{
    Keyword,
    connection::Connection,
    identity::{
        Credential, InvalidToken, NotText, SecretFileError, TokenCommand, TokenFile,
        cloud::Service,
        read_secret, secret_text,
        sign_in::{App, Certificate, InvalidCertificate, ManagedIdentity, Method, Prompt, SignIn},
    },
    mask,
};

/// Larger than any secret or certificate, in bytes.
const MAX_SECRET: u64 = 256 * 1024;

/// Why there is no credential. The error never holds any part of it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// No credential is configured.
    #[error("there is no credential")]
    NotGiven,
    /// The kind of credential requires another setting.
    #[error("the sign-in method {} needs the setting {}", auth.name(), setting.key)]
    Missing {
        /// The kind of credential.
        auth: Auth,
        /// The setting.
        setting: &'static Setting,
    },
    /// The token should be in the variable, which is not set.
    #[error("the variable OFFBOARD_TOKEN is not set")]
    NoToken,
    /// The variable does not hold a token.
    #[error("the variable OFFBOARD_TOKEN")]
    Token(#[source] InvalidToken),
    /// Neither a file nor the variable has the client secret.
    #[error("the client secret is missing")]
    NoClientSecret,
    /// The command that prints a token is empty.
    #[error("it is empty")]
    NoProgram,
    /// A file cannot be used.
    #[error("{}", mask::secret_path(path))]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: CredentialFileError,
    },
}

/// Why a file of a credential cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CredentialFileError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It cannot be read, or other users can read it.
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    /// It is not a certificate with its key.
    #[error(transparent)]
    Certificate(#[from] InvalidCertificate),
    /// It has no content.
    #[error("it is empty")]
    Empty,
    /// It is not text.
    #[error(transparent)]
    NoText(#[from] NotText),
}

impl Config {
    /// The credential in use. It gets tokens for this service over this connection. `prompt`
    /// shows a device code.
    ///
    /// # Errors
    /// No credential is configured, or a part of it is missing or cannot be used.
    pub fn credential(
        &self,
        service: &Service,
        connection: &Connection,
        prompt: Prompt,
    ) -> Result<Credential, CredentialError> {
        let values = &self.values;
        let auth = self.chosen_auth().ok_or(CredentialError::NotGiven)?.value;
        let method = match auth {
            Auth::TokenFile => {
                let SecretFile(file) = need(values.token_file.as_ref(), "token-file", auth)?;
                return Ok(Credential::new(TokenFile(file)));
            }
            Auth::Token => {
                let token = self.secrets.token().ok_or(CredentialError::NoToken)?;
                return Ok(token.map_err(CredentialError::Token)?.into());
            }
            Auth::TokenCommand => {
                let words = need(values.token_command.as_ref(), "token-command", auth)?.0;
                let (program, arguments) = words.split_first().ok_or(CredentialError::NoProgram)?;
                let command = TokenCommand::new(program.clone(), arguments.to_vec());
                return Ok(Credential::new(command));
            }
            Auth::ClientSecret => Method::ClientSecret {
                app: self.app(auth)?,
                secret: self.client_secret()?,
            },
            Auth::Certificate => Method::Certificate {
                app: self.app(auth)?,
                certificate: Arc::new(self.read_certificate()?),
            },
            Auth::WorkloadIdentity => Method::WorkloadIdentity {
                app: self.app(auth)?,
                token_file: self.assertion_file()?,
            },
            Auth::ManagedIdentity => Method::ManagedIdentity(self.managed_identity()),
            Auth::AzureCli => Method::AzureCli {
                tenant: values
                    .tenant
                    .as_ref()
                    .map(|tenant| tenant.value.to_string()),
            },
            Auth::DeviceCode => Method::DeviceCode {
                app: self.app(auth)?,
                prompt,
            },
        };
        let authority = service.authority.clone();
        let resource = service.resource.clone();
        Ok(Credential::new(SignIn::new(
            method, authority, resource, connection,
        )))
    }

    fn app(&self, auth: Auth) -> Result<App, CredentialError> {
        Ok(App {
            tenant: need(self.values.tenant.as_ref(), "tenant", auth)?.into(),
            client_id: need(self.values.client_id.as_ref(), "client-id", auth)?.into(),
        })
    }

    fn client_secret(&self) -> Result<SecretString, CredentialError> {
        let held = self.secrets.client_secret();
        if let Some(file) = nearer(self.values.client_secret_file.as_ref(), held.is_some()) {
            let secret = read_text(&file.value.0)?;
            if secret.expose_secret().is_empty() {
                return Err(in_file(&file.value.0, CredentialFileError::Empty));
            }
            return Ok(secret);
        }
        held.ok_or(CredentialError::NoClientSecret)
    }

    /// The file of the assertion. It is read for every sign-in; an empty file is reported now.
    fn assertion_file(&self) -> Result<PathBuf, CredentialError> {
        let file = self.values.federated_token_file.as_ref();
        let SecretFile(file) = need(file, "federated-token-file", Auth::WorkloadIdentity)?;
        let metadata = fs::metadata(&file).map_err(|error| in_file(&file, error))?;
        if metadata.is_file() && metadata.len() == 0 {
            return Err(in_file(&file, CredentialFileError::Empty));
        }
        Ok(file)
    }

    fn read_certificate(&self) -> Result<Certificate, CredentialError> {
        let file = self.values.certificate.as_ref();
        let SecretFile(file) = need(file, "certificate", Auth::Certificate)?;
        let held = self.secrets.certificate_password();
        let password_file = self.values.certificate_password_file.as_ref();
        let password = match nearer(password_file, held.is_some()) {
            Some(file) => Some(read_text(&file.value.0)?),
            None => held,
        };
        let bytes = read_secret(&file, MAX_SECRET).map_err(|error| in_file(&file, error))?;
        Certificate::read(bytes.expose_secret(), password.as_ref())
            .map_err(|error| in_file(&file, error))
    }

    /// The client id that is used for a managed identity although no identity is configured.
    /// It may be left over from something else.
    #[must_use]
    pub fn implied_identity(&self) -> Option<&Sourced<Identifier>> {
        let is_identity = self.chosen_auth()?.value == Auth::ManagedIdentity;
        let client_id = self.values.client_id.as_ref();
        client_id.filter(|_| is_identity && self.values.identity.is_none())
    }

    /// The managed identity, in the syntax of Azure's own tools: nothing for the
    /// system-assigned one, a client id, a resource id, or an object id after a prefix.
    fn managed_identity(&self) -> ManagedIdentity {
        // A client id of the environment also selects a user-assigned identity.
        let identity = self
            .values
            .identity
            .as_ref()
            .map(|identity| &*identity.value);
        let client_id = self.values.client_id.as_ref().map(|id| &*id.value);
        match identity.or(client_id) {
            None | Some("system") => ManagedIdentity::System,
            Some(id) if id.starts_with('/') => ManagedIdentity::ResourceId(id.to_owned()),
            Some(id) => match id.strip_prefix("object:") {
                Some(id) => ManagedIdentity::ObjectId(id.to_owned()),
                None => ManagedIdentity::ClientId(id.to_owned()),
            },
        }
    }
}

fn need<T: Clone>(found: Option<&Sourced<T>>, key: &str, auth: Auth) -> Result<T, CredentialError> {
    match (found, setting_of(key)) {
        (Some(found), _) => Ok(found.value.clone()),
        (None, Some(setting)) => Err(CredentialError::Missing { auth, setting }),
        (None, None) => Err(CredentialError::NotGiven),
    }
}

/// The file, unless a variable holds the secret and the file is set only in the profile.
fn nearer(file: Option<&Sourced<SecretFile>>, is_held: bool) -> Option<&Sourced<SecretFile>> {
    let variable = Source::Environment(String::new()).distance();
    file.filter(|file| !is_held || file.source.distance() <= variable)
}

fn in_file(path: &Path, error: impl Into<CredentialFileError>) -> CredentialError {
    CredentialError::File {
        path: path.to_owned(),
        source: error.into(),
    }
}

/// A secret in a file. It may be empty.
fn read_text(path: &Path) -> Result<SecretString, CredentialError> {
    let bytes = read_secret(path, MAX_SECRET).map_err(|error| in_file(path, error))?;
    secret_text(bytes.expose_secret()).map_err(|error| in_file(path, error))
}
