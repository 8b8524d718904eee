//! The command: it prints one line for programs and hints for users, then runs until it is
//! stopped.

use std::io::{self, Write};
use std::path::Path;
#[cfg(unix)]
use std::task::Poll;

use serde::Serialize;
use uuid::Uuid;

use crate::args::Args;
use crate::config::Config;
use crate::files::{AuthorityFile, Files};
use crate::serve_error::ServeError;
use crate::simulator::Simulator;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ready<'a> {
    api_root: &'a str,
    token: &'a str,
    authority: &'a str,
    tenant_id: Uuid,
    client_id: Uuid,
    client_secret: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<&'a Path>,
    identity_endpoint: &'a str,
    identity_header: &'a str,
}

/// Runs a simulator until Ctrl-C or SIGTERM, unless the caller had them ignored.
///
/// Writes one line to standard output as soon as it answers: a JSON object with `apiRoot` and
/// `token`; with `authority`, `tenantId`, `clientId` and `clientSecret` to sign in; with
/// `caFile` if it serves HTTPS; and with `identityEndpoint` and `identityHeader` of the
/// managed identities. Hints go to standard error, unless `quiet`.
///
/// # Errors
///
/// The simulator can't start, can't write the line or can't wait for signals.
pub async fn serve(args: Args, quiet: bool) -> Result<(), ServeError> {
    // Before the line is written, because its reader may send a signal at once (a race).
    let stopped = stop_signal().map_err(ServeError::Signals)?;
    let files = Files::of(&args);
    let config = Config::from(args);
    let (machines, seed) = (config.machines, config.seed);
    let simulator = Simulator::start(config).await?;
    // A temporary file is removed when this is dropped.
    let authority_file = files.exchange(&simulator)?;
    announce(&Ready {
        api_root: simulator.api_root(),
        token: simulator.token(),
        authority: simulator.authority(),
        tenant_id: simulator.tenant_id(),
        client_id: simulator.client_id(),
        client_secret: simulator.client_secret(),
        ca_file: authority_file.as_ref().map(AuthorityFile::path),
        identity_endpoint: simulator.identity_endpoint(),
        identity_header: simulator.identity_header(),
    })
    .map_err(ServeError::ReadyLine)?;
    if !quiet {
        let authority = authority_file.as_ref().map(AuthorityFile::path);
        hint(simulator.api_root(), authority, machines, seed);
    }
    stopped.await;
    simulator.stop().await;
    Ok(())
}

fn announce(ready: &Ready<'_>) -> io::Result<()> {
    let line = serde_json::to_string(ready)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Writes hints. A closed standard error doesn't end the simulator.
fn hint(root: &str, authority: Option<&Path>, machines: u32, seed: u64) {
    let trust = authority.map_or_else(String::new, |path| format!(" --cacert {}", path.display()));
    let _ = write!(
        io::stderr().lock(),
        "Simulator of Defender for Endpoint on {root} ({machines} machines, seed {seed}). Stop with Ctrl-C.\n\
         With the token that was printed above:\n  \
         curl{trust} -H \"Authorization: Bearer $TOKEN\" '{root}/api/machines?$top=3'\n\
         Received requests, offboardings and machines:\n  \
         curl{trust} {root}/_simulator/requests\n  \
         curl{trust} {root}/_simulator/offboardings\n  \
         curl{trust} {root}/_simulator/machines\n"
    );
}

#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    // With a handler, a signal that the caller ignored (`nohup`) would no longer be ignored.
    let kinds = [SignalKind::interrupt(), SignalKind::terminate()].into_iter();
    let kinds = kinds.filter(|kind| !is_ignored(kind.as_raw_value()));
    let mut heard = kinds.map(signal).collect::<io::Result<Vec<_>>>()?;
    Ok(std::future::poll_fn(move |context| {
        let mut heard = heard.iter_mut();
        if heard.any(|signal| signal.poll_recv(context).is_ready()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }))
}

/// Whether this process ignores a signal. It inherits the signals that its caller
/// ignored.
#[cfg(unix)]
fn is_ignored(signal: libc::c_int) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action, sigaction changes nothing. It writes the current
    // action to `action`; if it fails, the zeros there are valid.
    let (asked, action) = unsafe {
        let asked = libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
        (asked, action.assume_init())
    };
    asked == 0 && action.sa_sigaction == libc::SIG_IGN
}

#[cfg(windows)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}
