//! Environment variables, as a caller passes them.

use std::{collections::BTreeMap, env, ffi::OsString, fmt, path::PathBuf};

/// Environment variables. A blank variable counts as not set. The values cannot be printed,
/// because some are secrets.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// The current environment of this process. If no variable names the user's home
    /// directory, the one that the system reports is added.
    #[must_use]
    pub fn of_process() -> Self {
        let mut environment: Self = env::vars_os().collect();
        if let Some((variable, folder)) = home() {
            let home = environment.0.entry(variable.to_owned());
            home.or_insert_with(|| folder.into_os_string());
        }
        environment
    }

    /// A variable that is not blank.
    pub(super) fn get(&self, name: &str) -> Option<&OsString> {
        let value = self.0.get(name)?;
        let is_blank = value.to_str().is_some_and(|value| value.trim().is_empty());
        (!is_blank).then_some(value)
    }
}

/// The variable for the home directory, and the path that the system reports.
#[cfg(not(windows))]
fn home() -> Option<(&'static str, PathBuf)> {
    Some(("HOME", etcetera::home_dir().ok()?))
}

#[cfg(windows)]
fn home() -> Option<(&'static str, PathBuf)> {
    use etcetera::BaseStrategy;
    let folders = etcetera::choose_base_strategy().ok()?;
    Some(("APPDATA", folders.data_dir()))
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    /// A name that is not UTF-8 cannot be a setting.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        let variables = variables.into_iter().filter_map(|(name, value)| {
            let name = name.into().into_string().ok()?;
            Some((name, value.into()))
        });
        Self(variables.collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}
