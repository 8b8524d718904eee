//! From arguments to a connection and a sandbox.

use std::{
    env, fs, mem,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Error, Result};
use tokio::task::spawn_blocking;

use super::{
    args::{ConnectArgs, JournalArgs, PluginArgs},
    screen::Screen,
    settings::{Settings, Sourced},
    signal::Signals,
    target::Named,
    watch::Watch,
};
use crate::{
    audit::AuditFile,
    component::{Component, ComponentError},
    connection::{
        Connection, Credential, Proxies, SignInError, Token, TokenClaims, cloud::Service,
        read_trusted, sign_in::Prompt,
    },
    contract::{Problem, Retry},
    journal::{Journal, JournalError, Who},
    pace::Pace,
    run::Runner,
    sandbox::{Limits, Sandbox},
};

/// Larger than any trust store, in bytes.
const MAX_AUTHORITIES: u64 = 16 * 1024 * 1024;

/// Everything that a command needs to talk to the service.
pub(super) struct Connected {
    pub(super) runner: Runner,
    /// What the token says of itself.
    pub(super) claims: Option<TokenClaims>,
    /// Why there is no token.
    pub(super) missing: Option<Problem>,
    audit: Option<PathBuf>,
    journal: Option<PathBuf>,
    pub(super) who: Who,
}

impl ConnectArgs {
    /// What is in force.
    ///
    /// # Errors
    /// The configuration cannot be used.
    pub(super) fn settings(&mut self) -> Result<Settings> {
        let (given, secrets) = (self.given.clone(), mem::take(&mut self.secrets));
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
        for note in settings.overridden() {
            screen.say(&format!("note: {note}"));
        }
        let mut connection = settings.network(&service)?;
        // Beside the signals: another component than the built-in one takes
        // time to compile, and an authority to answer.
        let (plugin, loading) = (self.plugin.clone(), *screen);
        let component = tokio::select! {
            component = spawn_blocking(move || plugin.component(&loading)) => component??,
            () = signals.stopping() => return Ok(None),
        };
        let mut who = settings.who(&component, &service);
        let audit = match &settings.audit {
            Some(file) => {
                let digest = component.digest().as_str();
                Some(AuditFile::open(&file.value, who.run, digest)?)
            }
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
                let missing = match settings.named_tenant() {
                    Some(tenant) => credential.bind(tenant).await.err(),
                    None => None,
                };
                let missing = missing.map(|error| no_token(&error));
                connection.credential = Some(credential);
                (token.claims(), missing)
            }
            Err(problem) => (None, Some(problem)),
        };
        who.tenant = claims.as_ref().and_then(|claims| claims.tenant.clone());
        let application = claims
            .as_ref()
            .and_then(|claims| claims.application.clone());
        who.application = application;
        let mut runner = Runner::new(sandbox, connection, grace, signals.stop.clone());
        runner.pace = pace(&settings, screen);
        runner.policy = settings
            .policy
            .map(|policy| policy.value)
            .unwrap_or_default();
        Ok(Some(Connected {
            runner,
            claims,
            missing,
            audit: settings.audit.map(|audit| audit.value),
            journal: settings.journal.map(|journal| journal.value),
            who,
        }))
    }
}

impl Settings {
    /// The way to the service, still without a credential.
    pub(super) fn network(&self, service: &Service) -> Result<Connection> {
        let proxies = Proxies::from_environment()?;
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
        let context = || file.display().to_string();
        let pem = read_trusted(file, MAX_AUTHORITIES).with_context(context)?;
        connection.trusting(&pem).with_context(context)
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
            Err(error) => {
                let mut problem = no_token(&error);
                if let (Some(left_over), Some(message)) =
                    (self.sign_in.client_id_of_identity(), &mut problem.message)
                {
                    message.push_str(&left_over);
                }
                Err(problem)
            }
        }
    }

    /// For the record: who sends, and with what.
    fn who(&self, component: &Component, service: &Service) -> Who {
        let user = env::var("USER").or_else(|_| env::var("USERNAME")).ok();
        let mut who = Who::new(user, component.digest().as_str(), service.api_root.as_str());
        who.auth = self
            .sign_in
            .chosen()
            .map(|auth| auth.value.name().to_owned());
        who.profile = self.profile.as_ref().map(|chosen| chosen.name.clone());
        who
    }
}

/// Why there is no token, as a problem.
fn no_token(error: &SignInError) -> Problem {
    let kind = match error {
        SignInError::Unreachable(_) => "no-authority",
        SignInError::OtherTenant { .. } => "wrong-tenant",
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
            return load().map_err(|error| match error {
                // It names the file itself.
                ComponentError::File(..) => error.into(),
                error => Error::new(error).context(file.display().to_string()),
            });
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
        let path = named
            .or_else(default_journal)
            .ok_or_else(JournalError::no_home)?;
        not_the_audit(&path, self.audit.as_deref())?;
        Journal::open(&path, self.who.clone())
    }

    /// Whom the service takes this for, as far as the token tells.
    pub(super) fn signed_in(&self) -> String {
        let who = &self.who;
        let with = who.auth.as_deref().unwrap_or("nothing");
        let profile = who.profile.as_ref();
        let profile = profile.map_or_else(String::new, |profile| format!(" of profile {profile}"));
        let tenant = match &who.tenant {
            Some(tenant) => format!("to tenant {tenant}"),
            None => "to a tenant that the token does not name".to_owned(),
        };
        let application = who.application.as_ref();
        let application =
            application.map_or_else(String::new, |id| format!(", as application {id}"));
        format!("{tenant}{application}, with {with}{profile}")
    }

    /// Where a portal's URL names another tenant than the token, nothing is to
    /// be sent: the machine that the user looked at is not that one.
    pub(super) async fn expect_tenant_of(&mut self, named: impl IntoIterator<Item = &Named>) {
        let Some(credential) = &self.runner.connection.credential else {
            return;
        };
        for wanted in named.into_iter().filter_map(|named| named.tenant) {
            // Also of those that come after, where the first names none.
            if let Err(error) = credential.bind(&wanted.to_string()).await
                && self.missing.is_none()
            {
                let message = format!("{error}, by the URL of a machine");
                self.missing = Some(Problem::new("wrong-tenant", Retry::Safe, message));
            }
        }
    }
}

/// The pace of a command, which tells its waits.
pub(super) fn pace(settings: &Settings, screen: &Screen) -> Pace {
    let screen = *screen;
    Pace::new(settings.quota(), move |wait| {
        // To the second: it is not promised.
        let wait = Duration::from_secs(wait.as_secs().saturating_add(1));
        screen.say(&format!(
            "the quota is used up: the next call leaves in {}",
            humantime::format_duration(wait)
        ));
    })
}

/// A journal is not the audit as well, which is open already.
pub(super) fn not_the_audit(journal: &Path, audit: Option<&Path>) -> Result<(), JournalError> {
    let whole = |path: &Path| fs::canonicalize(path).ok();
    let audit = audit.and_then(whole);
    match audit.is_some() && audit == whole(journal) {
        true => Err(JournalError::is_audit(journal)),
        false => Ok(()),
    }
}

/// Where the journal is where nobody says otherwise; nowhere for who has no
/// home.
pub(super) fn default_journal() -> Option<PathBuf> {
    use etcetera::BaseStrategy;
    let folders = etcetera::choose_base_strategy().ok()?;
    let folder = folders.state_dir().unwrap_or_else(|| folders.data_dir());
    let file = folder.join("offboard").join("journal.jsonl");
    Some(file).filter(|file| file.is_absolute())
}
