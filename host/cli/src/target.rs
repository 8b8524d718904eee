//! What a user may name on the command line: a machine, an action, a host. Input that
//! looks like something else is rejected before anything is sent. The error names the
//! flag or the command that the user may have meant.

use std::fmt;

use offboard::{
    contract::ActionId,
    order::Target,
    selection::{self, InvalidReference, MachineReference},
};

/// An action, or a machine that has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    Action(ActionId),
    Machine(MachineReference),
}

impl Subject {
    /// The machine id and the name, as far as the user gave them.
    pub(super) fn machine(&self) -> (Option<&str>, Option<&str>) {
        match self.named().map(|named| &named.target) {
            None => (None, None),
            Some(Target::Id(id)) => (Some(id.as_str()), None),
            Some(Target::Name(name)) => (None, Some(name)),
        }
    }

    /// The machine, if the user named one.
    pub(super) fn named(&self) -> Option<&MachineReference> {
        match self {
            Self::Action(_) => None,
            Self::Machine(named) => Some(named),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action(id) => id.fmt(formatter),
            Self::Machine(named) => named.target.fmt(formatter),
        }
    }
}

/// A machine id, a device URL of the portal, or a DNS name.
pub(super) fn machine(text: &str) -> Result<MachineReference, String> {
    text.parse().map_err(|error| match is_secret(text) {
        true => {
            "this looks like a secret, not a machine: give a token with --token-file".to_owned()
        }
        false => refused(text, &error),
    })
}

/// An action id, or what [`machine`] takes.
pub(super) fn action(text: &str) -> Result<Subject, String> {
    match text.parse() {
        Ok(id) => Ok(Subject::Action(id)),
        Err(_) => machine(text).map(Subject::Machine),
    }
}

/// A name to search for.
pub(super) fn any_name(text: &str) -> Result<String, String> {
    selection::any_name(text).map_err(|error| match error {
        InvalidReference::Id => {
            format!("{error}: `offboard run` and `offboard status` accept it as it is")
        }
        error => error.to_string(),
    })
}

fn is_secret(text: &str) -> bool {
    offboard::mask::check("MACHINE", text).is_err()
}

/// Why a text is not a machine, with what the user can do.
pub(super) fn refused(text: &str, error: &InvalidReference) -> String {
    match error {
        InvalidReference::Number => {
            format!("{error} (to wait that long, write --wait={text})")
        }
        InvalidReference::Path => {
            let path = offboard::mask::value(text);
            format!("{error} (to read machines from a file, write --from {path})")
        }
        InvalidReference::Name => {
            format!("{error}; `offboard find` finds devices with other names")
        }
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn an_action_is_a_guid_or_a_machine() {
        let guid = "11111111-2222-3333-4444-555555555555";
        assert_eq!(
            action(guid).unwrap(),
            Subject::Action(guid.parse().unwrap())
        );
        assert!(matches!(
            action(ID).unwrap(),
            Subject::Machine(MachineReference {
                target: Target::Id(_),
                ..
            })
        ));
        assert!(matches!(
            action("laptop-7").unwrap(),
            Subject::Machine(MachineReference {
                target: Target::Name(_),
                ..
            })
        ));
    }
}
