//! The command of the simulator.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use offboard_simulator::{Args, serve};

/// Simulates the parts of Microsoft Defender for Endpoint that offboarding needs
///
/// It also simulates the parts of Entra ID that clients need to sign in.
///
/// The only line on standard output is a JSON object: `apiRoot` and `token`;
/// `authority`, `tenantId`, `clientId` and `clientSecret` to sign in with;
/// `identityEndpoint` and `identityHeader` of the managed identities; and with
/// --tls `caFile`. The simulator runs until Ctrl-C or SIGTERM.
#[derive(Debug, Parser)]
#[command(name = "offboard-simulator", version)]
struct Command {
    #[command(flatten)]
    args: Args,

    /// Do not print hints on standard error
    #[arg(long, short)]
    quiet: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let command = Command::parse();
    match serve(command.args, command.quiet).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("error: {error}");
            let mut cause = error.source();
            while let Some(inner) = cause {
                eprint!(": {inner}");
                cause = inner.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}
