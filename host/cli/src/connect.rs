//! Connects a client for a command, and adds flags to its errors.

use std::sync::Arc;

use anyhow::{Error, Result};

use super::{
    args::explain,
    observer::TerminalObserver,
    signal::{self, Signals},
    terminal::Terminal,
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
    terminal: &Terminal,
) -> ConnectOptions {
    let mut options = ConnectOptions::new(command);
    options.recording = recording;
    options.files = files;
    options.observer = Arc::new(TerminalObserver::new(*terminal).keeping(&signals.sent));
    options.stop = signals.stop.clone();
    options
}

/// Connects; `None` if the user stops it.
pub(super) async fn connect(
    config: &Config,
    options: ConnectOptions,
    terminal: &Terminal,
) -> Result<Option<Client>> {
    config.service().map_err(explain)?;
    for note in config.overridden() {
        terminal.print(&format!("note: {note}"));
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

/// Ends the session, and closes the ledger.
pub(super) async fn end(client: &Client, terminal: &Terminal) {
    if let Err(error) = client.end().await {
        terminal.print_detail(&format!("note: {error}"));
    }
}
