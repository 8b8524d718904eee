//! From arguments to a connection and a sandbox.

use std::{env, fs, mem, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use tokio::task::spawn_blocking;

use super::{
    args::{ConnectArgs, JournalArgs, PluginArgs},
    screen::Screen,
    settings::{Settings, Sourced},
    signal::Signals,
    watch::Watch,
};
use crate::{
    audit::AuditFile,
    component::Component,
    connection::{
        Connection, Credential, Proxies, SignInError, Token, TokenClaims, cloud::Service,
        sign_in::Prompt,
    },
    contract::{Problem, Retry},
    journal::{Journal, JournalError, Who},
    run::Runner,
    sandbox::{Limits, Sandbox},
};

/// Everything that a command needs to talk to the service.
pub(super) struct Connected {
    pub(super) runner: Runner,
    /// What the token says of itself.
    pub(super) claims: Option<TokenClaims>,
    /// Why there is no token.
    pub(super) missing: Option<Problem>,
    journal: Option<PathBuf>,
    who: Who,
}

impl ConnectArgs {
    /// What is in force.
    ///
    /// # Errors
    /// The configuration cannot be used.
    pub(super) fn settings(&mut self) -> Result<Settings> {
        let (given, secrets) = (mem::take(&mut self.given), mem::take(&mut self.secrets));
        Settings::resolve(self, &given, secrets)
    }

    /// Loads the plugin and signs in; none where the user stops it. A missing
    /// token is no error here: every order is told so.
    pub(super) async fn connect(
        &mut self,
        grace: Duration,
        signals: &Signals,
        screen: &Screen,
    ) -> Result<Option<Connected>> {
        let settings = self.settings()?;
        let service = settings.service()?;
        let mut connection = settings.network(&service)?;
        // Beside the signals: another component than the built-in one takes
        // time to compile, and an authority to answer.
        let (plugin, loading) = (self.plugin.clone(), *screen);
        let component = tokio::select! {
            component = spawn_blocking(move || plugin.component(&loading)) => component??,
            () = signals.stopping() => return Ok(None),
        };
        let audit = match &settings.audit {
            Some(file) => Some(AuditFile::open(&file.value, component.digest().as_str())?),
            None => None,
        };
        let sandbox = Sandbox::new(&component, self.plugin.limits()?)?
            .audited(Arc::new(Watch::new(*screen, audit)));
        let signed_in = tokio::select! {
            signed_in = settings.sign_in(&service, &connection, screen) => signed_in,
            () = signals.stopping() => return Ok(None),
        };
        let (claims, missing) = match signed_in {
            Ok((credential, token)) => {
                connection.credential = Some(credential);
                let claims = token.claims();
                let missing = claims
                    .as_ref()
                    .and_then(|claims| wrong_tenant(&settings, claims));
                (claims, missing)
            }
            Err(problem) => (None, Some(problem)),
        };
        let user = env::var("USER").or_else(|_| env::var("USERNAME")).ok();
        let who = Who::new(user, component.digest().as_str(), service.api_root.as_str());
        Ok(Some(Connected {
            runner: Runner::new(sandbox, connection, grace, signals.stop.clone()),
            claims,
            missing,
            journal: settings.journal.map(|journal| journal.value),
            who,
        }))
    }
}

impl Settings {
    /// The way to the service, still without a credential.
    pub(super) fn network(&self, service: &Service) -> Result<Connection> {
        let proxies = Proxies::from_environment()
            .context("HTTPS_PROXY, ALL_PROXY or NO_PROXY cannot be used")?;
        let allowed = self
            .allow_address
            .as_ref()
            .map(|ranges| ranges.value.clone());
        let connection = Connection::new(service.api_root.clone(), None::<Credential>)
            .allowing(allowed.unwrap_or_default())
            .through(proxies);
        let Some(Sourced { value: file, .. }) = &self.ca_file else {
            return Ok(connection);
        };
        let pem = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        connection
            .trusting(&pem)
            .with_context(|| file.display().to_string())
    }

    /// Signs in, for the first time of a run.
    ///
    /// # Errors
    /// There is no credential, or no token to be had with it.
    pub(super) async fn sign_in(
        &self,
        service: &Service,
        connection: &Connection,
        screen: &Screen,
    ) -> Result<(Credential, Token), Problem> {
        let insisting = screen.insisting();
        let prompt = Prompt::new(move |url, code| {
            insisting.say(&format!("To sign in, open {url} and type the code {code}"));
        });
        let credential = self
            .sign_in
            .credential(service, connection, prompt)
            .map_err(|error| Problem::new("no-credential", Retry::Safe, format!("{error:#}")))?;
        match credential.token().await {
            Ok(token) => Ok((credential, token)),
            Err(error) => Err(no_token(&error)),
        }
    }
}

/// A token of another tenant than the one that was named is not used.
fn wrong_tenant(settings: &Settings, claims: &TokenClaims) -> Option<Problem> {
    let (found, wanted) = settings.other_tenant(claims)?;
    let message = format!("the token is of the tenant {found}, and {wanted} is wanted");
    Some(Problem::new("wrong-tenant", Retry::Safe, message))
}

/// Why there is no token, as a problem.
fn no_token(error: &SignInError) -> Problem {
    let kind = match error {
        SignInError::Unreachable(_) => "no-authority",
        _ => "no-credential",
    };
    let code = match error {
        SignInError::Refused { codes, .. } => codes.first().map(|code| format!("AADSTS{code}")),
        _ => None,
    };
    let message = error.to_string();
    // It stands before the words wherever they are shown.
    let prefix = code.as_ref().map(|code| format!("{code}: "));
    let message = match prefix.and_then(|prefix| message.strip_prefix(&prefix)) {
        Some(words) => words.to_owned(),
        None => message,
    };
    Problem {
        code,
        ..Problem::new(kind, Retry::Safe, message)
    }
}

impl PluginArgs {
    /// Loads the component, if it is the one that is pinned.
    pub(super) fn component(&self, screen: &Screen) -> Result<Component> {
        let pinned = self.plugin_sha256.as_ref();
        if let Some(file) = &self.plugin {
            let load = || {
                let bytes = Component::read(file, pinned)?;
                screen.say(&format!("compiling {}", file.display()));
                Component::from_bytes(bytes)
            };
            return load().with_context(|| file.display().to_string());
        }
        let component = Component::embedded()?;
        if let Some(pinned) = pinned {
            component.check(pinned).context("the built-in plugin")?;
        }
        Ok(component)
    }

    /// The limits that are in force.
    pub(super) fn limits(&self) -> Result<Limits> {
        let mut limits = Limits::default();
        for (limit, value) in &self.limits {
            limits.set(*limit, *value)?;
        }
        Ok(limits)
    }
}

impl Connected {
    /// Opens the journal.
    pub(super) fn journal(&self, args: &JournalArgs) -> Result<Journal, JournalError> {
        let named = args.journal.clone().or_else(|| self.journal.clone());
        let path = named.unwrap_or_else(default_journal);
        Journal::open(&path, self.who.clone())
    }
}

/// Where the journal is where nobody says otherwise.
pub(super) fn default_journal() -> PathBuf {
    use etcetera::BaseStrategy;
    let folder = etcetera::choose_base_strategy()
        .map(|folders| folders.state_dir().unwrap_or_else(|| folders.data_dir()))
        .unwrap_or_default();
    folder.join("offboard").join("journal.jsonl")
}
