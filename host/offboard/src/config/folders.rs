//! Default files, for settings that are not set. They follow the XDG Base Directory
//! Specification, or `%APPDATA%` on Windows.

use std::path::PathBuf;

use super::Environment;

/// The default configuration file; `None` without a home directory, or if its path is
/// relative.
#[must_use]
pub fn default_file(environment: &Environment) -> Option<PathBuf> {
    let folder = folder(environment, "XDG_CONFIG_HOME", ".config")?;
    absolute(folder.join("offboard").join("offboard.toml"))
}

/// The default path of the ledger; `None` without a home directory, or if its path is
/// relative.
#[must_use]
pub fn default_ledger(environment: &Environment) -> Option<PathBuf> {
    let folder = folder(environment, "XDG_STATE_HOME", ".local/state")?;
    absolute(folder.join("offboard").join("ledger.db"))
}

fn absolute(file: PathBuf) -> Option<PathBuf> {
    Some(file).filter(|file| file.is_absolute())
}

/// The folder that a variable names, or the default folder in the home directory.
#[cfg(not(windows))]
fn folder(environment: &Environment, variable: &str, in_home: &str) -> Option<PathBuf> {
    let named = environment.get(variable).map(PathBuf::from);
    // The specification ignores relative paths.
    let named = named.filter(|folder| folder.is_absolute());
    named.or_else(|| Some(PathBuf::from(environment.get("HOME")?).join(in_home)))
}

#[cfg(windows)]
fn folder(environment: &Environment, _: &str, _: &str) -> Option<PathBuf> {
    let named = environment.get("APPDATA").map(PathBuf::from);
    named.or_else(|| {
        let home = PathBuf::from(environment.get("USERPROFILE")?);
        Some(home.join("AppData").join("Roaming"))
    })
}

#[cfg(all(test, unix))]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_environment_of_the_caller_decides() {
        let none = Environment::default();
        assert_eq!((default_file(&none), default_ledger(&none)), (None, None));

        let home = Environment::from_iter([("HOME", "/home/ada"), ("XDG_STATE_HOME", "state")]);
        let ledger = Path::new("/home/ada/.local/state/offboard/ledger.db");
        assert_eq!(default_ledger(&home).as_deref(), Some(ledger));
        let file = Path::new("/home/ada/.config/offboard/offboard.toml");
        assert_eq!(default_file(&home).as_deref(), Some(file));

        let named = Environment::from_iter([("XDG_STATE_HOME", "/state"), ("HOME", ".")]);
        let ledger = Path::new("/state/offboard/ledger.db");
        assert_eq!(default_ledger(&named).as_deref(), Some(ledger));
        assert_eq!(default_file(&named), None);
    }
}
