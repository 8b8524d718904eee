//! Programs that give tokens: run to their end, within bounds of time and of
//! output, and without what is none of their business.

use std::{
    io,
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
};

/// How long a program may take: the Azure CLI needs seconds to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest output, in bytes.
const MAX_OUTPUT: u64 = 128 * 1024;

/// What a program prints until it ends. Its standard error is read, too, where
/// the command pipes it.
///
/// # Errors
/// It cannot be run, or takes too long.
pub(super) async fn output(command: &mut Command) -> io::Result<Output> {
    let mut child = command
        // What proves this resource's identity is not for the program.
        .env_remove("IDENTITY_HEADER")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
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

async fn read(from: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(MAX_OUTPUT).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}
