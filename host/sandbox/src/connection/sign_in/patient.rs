//! Programs that Microsoft's library runs: not for ever, and not beyond the
//! sign-in that wants them.

use std::{
    ffi::OsStr,
    io,
    process::{Output, Stdio},
};

use async_trait::async_trait;
use azure_identity::Executor;
use tokio::process::Command;

use crate::connection::program;

/// Runs a program to its end, if that comes soon enough.
#[derive(Debug)]
pub(super) struct Patient;

#[async_trait]
impl Executor for Patient {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        let mut command = Command::new(program);
        program::output(command.args(args).stderr(Stdio::piped())).await
    }
}
