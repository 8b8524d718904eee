//! How to sign in: as `--auth` says, or by the first credential that was given,
//! in the order of [`Auth`].

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, Result, bail};
use secrecy::{ExposeSecret, SecretString};

use super::{Layers, Source, Sourced, file::Profile, variable};
use crate::{args::SignInArgs, secret::Secrets};
use offboard::{
    Keyword,
    connection::{
        Connection, Credential, TokenCommand, TokenFile,
        cloud::{Issuer, Service},
        read_secret,
        sign_in::{App, Certificate, Identity, Method, Prompt, SignIn},
    },
    mask,
};

/// Larger than any secret or certificate, in bytes.
const MAX_SECRET: u64 = 256 * 1024;

/// A kind of credential. Without a choice, the first kind that was given is used,
/// in this order, as far as `ManagedIdentity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Auth {
    TokenFile,
    Token,
    TokenCommand,
    ClientSecret,
    Certificate,
    WorkloadIdentity,
    ManagedIdentity,
    AzureCli,
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
            Self::TokenFile => "A ready token in a file, which may be renewed there",
            Self::Token => "A ready token in the variable OFFBOARD_TOKEN",
            Self::TokenCommand => "What a program of yours prints",
            Self::ClientSecret => "An app registration's client secret",
            Self::Certificate => "An app registration's certificate",
            Self::WorkloadIdentity => "A federated assertion, as Kubernetes gives it",
            Self::ManagedIdentity => "The identity of the Azure resource that this runs on",
            Self::AzureCli => "The account that is signed in to the Azure CLI",
            Self::DeviceCode => "You, by a code that you type into a browser",
        }
    }
}

/// What sign-in has to go by.
#[derive(Debug)]
pub(crate) struct SignInSettings {
    pub(crate) auth: Option<Sourced<Auth>>,
    pub(crate) tenant: Option<Sourced<String>>,
    pub(crate) client_id: Option<Sourced<String>>,
    pub(crate) client_secret_file: Option<Sourced<PathBuf>>,
    pub(crate) certificate: Option<Sourced<PathBuf>>,
    pub(crate) certificate_password_file: Option<Sourced<PathBuf>>,
    pub(crate) federated_token_file: Option<Sourced<PathBuf>>,
    pub(crate) identity: Option<Sourced<String>>,
    pub(crate) token_file: Option<Sourced<PathBuf>>,
    pub(crate) token_command: Option<Sourced<Vec<String>>>,
    pub(crate) secrets: Secrets,
}

fn text(text: String) -> Result<String> {
    Ok(text)
}

fn path(text: String) -> Result<PathBuf> {
    Ok(text.into())
}

impl SignInSettings {
    pub(super) fn resolve(
        args: &SignInArgs,
        profile: &Profile,
        layers: &Layers<'_>,
        secrets: Secrets,
    ) -> Result<Self> {
        let args = args.clone();
        let profile = profile.clone();
        let command = match &args.token_command {
            Some(command) => shlex::split(command)
                .filter(|words| !words.is_empty())
                .context("--token-command: it is empty, or has an open quotation")?,
            None => Vec::new(),
        };
        Ok(Self {
            auth: layers.plain("auth", args.auth, profile.auth),
            tenant: layers.pick(
                "tenant",
                args.tenant,
                &[("AZURE_TENANT_ID", text)],
                profile.tenant,
            )?,
            client_id: layers.pick(
                "client_id",
                args.client_id,
                &[("AZURE_CLIENT_ID", text)],
                profile.client_id,
            )?,
            client_secret_file: layers.plain(
                "client_secret_file",
                args.client_secret_file,
                profile.client_secret_file,
            ),
            certificate: layers.pick(
                "certificate",
                args.certificate,
                &[("AZURE_CLIENT_CERTIFICATE_PATH", path)],
                profile.certificate,
            )?,
            certificate_password_file: layers.plain(
                "certificate_password_file",
                args.certificate_password_file,
                profile.certificate_password_file,
            ),
            federated_token_file: layers.pick(
                "federated_token_file",
                args.federated_token_file,
                &[("AZURE_FEDERATED_TOKEN_FILE", path)],
                profile.federated_token_file,
            )?,
            identity: layers.plain("identity", args.identity, profile.identity),
            token_file: layers.plain("token_file", args.token_file, profile.token_file),
            token_command: layers.many("token_command", command, profile.token_command),
            secrets,
        })
    }

