//! The user of the operating system, for the record.

/// The name of the user, as the system knows it: a user can set the environment's variables
/// freely. A user without a name, as in a container, is `uid N`.
#[cfg(unix)]
pub(crate) fn name() -> Option<String> {
    let id = nix::unistd::Uid::current();
    let user = nix::unistd::User::from_uid(id).ok().flatten();
    Some(user.map_or_else(|| format!("uid {id}"), |user| user.name))
}

/// The name of the user, as the environment has it; `None` if it has none.
#[cfg(not(unix))]
pub(crate) fn name() -> Option<String> {
    let names = ["USERNAME", "USER", "LOGNAME"].into_iter();
    let mut names = names.filter_map(|name| std::env::var(name).ok());
    names.find(|name| !name.is_empty())
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

/// A name with the number of the user, such as `ada (uid 1000)`.
pub(crate) fn with_number(name: Option<&str>, id: Option<u32>) -> Option<String> {
    let number = id.map(|id| format!("uid {id}"));
    match (name, number) {
        (Some(name), Some(number)) if name != number => Some(format!("{name} ({number})")),
        (name, number) => name.map(ToOwned::to_owned).or(number),
    }
}

/// The name of a signed-in user with the object id.
pub(crate) fn with_id(name: Option<&str>, id: Option<&str>) -> Option<String> {
    match (name, id) {
        (Some(name), Some(id)) => Some(format!("{name} ({id})")),
        (name, id) => name.or(id).map(ToOwned::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_shown_with_the_number() {
        for (name, id, shown) in [
            (Some("ada"), Some(1000), Some("ada (uid 1000)")),
            (Some("uid 1000"), Some(1000), Some("uid 1000")),
            (None, Some(1000), Some("uid 1000")),
            (Some("ada"), None, Some("ada")),
            (None, None, None),
        ] {
            assert_eq!(with_number(name, id).as_deref(), shown);
        }
    }
}
