//! The simulator as a command: one line for programs, hints for people, and
//! then it runs until it is told to stop.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::args::Args;
use crate::config::Config;
use crate::simulator::{Simulator, StartError};

/// Why the command ended other than by a signal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The simulator didn't start.
    #[error("the simulator can't start")]
    Start(#[from] StartError),
    /// The token couldn't be written to its file.
    #[error("can't write the token to {0}")]
    TokenFile(PathBuf, #[source] io::Error),
    /// The ready line couldn't be written to standard output.
    #[error("can't write to standard output")]
    ReadyLine(#[source] io::Error),
    /// The operating system refused to deliver signals.
    #[error("can't wait for signals")]
    Signals(#[source] io::Error),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ready<'a> {
    api_root: &'a str,
    token: &'a str,
}

/// Runs a simulator until Ctrl-C or SIGTERM.
///
/// Writes one line to standard output as soon as it answers: a JSON object
/// with `apiRoot` and `token`. Hints go to standard error, unless `quiet`.
///
/// # Errors
///
/// When it can't start, can't write the line or can't wait for signals.
pub async fn serve(args: Args, quiet: bool) -> Result<(), ServeError> {
    // Before the line is out: whoever has read it may send a signal at once.
    let stopped = stop_signal().map_err(ServeError::Signals)?;
    let token_file = args.write_token.clone();
    let config = Config::from(args);
    let (machines, seed) = (config.machines, config.seed);
    let simulator = Simulator::start(config).await?;
    let ready = Ready {
        api_root: simulator.api_root(),
        token: simulator.token(),
    };
    if let Some(path) = token_file {
        write_token(&path, simulator.token())
            .map_err(|error| ServeError::TokenFile(path, error))?;
    }
    announce(&ready).map_err(ServeError::ReadyLine)?;
    if !quiet {
        hint(simulator.api_root(), machines, seed);
    }
    stopped.await;
    simulator.stop().await;
    Ok(())
}

fn write_token(path: &Path, token: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(token.as_bytes())
}

fn announce(ready: &Ready<'_>) -> io::Result<()> {
    let line = serde_json::to_string(ready)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// A closed standard error is no reason to end.
fn hint(root: &str, machines: u32, seed: u64) {
    let _ = write!(
        io::stderr().lock(),
        "Defender for Endpoint, simulated, on {root} ({machines} machines, seed {seed}). Stop with Ctrl-C.\n\
         With the token of the line above:\n  \
         curl -H \"Authorization: Bearer $TOKEN\" '{root}/api/machines?$top=3'\n\
         What it was sent and what it did:\n  \
         curl {root}/_simulator/requests\n  \
         curl {root}/_simulator/offboardings\n  \
         curl {root}/_simulator/machines\n"
    );
}

#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(windows)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}
