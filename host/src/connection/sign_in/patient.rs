//! Programs that Microsoft's library runs: not for ever, and not beyond the
//! sign-in that wants them.

use std::{ffi::OsStr, io, process::Output, process::Stdio, time::Duration};

use async_trait::async_trait;
use azure_identity::Executor;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
};

/// How long a program may take: the Azure CLI needs seconds to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest output, in bytes.
const MAX_OUTPUT: u64 = 128 * 1024;

async fn read(from: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(MAX_OUTPUT).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// Runs a program to its end, if that comes soon enough.
#[derive(Debug)]
pub(super) struct Patient;

#[async_trait]
impl Executor for Patient {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        let mut child = Command::new(program)
            .args(args)
            .env_remove("IDENTITY_HEADER")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let output = async {
            let (stdout, stderr) = tokio::try_join!(read(out), read(err))?;
            let status = child.wait().await?;
            Ok(Output {
                status,
                stdout,
                stderr,
            })
        };
        let late = |_| {
            let reason = format!("it took longer than {PATIENCE:?}");
            io::Error::new(io::ErrorKind::TimedOut, reason)
        };
        tokio::time::timeout(PATIENCE, output).await.map_err(late)?
    }
}
