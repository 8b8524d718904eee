//! From arguments to a connection and a sandbox.

use std::{env, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use tokio::sync::watch;

use super::{
    args::{ConnectArgs, JournalArgs},
    text::Screen,
};
use crate::{
    component::Component,
    connection::{Connection, Token, TokenClaims},
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
    /// Loads the plugin and the token. A missing token is no error here: every
    /// order is told so.
    pub(super) fn connect(
        &self,
        grace: Duration,
        stop: watch::Receiver<bool>,
        screen: &Screen,
    ) -> Result<Connected> {
        let component = match &self.plugin {
            Some(file) => {
                screen.say(&format!("compiling {}", file.display()));
                Component::from_file(file).with_context(|| file.display().to_string())?
            }
            None => Component::embedded()?,
        };
        let sandbox = Sandbox::new(&component, Limits::default())?;
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
        let who = Who::new(user, component.sha256(), self.api_root.as_str());
        let connection = Connection::new(self.api_root.clone(), token);
        Ok(Connected {
            runner: Runner::new(sandbox, connection, grace, stop),
            claims,
            missing,
            who,
        })
    }

    fn token(&self) -> Result<Token> {
        if let Some(file) = &self.token_file {
            return Token::from_file(file).with_context(|| file.display().to_string());
        }
        let text = env::var("OFFBOARD_TOKEN")
            .ok()
            .filter(|text| !text.trim().is_empty());
        let text =
            text.context("there is no token: give --token-file FILE or set OFFBOARD_TOKEN")?;
        Token::new(&text).context("the variable OFFBOARD_TOKEN")
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
