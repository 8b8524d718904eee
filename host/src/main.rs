//! The `offboard` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    offboard_host::cli::main()
}