    /// The kind that is in force, and why; none where nothing was given. What is
    /// on the command line beats what is in the environment, and that the
    /// profile; of one place, the first counts.
    pub(crate) fn chosen(&self) -> Option<Sourced<Auth>> {
        let given = |auth, source: Option<&Source>| Some(Sourced::new(auth, source?.clone()));
        let held = |auth, is_set: bool, name: &str| {
            is_set.then(|| Sourced::new(auth, Source::Environment(name.to_owned())))
        };
        let secrets = &self.secrets;
        let found = [
            given(
                Auth::TokenFile,
                self.token_file.as_ref().map(Sourced::source),
            ),
            held(Auth::Token, secrets.token().is_some(), "OFFBOARD_TOKEN"),
            given(
                Auth::TokenCommand,
                self.token_command.as_ref().map(Sourced::source),
            ),
            given(
                Auth::ClientSecret,
                self.client_secret_file.as_ref().map(Sourced::source),
            ),
            held(
                Auth::ClientSecret,
                secrets.client_secret().is_some(),
                "AZURE_CLIENT_SECRET",
            ),
            given(
                Auth::Certificate,
                self.certificate.as_ref().map(Sourced::source),
            ),
            given(
                Auth::WorkloadIdentity,
                self.federated_token_file.as_ref().map(Sourced::source),
            ),
            given(
                Auth::ManagedIdentity,
                self.identity.as_ref().map(Sourced::source),
            ),
            held(
                Auth::ManagedIdentity,
                variable("IDENTITY_ENDPOINT").is_some(),
                "IDENTITY_ENDPOINT",
            ),
        ]
        .into_iter()
        .flatten()
        // The first of the nearest.
        .min_by_key(|found| found.source.distance());
        // A kind that was said is meant, unless a credential stands on the
        // command line and the kind further away: what is left over in the
        // environment does not change a profile's.
        let on_command_line = |found: &Sourced<Auth>| found.source.distance() == 0;
        match (&self.auth, found) {
            (Some(auth), Some(found)) if auth.source.distance() > 0 && on_command_line(&found) => {
                Some(found)
            }
            (Some(auth), _) => Some(auth.clone()),
            (None, found) => found,
        }
    }

    /// Whose tokens they are.
    pub(crate) fn issuer(&self) -> Issuer {
        match self.chosen().map(|auth| auth.value) {
            None | Some(Auth::TokenFile | Auth::Token | Auth::TokenCommand) => Issuer::Unknown,
            Some(Auth::ManagedIdentity | Auth::AzureCli) => Issuer::Azure,
            Some(
                Auth::ClientSecret | Auth::Certificate | Auth::WorkloadIdentity | Auth::DeviceCode,
            ) => Issuer::Authority,
        }
    }

    /// The credential.
    ///
    /// # Errors
    /// There is none, or a part of it is missing or cannot be used.
    pub(crate) fn credential(
        &self,
        service: &Service,
        connection: &Connection,
        prompt: Prompt,
    ) -> Result<Credential> {
        let Some(auth) = self.chosen() else {
            bail!(
                "there is no credential: give --token-file FILE, or --tenant, --client-id and \
                 --client-secret-file FILE; `offboard config show` has all that is in force"
            );
        };
        let method = match auth.value {
            Auth::TokenFile => {
                let file = need(self.token_file.as_ref(), "--token-file FILE", auth.value)?;
                return Ok(Credential::new(TokenFile(file)));
            }
            Auth::Token => {
                let token = self
                    .secrets
                    .token()
                    .context("the variable OFFBOARD_TOKEN is not set, which --auth token wants")?;
                return Ok(token.context("the variable OFFBOARD_TOKEN")?.into());
            }
            Auth::TokenCommand => {
                let name = "--token-command COMMAND";
                let words = need(self.token_command.as_ref(), name, auth.value)?;
                let (program, arguments) = words.split_first().context("it is empty")?;
                let command = TokenCommand::new(program.clone(), arguments.to_vec());
                return Ok(Credential::new(command));
            }
            Auth::ClientSecret => Method::ClientSecret {
                app: self.app(auth.value)?,
                secret: self.client_secret()?,
            },
            Auth::Certificate => Method::Certificate {
                app: self.app(auth.value)?,
                certificate: Arc::new(self.read_certificate()?),
            },
            Auth::WorkloadIdentity => Method::WorkloadIdentity {
                app: self.app(auth.value)?,
                token_file: self.assertion_file()?,
            },
            Auth::ManagedIdentity => Method::ManagedIdentity(self.managed_identity()),
            Auth::AzureCli => Method::AzureCli {
                tenant: self.tenant.as_ref().map(|tenant| tenant.value.clone()),
            },
            Auth::DeviceCode => Method::DeviceCode {
                app: self.app(auth.value)?,
                prompt,
            },
        };
        let authority = service.authority.clone();
        let resource = service.resource.clone();
        Ok(Credential::new(SignIn::new(
            method, authority, resource, connection,
        )))
    }

