//! Parses references to machines and actions on the command line. Input that looks like
//! something else is rejected before anything is sent, with the flag or the command that the
//! user may need.

use std::fmt;

use offboard::{
    contract::ActionId,
    order::Target,
    selection::{InvalidReference, MachineQuery, MachineReference},
};

/// An action, by its id or by its machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ActionReference {
    Action(ActionId),
    Machine(MachineReference),
}

impl ActionReference {
    /// The machine id and the name, if the user gave them.
    pub(super) fn id_and_name(&self) -> (Option<&str>, Option<&str>) {
        match self.machine_reference().map(|machine| &machine.target) {
            None => (None, None),
            Some(Target::Id(id)) => (Some(id.as_str()), None),
            Some(Target::Name(name)) => (None, Some(name)),
        }
    }

    /// The reference to the machine; `None` for an action id.
    pub(super) fn machine_reference(&self) -> Option<&MachineReference> {
        match self {
            Self::Action(_) => None,
            Self::Machine(machine) => Some(machine),
        }
    }
}

impl fmt::Display for ActionReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action(id) => id.fmt(formatter),
            Self::Machine(machine) => machine.target.fmt(formatter),
        }
    }
}

/// Parses a machine id, a device URL of the portal, or a DNS name.
pub(super) fn machine(text: &str) -> Result<MachineReference, String> {
    text.parse().map_err(|error| {
        if is_secret(text) {
            "this looks like a secret, not a machine; use --token-file for a token".to_owned()
        } else if text.ends_with('…') {
            "this id was shortened; use --wide to show whole ids".to_owned()
        } else {
            parse_error(text, &error)
        }
    })
}

/// Parses an action id, or whatever [`machine`] accepts.
pub(super) fn action(text: &str) -> Result<ActionReference, String> {
    match text.parse() {
        Ok(id) => Ok(ActionReference::Action(id)),
        Err(_) => machine(text).map(ActionReference::Machine),
    }
}

/// Parses what is searched for.
pub(super) fn query(text: &str) -> Result<MachineQuery, String> {
    let query = text.parse();
    query.map_err(|error: InvalidReference| error.to_string())
}

fn is_secret(text: &str) -> bool {
    offboard::mask::check("MACHINE", text).is_err()
}

/// The error of a text that is not a machine, with what the user can do.
fn parse_error(text: &str, error: &InvalidReference) -> String {
    match error {
        InvalidReference::Number => {
            format!("{error} (to wait that long, write --wait={text})")
        }
        InvalidReference::Path => {
            let path = offboard::mask::value(text);
            format!("{error} (to read machines from a file, write --from {path})")
        }
        InvalidReference::Guid => format!(
            "{error}. To find the machine of an Entra device id, use `offboard find {}`",
            offboard::mask::value(text)
        ),
        InvalidReference::Name => {
            format!("{error}; `offboard find` also accepts names that are not DNS names")
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
            ActionReference::Action(guid.parse().unwrap())
        );
        assert!(matches!(
            action(ID).unwrap(),
            ActionReference::Machine(MachineReference {
                target: Target::Id(_),
                ..
            })
        ));
        assert!(matches!(
            action("laptop-7").unwrap(),
            ActionReference::Machine(MachineReference {
                target: Target::Name(_),
                ..
            })
        ));
    }
}
