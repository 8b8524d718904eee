//! The steps of a connection: settings, files, plugin, network, sign-in, ledger.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::{
    AuthoritiesError, ConnectError, Observer, check_files,
    observer::Recorder,
    sign_in::{MissingToken, sign_in},
};
use crate::{
    Keyword,
    audit::AuditFile,
    component::Component,
    config::{Config, PluginSettings, Sourced},
    connection::Connection,
    identity::{Credential, TokenClaims, cloud::Service, read_trusted},
    ledger::{Ledger, LedgerError, LedgerErrorKind, Session, SessionInfo, Waiting},
    mask,
    outputs::Files,
    rate_limit::RateLimiter,
    run::{JOBS, PREFLIGHT_AGE, Runner},
    sandbox::Sandbox,
    user,
};

/// Larger than any trust store, in bytes.
const MAX_AUTHORITIES: u64 = 16 * 1024 * 1024;

/// Where a client records its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// In the ledger.
    Ledger,
    /// Only the calls, for the quota, and what is read of the actions of recorded orders. If the
    /// ledger cannot be written, the calls are recorded in memory, and the ledger is only read.
    Calls,
    /// In memory: the user decided that nothing is recorded.
    Nowhere,
}

/// How a client connects and works.
pub struct ConnectOptions {
    /// The name of the operation, for the record of the session.
    pub command: &'static str,
    /// Where the client records its work.
    pub recording: Recording,
    /// Other files that the caller reads and writes.
    pub files: Files,
    /// The longest time for which the service is queried about a request without an answer.
    pub grace: Duration,
    /// The number of requests that may be in flight at the same time, at least 1.
    pub jobs: usize,
    /// How old the preflight of a machine may be when its request is sent: 15 minutes by
    /// default. After that, the machine is read again and the policy is checked again.
    pub preflight_age: Duration,
    /// How long the client waits for the service at a time: for the quota, for a pause that the
    /// service requests, and during an outage. What is not sent then can be resumed. `None` for
    /// the defaults: the quota and recorded pauses are waited for without a limit; a service that
    /// answers all requests of a run with 429, for 2 minutes if the run has one machine and 65
    /// minutes otherwise; an outage, for 10 minutes if the run has several machines.
    pub throttling: Option<Duration>,
    /// Receives what a user may have to act on.
    pub observer: Arc<dyn Observer>,
    /// Stops the client: requests in flight are finished, and nothing more is sent.
    pub stop: CancellationToken,
}

impl ConnectOptions {
    /// Options for an operation with this name: recorded in the ledger, with a grace time of
    /// 30 s and at most 4 requests in flight.
    #[must_use]
    pub fn new(command: &'static str) -> Self {
        Self {
            command,
            recording: Recording::Ledger,
            files: Files::default(),
            grace: Duration::from_secs(30),
            jobs: JOBS,
            preflight_age: PREFLIGHT_AGE,
            throttling: None,
            observer: Arc::new(()),
            stop: CancellationToken::new(),
        }
    }
}

/// The parts of a connection.
pub(super) struct Connected {
    pub(super) runner: Runner,
    pub(super) claims: Option<TokenClaims>,
    pub(super) missing: Option<MissingToken>,
    pub(super) unrecorded: Option<LedgerError>,
    pub(super) viewed: Option<Ledger>,
    pub(super) who: SessionInfo,
}

