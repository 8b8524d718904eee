//! Runs programs that print tokens, with bounds on time and output, and without
//! environment variables that they must not see.

use std::{
    io,
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
};

/// Timeout of a program. The Azure CLI needs several seconds to start.
const PROGRAM_TIMEOUT: Duration = Duration::from_secs(30);

/// The output limit, in bytes.
const MAX_OUTPUT: u64 = 128 * 1024;

/// Runs a program to its end and returns its output. Standard error is read if the
/// command pipes it.
///
/// # Errors
/// The program cannot be run, or does not end in time.
pub(super) async fn output(command: &mut Command) -> io::Result<Output> {
    let mut child = command
        // The program must not get the secret of this resource's managed identity.
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
        let reason = format!("it took longer than {PROGRAM_TIMEOUT:?}");
        io::Error::new(io::ErrorKind::TimedOut, reason)
    };
    tokio::time::timeout(PROGRAM_TIMEOUT, output)
        .await
        .map_err(late)?
}

async fn read(from: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(MAX_OUTPUT).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}
