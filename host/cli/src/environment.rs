//! Removes variables from the process's environment. This must happen before a second thread
//! starts, because another thread could read the environment at the same time (a race).

use std::{env, ffi::OsString};

/// The prefix of this command's own variables.
const PREFIX: &str = "OFFBOARD_";

/// Removes this command's variables that are blank: scripts unset a variable this way.
pub(super) fn remove_blank_variables() {
    let blank = |(name, value): (OsString, OsString)| {
        let name = name.into_string().ok()?;
        let is_blank = value.to_str().is_some_and(|value| value.trim().is_empty());
        (name.starts_with(PREFIX) && is_blank).then_some(name)
    };
    let blanks: Vec<String> = env::vars_os().filter_map(blank).collect();
    for name in blanks {
        let _ = take(&name);
    }
}

/// Removes a variable and returns its value.
pub(super) fn take(name: &str) -> Option<OsString> {
    let value = env::var_os(name)?;
    // SAFETY: the command has not started another thread yet, so that nothing else reads or
    // writes the environment at the same time.
    #[allow(unsafe_code)]
    unsafe {
        env::remove_var(name);
    }
    Some(value)
}
