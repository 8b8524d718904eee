//! From arguments to a connection and a sandbox.

use std::{env, mem, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Error, Result, ensure};
use tokio::task::spawn_blocking;

use super::{
    args::{ConnectArgs, PluginArgs, SendArgs},
    screen::Screen,
    settings::{Settings, Source, Sourced},
    signal::{self, Signals},
    watch::Watch,
};
use offboard::{
    Keyword,
    audit::AuditFile,
    component::{Component, ComponentError},
    connection::{
        Connection, Credential, Proxies, Token, TokenClaims, cloud::Service, read_trusted,
        sign_in::Prompt,
    },
    contract::{Problem, ProblemKind, Retry},
    ledger::{Fault, Ledger, LedgerError, Session, Waited, Waiting, Who},
    mask,
    outputs::{Files, SharedFile},
    pace::{Pace, Wait},
    run::Runner,
    sandbox::{Limits, Sandbox},
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
    pub(super) who: Who,
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

impl ConnectArgs {
    /// Checks that the user does not name a ledger and do without one. The environment
    /// may name one: flags take precedence.
    pub(super) fn check_no_ledger(&self, no_ledger: bool) -> Result<()> {
        let ledger = self.given.value("ledger", self.ledger.as_ref());
        let is_named = ledger.is_some_and(|ledger| matches!(ledger.source, Source::Flag(_)));
        ensure!(
            !no_ledger || !is_named,
            "--no-ledger cannot be used with --ledger: nothing was sent"
        );
        Ok(())
    }

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
        command: &'static str,
        record: Record,
        signals: &Signals,
        screen: &Screen,
    ) -> Result<Option<Connected>> {
        let settings = self.settings()?;
        let service = settings.service()?;
        settings.check_files(mem::take(&mut self.files), &self.plugin, record)?;
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
        let mut who = settings.who(component.digest().as_str(), &service);
        let audit = match &settings.audit {
            Some(file) => {
                let digest = component.digest().as_str();
                Some(AuditFile::open(&file.value, who.session, digest)?)
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
        let (session, unrecorded) = settings.session(&who, command, record, waiting).await?;
        if unrecorded.is_some() && signals.stopped() {
            return Ok(None);
        }
        signal::stop_between_writes(session.ledger());
        let session = Arc::new(session);
        let pace = pace(&settings, Arc::clone(&session), screen);
        let mut runner = Runner::new(sandbox, connection, pace, session, signals.stop.clone());
        runner.policy = settings
            .policy
            .map(|policy| policy.value)
            .unwrap_or_default();
        Ok(Some(Connected {
            runner,
            claims,
            missing,
            unrecorded: unrecorded.filter(|_| record == Record::Ledger),
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
        let context = || mask::path(file);
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
            .map_err(|error| {
                let message = mask::words(&format!("{error:#}"));
                Problem::new(ProblemKind::NoCredential, Retry::Safe, message)
            })?;
        match credential.token().await {
            Ok(token) => Ok((credential, token)),
            Err(error) => {
                let mut problem = Problem::from(error);
                if let (Some(left_over), Some(message)) =
                    (self.sign_in.client_id_of_identity(), &mut problem.message)
                {
                    message.push_str(&left_over);
                }
                Err(problem)
            }
        }
    }

    /// A session of the ledger, or of one that is gone with this process, and
    /// then why.
    async fn session(
        &self,
        who: &Who,
        command: &'static str,
        record: Record,
        waiting: Waiting,
    ) -> Result<(Session, Option<LedgerError>), LedgerError> {
        let open = async {
            let nowhere = || LedgerError::nowhere(Fault::NoHome);
            let path = self.ledger().ok_or_else(nowhere)?;
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
        &self,
        mut files: Files,
        plugin: &PluginArgs,
        record: Record,
    ) -> Result<(), SharedFile> {
        if record != Record::Nowhere
            && let Some(ledger) = self.ledger()
        {
            files.ledger(&ledger);
        }
        if let Some(audit) = &self.audit {
            files.writes("the audit", &audit.value);
        }
        let file = |setting: &Option<Sourced<PathBuf>>| {
            setting.as_ref().map(|setting| setting.value.clone())
        };
        let profile = self.profile.as_ref().map(|chosen| chosen.file.clone());
        let sign_in = &self.sign_in;
        // A bare name is searched for in PATH.
        let command = sign_in.token_command.as_ref();
        let program = command
            .and_then(|words| words.value.first())
            .map(PathBuf::from)
            .filter(|program| program.components().count() > 1);
        for (role, path) in [
            ("the configuration", profile.or_else(|| self.file.clone())),
            ("the token file", file(&sign_in.token_file)),
            ("the client secret file", file(&sign_in.client_secret_file)),
            ("the certificate", file(&sign_in.certificate)),
            (
                "the certificate password file",
                file(&sign_in.certificate_password_file),
            ),
            (
                "the federated token file",
                file(&sign_in.federated_token_file),
            ),
            ("the CA file", file(&self.ca_file)),
            ("the plugin", plugin.plugin.clone()),
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
    pub(super) fn who(&self, plugin_sha256: &str, service: &Service) -> Who {
        let names = ["USER", "USERNAME", "LOGNAME"].into_iter();
        let user = names.filter_map(|name| env::var(name).ok()).next();
        let mut who = Who::new(user, plugin_sha256, service.api_root.as_str());
        who.auth = self
            .sign_in
            .chosen()
            .map(|auth| auth.value.name().to_owned());
        who.profile = self.profile.as_ref().map(|chosen| chosen.name.clone());
        who
    }
}

impl PluginArgs {
    /// Loads the component, if it is the one that is pinned.
    pub(super) fn component(&self, screen: &Screen) -> Result<Component> {
        let pinned = self.plugin_sha256.as_ref();
        if let Some(file) = &self.plugin {
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
            self.runner.pace.flush().await?;
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
        let left = self.runner.session.leave_unknown();
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
pub(super) fn pace(settings: &Settings, session: Arc<Session>, screen: &Screen) -> Pace {
    let screen = *screen;
    Pace::new(settings.quota(), session, move |wait| {
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
