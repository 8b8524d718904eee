//! From arguments to a connection and a sandbox.

use std::{env, fs, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use tokio::task::spawn_blocking;

use super::{
    args::{ConnectArgs, JournalArgs, PluginArgs},
    screen::Screen,
    signal::Signals,
    watch::Watch,
};
use crate::{
    audit::AuditFile,
    component::Component,
    connection::{Connection, Proxy, Token, TokenClaims},
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
    who: Who,
}

impl ConnectArgs {
    /// Loads the plugin and the token; none where the user stops it. A missing
    /// token is no error here: every order is told so.
    pub(super) async fn connect(
        &self,
        grace: Duration,
        signals: &Signals,
        screen: &Screen,
    ) -> Result<Option<Connected>> {
        // Beside the signals: another component than the built-in one takes
        // time to compile.
        let (plugin, loading) = (self.plugin.clone(), *screen);
        let component = tokio::select! {
            component = spawn_blocking(move || plugin.component(&loading)) => component??,
            () = signals.stopping() => return Ok(None),
        };
        let audit = match &self.audit {
            Some(file) => Some(AuditFile::open(file, component.digest().as_str())?),
            None => None,
        };
        let sandbox = Sandbox::new(&component, self.plugin.limits()?)?
            .audited(Arc::new(Watch::new(*screen, audit)));
        let (token, missing) = match self.token() {
            Ok(token) => (Some(token), None),
            Err(error) => {
                let message = format!("{error:#}");
                (
                    None,
                    Some(Problem::new("no-credential", Retry::Safe, message)),
                )
            }
        };
        let claims = token.as_ref().and_then(Token::claims);
        let user = env::var("USER").or_else(|_| env::var("USERNAME")).ok();
        let who = Who::new(user, component.digest().as_str(), self.api_root.as_str());
        let connection = self.network(token)?;
        Ok(Some(Connected {
            runner: Runner::new(sandbox, connection, grace, signals.stop.clone()),
            claims,
            missing,
            who,
        }))
    }

    fn token(&self) -> Result<Token> {
        if let Some(file) = &self.token_file {
            return Token::from_file(file).with_context(|| file.display().to_string());
        }
        self.secrets
            .token()
            .context("there is no token: give --token-file FILE or set OFFBOARD_TOKEN")?
            .context("the variable OFFBOARD_TOKEN")
    }

    fn network(&self, token: Option<Token>) -> Result<Connection> {
        let proxy = Proxy::from_environment(&self.api_root)
            .context("HTTPS_PROXY or ALL_PROXY cannot be used")?;
        let connection = Connection::new(self.api_root.clone(), token)
            .allowing(self.allow_address.clone())
            .through(proxy);
        let Some(file) = &self.ca_file else {
            return Ok(connection);
        };
        let pem = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        connection
            .trusting(&pem)
            .with_context(|| file.display().to_string())
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
        let path = args.journal.clone().unwrap_or_else(default_journal);
        Journal::open(&path, self.who.clone())
    }
}

fn default_journal() -> PathBuf {
    use etcetera::BaseStrategy;
    let folder = etcetera::choose_base_strategy()
        .map(|folders| folders.state_dir().unwrap_or_else(|| folders.data_dir()))
        .unwrap_or_default();
    folder.join("offboard").join("journal.jsonl")
}