pub(super) async fn connect(
    config: &Config,
    options: ConnectOptions,
) -> Result<Connected, ConnectError> {
    let ConnectOptions {
        command,
        recording,
        files,
        grace,
        jobs,
        preflight_age,
        throttling,
        observer,
        stop,
    } = options;
    let service = config.service()?;
    check_files(config, files, recording)?;
    let mut connection = network(config, &service, &*observer)?;
    let component = load(config, &observer, &stop).await?;
    let mut who = who(config, component.digest().as_str(), &service);
    let sandbox = audited_sandbox(config, &component, &connection, &who, &observer).await?;
    let signed_in = tokio::select! {
        signed_in = sign_in(config, &service, &connection, &observer) => signed_in,
        () = stop.cancelled() => return Err(ConnectError::Interrupted),
    };
    let (claims, missing) = match signed_in {
        Ok((credential, token)) => {
            let missing = match config.tenant_id() {
                Some(tenant) => credential.bind(tenant).await.err(),
                None => None,
            };
            connection.credential = Some(credential);
            (token.claims(), missing.map(MissingToken::from))
        }
        Err(missing) => (None, Some(missing)),
    };
    who.tenant = claims.as_ref().and_then(|claims| claims.tenant.clone());
    who.application = claims
        .as_ref()
        .and_then(|claims| claims.application.clone());
    who.signed_in_user = claims.as_ref().and_then(|claims| claims.user.clone());
    who.signed_in_user_id = claims.as_ref().and_then(|claims| claims.user_id.clone());
    // Without a token nothing is sent, and the tenant is unknown.
    let recording = if missing.is_some() {
        Recording::Nowhere
    } else {
        recording
    };
    let waits = Arc::clone(&observer);
    let waiting = Waiting::new(move |waited| waits.ledger_locked(waited), stop.clone());
    let (session, unrecorded) = session(config, &who, command, recording, waiting).await?;
    if unrecorded.is_some() && stop.is_cancelled() {
        return Err(ConnectError::Interrupted);
    }
    let viewed = match (&unrecorded, config.ledger_path()) {
        (Some(_), Some(path)) if recording == Recording::Calls => Ledger::view(&path).await.ok(),
        _ => None,
    };
    let session = Arc::new(session);
    let limiter = rate_limiter(config, Arc::clone(&session), &observer);
    let mut runner = Runner::new(sandbox, connection, limiter, session, stop);
    runner.skipped = Arc::new(reports_once(observer));
    let policy = config.policy().map(|policy| policy.value.clone());
    runner.policy = Arc::new(policy.unwrap_or_default());
    runner.external_id = config
        .external_id()
        .map(|mode| mode.value)
        .unwrap_or_default();
    runner.grace = grace;
    runner.jobs = jobs;
    runner.preflight_age = preflight_age;
    runner.throttling = throttling;
    Ok(Connected {
        runner,
        claims,
        missing,
        unrecorded: unrecorded.filter(|_| recording == Recording::Ledger),
        viewed,
        who,
    })
}

/// Loads the plugin. Compiling a plugin from a file takes time.
async fn load(
    config: &Config,
    observer: &Arc<dyn Observer>,
    stop: &CancellationToken,
) -> Result<Component, ConnectError> {
    let (plugin, watching) = (config.plugin_settings().clone(), Arc::clone(observer));
    tokio::select! {
        loaded = spawn_blocking(move || component(&plugin, &*watching)) => match loaded {
            Ok(component) => Ok(component?),
            // The runtime is shutting down.
            Err(_) => Err(ConnectError::Interrupted),
        },
        () = stop.cancelled() => Err(ConnectError::Interrupted),
    }
}

/// A sandbox that records each request in the audit file and reports it to the observer. The
/// plugin was started in it once, to check the limits.
async fn audited_sandbox(
    config: &Config,
    component: &Component,
    connection: &Connection,
    who: &SessionInfo,
    observer: &Arc<dyn Observer>,
) -> Result<Sandbox, ConnectError> {
    let digest = component.digest().as_str();
    let audit = match config.audit() {
        Some(file) => Some(AuditFile::open(&file.value.0, who.session, digest)?),
        None => None,
    };
    let sandbox = Sandbox::new(component, config.plugin_settings().limits.clone())?;
    sandbox.start(connection).await?;
    Ok(sandbox.audited(Arc::new(Recorder::new(Arc::clone(observer), audit))))
}

