//! From arguments to a connection and a sandbox.

use std::{env, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Error, Result};
use tokio::task::spawn_blocking;

use super::{
    args::{SendArgs, explain, flag},
    screen::Screen,
    signal::{self, Signals},
    watch::Watch,
};
use offboard::{
    Keyword,
    audit::AuditFile,
    component::{Component, ComponentError},
    config::{
        Auth, Config, CredentialError, CredentialFileError, PluginSettings, SecretFile, Sourced,
    },
    connection::{
        Connection, Credential, Token, TokenClaims,
        cloud::Service,
        read_trusted,
        sign_in::{InvalidCertificate, Prompt},
    },
    contract::{Problem, ProblemKind, Retry},
    ledger::{Ledger, LedgerError, LedgerErrorKind, Session, SessionInfo, Waited, Waiting},
    mask,
    outputs::{Files, SharedFile},
    rate_limit::{RateLimiter, Wait},
    run::Runner,
    sandbox::Sandbox,
    selection::MachineReference,
};

/// How long the last words to the ledger may take.
const LAST_WRITE: Duration = Duration::from_secs(15);

/// Larger than any trust store, in bytes.
const MAX_AUTHORITIES: u64 = 16 * 1024 * 1024;

/// Everything that a command needs to talk to the service.
pub(super) struct Connected {
    pub(super) runner: Runner,
    /// What the token says of itself.
    pub(super) claims: Option<TokenClaims>,
    /// Why there is no token.
    pub(super) missing: Option<Problem>,
    /// Why there is no ledger on the disk, where one was wanted.
    pub(super) unrecorded: Option<LedgerError>,
    pub(super) who: SessionInfo,
}

/// Where a command puts its work on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record {
    /// In the ledger.
    Ledger,
    /// Its calls alone count, and in the ledger where that can be written.
    Calls,
    /// Nowhere: by the user's own word.
    Nowhere,
}

