//! The user of the operating system, for the record.

use std::env;

/// The name of the user: as the environment has it, or else as the system does. Services
/// and containers often run without these variables. A user without a name is `uid N`;
/// `None` where users have no number.
pub(crate) fn name() -> Option<String> {
    let names = ["USER", "USERNAME", "LOGNAME"].into_iter();
    let mut named = names.filter_map(|name| env::var(name).ok().filter(|name| !name.is_empty()));
    named.next().or_else(system_name)
}

/// The number of the user; `None` where users have none.
#[cfg(unix)]
pub(crate) fn id() -> Option<u32> {
    Some(rustix::process::getuid().as_raw())
}

/// The number of the user; `None` where users have none.
#[cfg(not(unix))]
pub(crate) fn id() -> Option<u32> {
    None
}

#[cfg(unix)]
fn system_name() -> Option<String> {
    let id = nix::unistd::Uid::current();
    let user = nix::unistd::User::from_uid(id).ok().flatten();
    Some(user.map_or_else(|| format!("uid {id}"), |user| user.name))
}

#[cfg(not(unix))]
fn system_name() -> Option<String> {
    None
}