    fn app(&self, auth: Auth) -> Result<App> {
        let tenant = "--tenant TENANT (or AZURE_TENANT_ID)";
        let client_id = "--client-id ID (or AZURE_CLIENT_ID)";
        Ok(App {
            tenant: need(self.tenant.as_ref(), tenant, auth)?,
            client_id: need(self.client_id.as_ref(), client_id, auth)?,
        })
    }

    fn client_secret(&self) -> Result<SecretString> {
        let held = self.secrets.client_secret();
        if let Some(file) = nearer(self.client_secret_file.as_ref(), held.is_some()) {
            return read_text(&file.value);
        }
        held.context(
            "the client secret is missing: give --client-secret-file FILE, or set AZURE_CLIENT_SECRET",
        )
    }

    /// It is read again for every sign-in; that there is something in it is seen
    /// at once.
    fn assertion_file(&self) -> Result<PathBuf> {
        let name = "--federated-token-file FILE";
        let file = self.federated_token_file.as_ref();
        let file = need(file, name, Auth::WorkloadIdentity)?;
        let context = || mask::secret_path(&file);
        let metadata = std::fs::metadata(&file).with_context(context)?;
        if metadata.is_file() && metadata.len() == 0 {
            bail!("{}: it is empty", mask::secret_path(&file));
        }
        Ok(file)
    }

    fn read_certificate(&self) -> Result<Certificate> {
        let name = "--certificate FILE";
        let file = need(self.certificate.as_ref(), name, Auth::Certificate)?;
        let held = self.secrets.certificate_password();
        let password = match nearer(self.certificate_password_file.as_ref(), held.is_some()) {
            Some(file) => Some(read_text(&file.value)?),
            None => held,
        };
        let context = || mask::secret_path(&file);
        let bytes = read_secret(&file, MAX_SECRET).with_context(context)?;
        Certificate::read(bytes.expose_secret(), password.as_ref()).with_context(context)
    }

    /// Of a client id that stands for a managed identity without anybody having
    /// said so: it may be left over from something else.
    pub(crate) fn client_id_of_identity(&self) -> Option<String> {
        let is_identity = self.chosen()?.value == Auth::ManagedIdentity;
        let client_id = self.client_id.as_ref().filter(|_| is_identity)?;
        if self.identity.is_some() {
            return None;
        }
        Some(format!(
            "; it was asked of the identity {}, which {} names: --identity system asks of the \
             resource's own",
            mask::identifier(&client_id.value),
            client_id.source
        ))
    }

    /// As Azure's own tools write it: nothing for the resource's own, a client
    /// id, a resource id, or an object id behind a word that says so.
    fn managed_identity(&self) -> Identity {
        // A client id of the environment is meant for a user-assigned one, too.
        let identity = self.identity.as_ref().or(self.client_id.as_ref());
        match identity.map(|identity| identity.value.as_str()) {
            None | Some("system") => Identity::System,
            Some(id) if id.starts_with('/') => Identity::ResourceId(id.to_owned()),
            Some(id) => match id.strip_prefix("object:") {
                Some(id) => Identity::ObjectId(id.to_owned()),
                None => Identity::ClientId(id.to_owned()),
            },
        }
    }
}

fn need<T: Clone>(found: Option<&Sourced<T>>, how: &str, auth: Auth) -> Result<T> {
    let found = found.with_context(|| format!("{} also needs {how}", auth.name()))?;
    Ok(found.value.clone())
}

/// A file, unless a variable holds the secret and the file is the profile's.
fn nearer(file: Option<&Sourced<PathBuf>>, is_held: bool) -> Option<&Sourced<PathBuf>> {
    let variable = Source::Environment(String::new()).distance();
    file.filter(|file| !is_held || file.source.distance() <= variable)
}

/// A secret on one line.
fn read_text(path: &std::path::Path) -> Result<SecretString> {
    let context = || mask::secret_path(path);
    let bytes = read_secret(path, MAX_SECRET).with_context(context)?;
    let text = std::str::from_utf8(bytes.expose_secret());
    let text = text.ok().map(str::trim).filter(|text| !text.is_empty());
    let text = text
        .context("it is empty, or no text")
        .with_context(context)?;
    Ok(SecretString::from(text))
}
