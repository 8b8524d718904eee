//! The user of the operating system, for the record.

use std::env;
#[cfg(unix)]
use std::fs;

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
    let id = id()?;
    let users = fs::read("/etc/passwd").unwrap_or_default();
    let named = name_in(&String::from_utf8_lossy(&users), id);
    Some(named.unwrap_or_else(|| format!("uid {id}")))
}

#[cfg(not(unix))]
fn system_name() -> Option<String> {
    None
}

/// The name of the user with this number, in the form of passwd(5). Users of a directory
/// service are not in it.
#[cfg(unix)]
fn name_in(users: &str, id: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let number = fields.nth(1)?.parse::<u32>().ok()?;
        (number == id).then(|| name.to_owned())
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number() {
        let users = "# users\nroot:x:0:0:root:/root:/bin/sh\n\n:x:7:7::/:\nbroken:x\n\
            ada:x:1000:1000:Ada,,,:/home/ada:/bin/bash\n";
        assert_eq!(name_in(users, 0).as_deref(), Some("root"));
        assert_eq!(name_in(users, 1000).as_deref(), Some("ada"));
        for id in [7, 1, 100, 4_294_967_295] {
            assert_eq!(name_in(users, id), None, "{id}");
        }
    }
}
