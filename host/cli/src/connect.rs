//! A client for a command: its notes, and its errors with their flags.

use std::sync::Arc;

use anyhow::{Error, Result};

use super::{
    args::explain,
    observer::Terminal,
    screen::Screen,
    signal::{self, Signals},
};
use offboard::{
    Client, Config,
    client::{ConnectError, ConnectOptions, Recording},
    outputs::Files,
};

/// Options of a command that ends with these signals.
pub(super) fn options(
    command: &'static str,
    recording: Recording,
    files: Files,
    signals: &Signals,
    screen: &Screen,
) -> ConnectOptions {
    let mut options = ConnectOptions::new(command);
    options.recording = recording;
    options.files = files;
    options.observer = Arc::new(Terminal::new(*screen));
    options.stop = signals.stop.clone();
    options
}

/// Connects; `None` if the user stops it.
pub(super) async fn connect(
    config: &Config,
    options: ConnectOptions,
    screen: &Screen,
) -> Result<Option<Client>> {
    config.service().map_err(explain)?;
    for note in config.overridden() {
        screen.say(&format!("note: {note}"));
    }
    match Client::connect(config, options).await {
        Ok(client) => {
            signal::stop_between_writes(client.ledger());
            Ok(Some(client))
        }
        Err(ConnectError::Interrupted) => Ok(None),
        Err(ConnectError::Config(error)) => Err(explain(error)),
        Err(error) => Err(Error::new(error)),
    }
}

/// Ends the session, and the use of the ledger.
pub(super) async fn end(client: &Client, screen: &Screen) {
    if let Err(error) = client.end().await {
        screen.detail(&format!("note: {error}"));
    }
}
