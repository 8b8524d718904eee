//! What is taken out of the process's environment before anything else runs.
//! Before there is a second thread: none may read it meanwhile.

use std::{env, ffi::OsString};

/// What the names of this command's own variables begin with.
const OWN: &str = "OFFBOARD_";

/// Forgets this command's variables that are set to nothing: that is how scripts
/// unset one.
pub(super) fn forget_blanks() {
    let blank = |(name, value): (OsString, OsString)| {
        let name = name.into_string().ok()?;
        let is_blank = value.to_str().is_some_and(|value| value.trim().is_empty());
        (name.starts_with(OWN) && is_blank).then_some(name)
    };
    let blanks: Vec<String> = env::vars_os().filter_map(blank).collect();
    for name in blanks {
        let _ = take(&name);
    }
}

/// A variable, which is gone afterwards.
pub(super) fn take(name: &str) -> Option<OsString> {
    let value = env::var_os(name)?;
    // SAFETY: nothing else reads or writes the environment meanwhile: the
    // command has started no thread yet.
    #[allow(unsafe_code)]
    unsafe {
        env::remove_var(name);
    }
    Some(value)
}
