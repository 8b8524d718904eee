//! Runs programs for Microsoft's library, with a timeout and without outliving the
//! sign-in, and rewrites their output in the form that the library expects.

use std::{
    ffi::OsStr,
    io,
    process::{Output, Stdio},
};

use async_trait::async_trait;
use azure_identity::Executor;
use tokio::process::Command;

use super::answer::adapt;
use crate::identity::program;

/// Runs a program with a timeout.
#[derive(Debug)]
pub(super) struct BoundedExecutor;

#[async_trait]
impl Executor for BoundedExecutor {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        let mut command = Command::new(program);
        let output = program::output(command.args(args).stderr(Stdio::piped())).await?;
        if !output.status.success() {
            return Ok(output);
        }
        let stdout = adapt(&output.stdout).map_err(io::Error::other)?;
        Ok(Output { stdout, ..output })
    }
}
