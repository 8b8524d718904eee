//! The limits on the number of machines of a run.

use anyhow::{Error, Result};

use super::{advice, args::SendArgs};
use offboard::plan::{GuardError, Guards};

/// Checks the number of machines before the client connects.
///
/// # Errors
/// The user has to give the number of machines.
pub(super) fn check(guards: Guards, send: &SendArgs, count: u64, is_dry_run: bool) -> Result<()> {
    let checked = if send.yes && !is_dry_run {
        guards.check_consent(count)
    } else {
        guards.check(count)
    };
    checked.map_err(explain)
}

/// The error of a run without `--yes` if the user cannot be asked.
pub(super) const NO_TERMINAL: &str = "there is no terminal to ask for confirmation";

/// The error of a guard, with the flag that changes it.
pub(super) fn explain(error: GuardError) -> Error {
    match error {
        GuardError::TooMany { count, limit } => advice::error_with_help(
            format!(
                "the number of machines ({count}) exceeds the limit of {limit} (--max-devices)"
            ),
            format!("To offboard all of them, add --expect {count}."),
        ),
        error => error.into(),
    }
}

/// The guards that the arguments set.
pub(super) fn of(send: &SendArgs) -> Guards {
    Guards {
        max_devices: send.max_devices,
        expected: send.expect,
    }
}
