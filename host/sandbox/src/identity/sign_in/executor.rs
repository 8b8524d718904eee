//! Runs programs for Microsoft's library, with a timeout and without outliving the
//! sign-in.

use std::{
    ffi::OsStr,
    io,
    process::{Output, Stdio},
};

use async_trait::async_trait;
use azure_identity::Executor;
use tokio::process::Command;

use crate::identity::program;

/// Runs a program with a timeout.
#[derive(Debug)]
pub(super) struct BoundedExecutor;

#[async_trait]
impl Executor for BoundedExecutor {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        let mut command = Command::new(program);
        program::output(command.args(args).stderr(Stdio::piped())).await
    }
}
