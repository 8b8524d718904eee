//! The command of the simulator.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use offboard_simulator::{Args, serve};

/// A simulator of Microsoft Defender for Endpoint, as far as offboarding needs
/// it.
///
/// Entra ID's side is there too, so that clients can sign in.
///
/// The first and only line on standard output is a JSON object: `apiRoot` and
/// `token`; `authority`, `tenantId`, `clientId` and `clientSecret` to sign in
/// with; `identityEndpoint` and `identityHeader` of the managed identities; and
/// with --tls `caFile`. It runs until Ctrl-C or SIGTERM, unless its caller had
/// them ignored.
#[derive(Debug, Parser)]
#[command(name = "offboard-simulator", version)]
struct Command {
    #[command(flatten)]
    args: Args,

    /// Write no hints to standard error
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