/// The network settings for the service, without a credential.
///
/// # Errors
/// A proxy of the environment or the additional certificates cannot be used.
pub(crate) fn network(
    config: &Config,
    service: &Service,
    observer: &dyn Observer,
) -> Result<Connection, ConnectError> {
    let proxies = config.proxies()?;
    let allowed = config.allow_address().map(|ranges| ranges.value.clone());
    let connection = Connection::new(service.api_root.clone(), None::<Credential>)
        .allowing(allowed.unwrap_or_default())
        .through(proxies);
    let Some(Sourced { value: path, .. }) = config.ca_file() else {
        return Ok(connection);
    };
    let trust = || -> Result<Connection, AuthoritiesError> {
        let pem = read_trusted(path, MAX_AUTHORITIES)?;
        Ok(connection.trusting(&pem)?)
    };
    let trusting = trust().map_err(|source| ConnectError::Authorities {
        path: path.clone(),
        source,
    })?;
    for unusable in trusting.unusable_authorities() {
        observer.skipped(&format!("{}: {unusable}", mask::path(path)));
    }
    Ok(trusting)
}

/// Reports each sentence about something that was skipped once, and a limited number of them.
fn reports_once(observer: Arc<dyn Observer>) -> impl Fn(&str) + Send + Sync + 'static {
    /// The most sentences.
    const MAX: usize = 100;
    let reported = Mutex::new(HashSet::new());
    move |what| {
        let mut reported = reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.len() < MAX && reported.insert(what.to_owned()) {
            drop(reported);
            observer.skipped(what);
        }
    }
}

/// A session of the ledger. If the ledger cannot be written: a session in memory, and the
/// error.
async fn session(
    config: &Config,
    who: &SessionInfo,
    command: &'static str,
    recording: Recording,
    waiting: Waiting,
) -> Result<(Session, Option<LedgerError>), LedgerError> {
    let open = async {
        let nowhere = || LedgerError::nowhere(LedgerErrorKind::NoHome);
        let path = config.ledger_path().ok_or_else(nowhere)?;
        let ledger = Ledger::open(&path, waiting).await?;
        Session::begin(&ledger, who, command).await
    };
    let why = match recording {
        Recording::Nowhere => None,
        Recording::Ledger | Recording::Calls => match open.await {
            Ok(session) => return Ok((session, None)),
            Err(error) => Some(error),
        },
    };
    let ledger = Ledger::in_memory().await?;
    Ok((Session::begin(&ledger, who, command).await?, why))
}

/// The session info for the record: user, plugin, service and sign-in.
#[must_use]
pub(crate) fn who(config: &Config, plugin_sha256: &str, service: &Service) -> SessionInfo {
    let mut who = SessionInfo::new(user::name(), plugin_sha256, service.api_root.as_str());
    let auth = config.chosen_auth();
    who.auth = auth.map(|auth| auth.value.name().to_owned());
    who.profile = config.profile().map(ToOwned::to_owned);
    who
}

/// Loads the plugin, if it has the pinned digest.
///
/// # Errors
/// It cannot be read or compiled, or it has another digest.
pub fn component(
    plugin: &PluginSettings,
    observer: &dyn Observer,
) -> Result<Component, ConnectError> {
    let pinned = plugin.sha256.as_ref().map(|pinned| &pinned.value);
    if let Some(Sourced { value: path, .. }) = &plugin.file {
        let load = || {
            let bytes = Component::read(path, pinned)?;
            observer.compiling(path);
            Component::from_bytes(bytes)
        };
        return load().map_err(|error| ConnectError::plugin(path, error));
    }
    let component = Component::embedded().map_err(ConnectError::BuiltInPlugin)?;
    if let Some(pinned) = pinned {
        component
            .check(pinned)
            .map_err(ConnectError::BuiltInPlugin)?;
    }
    Ok(component)
}

/// The rate limiter of a session. It reports its waits.
#[must_use]
pub(crate) fn rate_limiter(
    config: &Config,
    session: Arc<Session>,
    observer: &Arc<dyn Observer>,
) -> RateLimiter {
    let observer = Arc::clone(observer);
    RateLimiter::new(config.effective_quota(), session, move |wait| {
        observer.rate_limited(wait);
    })
}