/// Loads the plugin and signs in; none where the user stops it. A missing
/// token is no error here: every order is told so.
pub(super) async fn connect(
    config: Config,
    files: Files,
    command: &'static str,
    record: Record,
    signals: &Signals,
    screen: &Screen,
) -> Result<Option<Connected>> {
    let service = config.service().map_err(explain)?;
    check_files(&config, files, record)?;
    for note in config.overridden() {
        screen.say(&format!("note: {note}"));
    }
    let mut connection = network(&config, &service)?;
    // Beside the signals: another component than the built-in one takes
    // time to compile, and an authority to answer.
    let (plugin, loading) = (config.plugin_settings().clone(), *screen);
    let component = tokio::select! {
        component = spawn_blocking(move || component(&plugin, &loading)) => component??,
        () = signals.stopping() => return Ok(None),
    };
    let mut who = who(&config, component.digest().as_str(), &service);
    let audit = match config.audit() {
        Some(file) => {
            let digest = component.digest().as_str();
            Some(AuditFile::open(&file.value.0, who.session, digest)?)
        }
        None => None,
    };
    let sandbox = Sandbox::new(&component, config.plugin_settings().limits.clone())?
        .audited(Arc::new(Watch::new(*screen, audit)));
    let signed_in = tokio::select! {
        signed_in = sign_in(&config, &service, &connection, screen) => signed_in,
        () = signals.stopping() => return Ok(None),
    };
    let (claims, missing) = match signed_in {
        Ok((credential, token)) => {
            let missing = match config.tenant_id() {
                Some(tenant) => credential.bind(tenant).await.err(),
                None => None,
            };
            let missing = missing.map(Problem::from);
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
    // Whoever has no token sends nothing, and it is not known whose it were.
    let record = match missing {
        Some(_) => Record::Nowhere,
        None => record,
    };
    let waiting = waiting(signals, screen);
    let (session, unrecorded) = session(&config, &who, command, record, waiting).await?;
    if unrecorded.is_some() && signals.stopped() {
        return Ok(None);
    }
    signal::stop_between_writes(session.ledger());
    let session = Arc::new(session);
    let pace = pace(&config, Arc::clone(&session), screen);
    let mut runner = Runner::new(sandbox, connection, pace, session, signals.stop.clone());
    let policy = config.policy().map(|policy| policy.value.clone());
    runner.policy = policy.unwrap_or_default();
    Ok(Some(Connected {
        runner,
        claims,
        missing,
        unrecorded: unrecorded.filter(|_| record == Record::Ledger),
        who,
    }))
}

/// The way to the service, still without a credential.
pub(super) fn network(config: &Config, service: &Service) -> Result<Connection> {
    let proxies = config.proxies()?;
    let allowed = config.allow_address().map(|ranges| ranges.value.clone());
    let connection = Connection::new(service.api_root.clone(), None::<Credential>)
        .allowing(allowed.unwrap_or_default())
        .through(proxies);
    let Some(Sourced { value: file, .. }) = config.ca_file() else {
        return Ok(connection);
    };
    let context = || mask::path(file);
    let pem = read_trusted(file, MAX_AUTHORITIES).with_context(context)?;
    connection.trusting(&pem).with_context(context)
}

/// Signs in, for the first time of a run.
///
/// # Errors
/// There is no credential, or no token to be had with it.
pub(super) async fn sign_in(
    config: &Config,
    service: &Service,
    connection: &Connection,
    screen: &Screen,
) -> Result<(Credential, Token), Problem> {
    let insisting = screen.insisting();
    let prompt = Prompt::new(move |url, code| {
        insisting.say(&format!("To sign in, open {url} and type the code {code}"));
    });
    let credential = config.credential(service, connection, prompt);
    let credential = credential.map_err(|error| {
        let message = mask::words(&without_credential(&error));
        Problem {
            source: Some(Arc::new(error)),
            ..Problem::new(ProblemKind::NoCredential, Retry::Safe, message)
        }
    })?;
    match credential.token().await {
        Ok(token) => Ok((credential, token)),
        Err(error) => {
            let mut problem = Problem::from(error);
            if let Some(message) = &mut problem.message {
                message.push_str(&of_identity(config, &problem.kind));
            }
            Err(problem)
        }
    }
}

/// What a user can do about a managed identity that gives no token.
fn of_identity(config: &Config, kind: &ProblemKind) -> String {
    if let Some(implied) = config.implied_identity() {
        return format!(
            "; it was asked of the identity {}, which {} names: --identity system asks of the \
             resource's own",
            mask::identifier(&implied.value),
            implied.source
        );
    }
    let auth = config.chosen_auth().map(|auth| auth.value);
    if auth == Some(Auth::ManagedIdentity) && *kind == ProblemKind::NoCredential {
        return "; --identity names another identity".to_owned();
    }
    String::new()
}

/// A session of the ledger, or of one that is gone with this process, and
/// then why.
async fn session(
    config: &Config,
    who: &SessionInfo,
    command: &'static str,
    record: Record,
    waiting: Waiting,
) -> Result<(Session, Option<LedgerError>), LedgerError> {
    let open = async {
        let nowhere = || LedgerError::nowhere(LedgerErrorKind::NoHome);
        let path = config.ledger_path().ok_or_else(nowhere)?;
        let ledger = Ledger::open(&path, waiting).await?;
        Session::begin(&ledger, who, command).await
    };
    let why = match record {
        Record::Nowhere => None,
        Record::Ledger | Record::Calls => match open.await {
            Ok(session) => return Ok((session, None)),
            Err(error) => Some(error),
        },
    };
    let ledger = Ledger::in_memory().await?;
    Ok((Session::begin(&ledger, who, command).await?, why))
}

/// Checks that no file that is written is another file of the command, or one that
/// the connection uses.
///
/// # Errors
/// Two of them are the same file.
pub(super) fn check_files(
    config: &Config,
    mut files: Files,
    record: Record,
) -> Result<(), SharedFile> {
    if record != Record::Nowhere
        && let Some(ledger) = config.ledger_path()
    {
        files.ledger(&ledger);
    }
    if let Some(audit) = config.audit() {
        files.writes("the audit", &audit.value.0);
    }
    let secret = |setting: Option<&Sourced<SecretFile>>| setting.map(|file| file.value.0.clone());
    let plugin = config.plugin_settings().file.as_ref();
    // A bare name is searched for in PATH.
    let command = config.token_command();
    let program = command
        .and_then(|words| words.value.0.first())
        .map(PathBuf::from)
        .filter(|program| program.components().count() > 1);
    for (role, path) in [
        ("the configuration", config.file()),
        ("the token file", secret(config.token_file())),
        (
            "the client secret file",
            secret(config.client_secret_file()),
        ),
        ("the certificate", secret(config.certificate())),
        (
            "the certificate password file",
            secret(config.certificate_password_file()),
        ),
        (
            "the federated token file",
            secret(config.federated_token_file()),
        ),
        (
            "the CA file",
            config.ca_file().map(|file| file.value.clone()),
        ),
        ("the plugin", plugin.map(|file| file.value.clone())),
        ("the token command", program),
    ] {
        if let Some(path) = path {
            files.reads(role, &path);
        }
    }
    files.streams();
    files.check()
}

/// For the record: who sends, and with what.
pub(super) fn who(config: &Config, plugin_sha256: &str, service: &Service) -> SessionInfo {
    let names = ["USER", "USERNAME", "LOGNAME"].into_iter();
    let user = names.filter_map(|name| env::var(name).ok()).next();
    let mut who = SessionInfo::new(user, plugin_sha256, service.api_root.as_str());
    let auth = config.chosen_auth();
    who.auth = auth.map(|auth| auth.value.name().to_owned());
    who.profile = config.profile().map(ToOwned::to_owned);
    who
}

/// Why there is no credential, with the argument that a user can give.
fn without_credential(error: &CredentialError) -> String {
    match error {
        CredentialError::NotGiven => format!(
            "{error}: give --token-file FILE, or --tenant, --client-id and --client-secret-file \
             FILE; `offboard config show` has all that is in force"
        ),
        CredentialError::Missing { auth, setting } => {
            let argument = flag(setting).unwrap_or_else(|| setting.key.to_owned());
            let mut needed = format!("{argument} {}", setting.value_name);
            if !setting.others.is_empty() {
                needed.push_str(&format!(" (or {})", setting.others.join(", ")));
            }
            format!("{} also needs {needed}", auth.name())
        }
        CredentialError::NoToken => format!("{error}, which --auth token wants"),
        CredentialError::NoClientSecret => {
            format!("{error}: give --client-secret-file FILE, or set AZURE_CLIENT_SECRET")
        }
        CredentialError::File {
            source: CredentialFileError::Certificate(InvalidCertificate::Password),
            ..
        } => format!("{} (--certificate-password-file)", with_causes(error)),
        _ => with_causes(error),
    }
}

/// An error with what caused it.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// Loads the component, if it is the one that is pinned.
pub(super) fn component(plugin: &PluginSettings, screen: &Screen) -> Result<Component> {
    let pinned = plugin.sha256.as_ref().map(|pinned| &pinned.value);
    if let Some(Sourced { value: file, .. }) = &plugin.file {
        let load = || {
            let bytes = Component::read(file, pinned)?;
            screen.say(&format!("compiling {}", mask::path(file)));
            Component::from_bytes(bytes)
        };
        return load().map_err(|error| match error {
            // It names the file itself.
            ComponentError::File(..) => error.into(),
            error => Error::new(error).context(mask::path(file)),
        });
    }
    let component = Component::embedded()?;
    if let Some(pinned) = pinned {
        component.check(pinned).context("the built-in plugin")?;
    }
    Ok(component)
}

impl Connected {
    /// How patient to be, and how much to do at once.
    pub(super) fn paced(&mut self, args: &SendArgs) {
        self.runner.grace = args.grace;
        self.runner.jobs = args.jobs.into();
    }

    /// Ends the session, and the use of the ledger.
    pub(super) async fn end(&self, screen: &Screen) {
        let session = &self.runner.session;
        // What was left in the middle is given back first.
        let ended = async {
            self.runner.rate_limiter.flush().await?;
            session.end().await
        };
        let ended = tokio::time::timeout(LAST_WRITE, ended).await;
        if let Ok(Err(error)) = ended {
            screen.detail(&format!("note: {error}"));
        }
        session.ledger().close().await;
    }

    /// What is on its way is unknown from now on.
    pub(super) async fn leave_unknown(&self, screen: &Screen) {
        let left = self.runner.session.release_as_unknown();
        if let Ok(Err(error)) = tokio::time::timeout(LAST_WRITE, left).await {
            screen.detail(&format!("note: {error}"));
        }
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
    pub(super) async fn expect_tenant_of(
        &mut self,
        named: impl IntoIterator<Item = &MachineReference>,
    ) {
        let Some(credential) = &self.runner.connection.credential else {
            return;
        };
        for wanted in named.into_iter().filter_map(|named| named.tenant) {
            // Also of those that come after, where the first names none.
            if let Err(error) = credential.bind(&wanted.to_string()).await
                && self.missing.is_none()
            {
                let message = format!("{error}, by the URL of a machine");
                self.missing = Some(Problem::new(ProblemKind::WrongTenant, Retry::Safe, message));
            }
        }
    }
}

/// The pace of a command, which tells its waits.
pub(super) fn pace(config: &Config, session: Arc<Session>, screen: &Screen) -> RateLimiter {
    let screen = *screen;
    RateLimiter::new(config.effective_quota(), session, move |wait| {
        let (why, wait) = match wait {
            Wait::Quota(wait) => ("the quota is used up", wait),
            Wait::Asked(wait) => ("the service wants a pause", wait),
        };
        // To the second: it is not promised.
        let wait = Duration::from_secs(wait.as_secs().saturating_add(1));
        let wait = humantime::format_duration(wait);
        screen.progress(&format!("{why}: the next call leaves in {wait}"));
    })
}

/// How a command waits for a ledger that another process has locked.
fn waiting(signals: &Signals, screen: &Screen) -> Waiting {
    let screen = *screen;
    let report = move |waited: Waited| {
        let holder = waited.holder;
        let holder = holder.map_or_else(|| "another process".to_owned(), |by| by.to_string());
        let whole =
            |time: Duration| humantime::format_duration(Duration::from_secs(time.as_secs()));
        screen.say(&format!(
            "The ledger has been locked for {} by {holder}; waiting up to {} for it.",
            whole(waited.time),
            whole(waited.longest)
        ));
    };
    Waiting::new(report, signals.stop.clone())
}
