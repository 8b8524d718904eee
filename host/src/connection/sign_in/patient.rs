//! Programs that Microsoft's library runs: not for ever, and not beyond the
//! sign-in that wants them.

use std::{ffi::OsStr, io, process::Output, process::Stdio, time::Duration};

use async_trait::async_trait;
use azure_identity::Executor;
use tokio::process::Command;

/// How long a program may take: the Azure CLI needs seconds to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a program to its end, if that comes soon enough.
#[derive(Debug)]
pub(super) struct Patient;

#[async_trait]
impl Executor for Patient {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        let output = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let late = |_| {
            let reason = format!("it took longer than {PATIENCE:?}");
            io::Error::new(io::ErrorKind::TimedOut, reason)
        };
        tokio::time::timeout(PATIENCE, output).await.map_err(late)?
    }
}
