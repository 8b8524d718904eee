//! Parses references to machines and actions on the command line. Input that looks like
//! something else is rejected before anything is sent, with the flag or the command that the
//! user may need.

use std::{error::Error, fmt};

use offboard::{
    contract::ActionId,
    order::Target,
    selection::{InvalidReference, MachineQuery, MachineReference},
};

/// A text that is not a machine, an action or a name, and what the user can do.
#[derive(Debug)]
pub(super) struct InvalidTarget {
    error: String,
    help: Option<String>,
}

impl InvalidTarget {
    fn new(error: impl fmt::Display, help: &str) -> Self {
        Self {
            error: error.to_string(),
            help: Some(help.to_owned()),
        }
    }

    /// What the user can do, if there is a remedy.
    pub(super) fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl fmt::Display for InvalidTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.error)
    }
}

impl Error for InvalidTarget {}

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
pub(super) fn machine(text: &str) -> Result<MachineReference, InvalidTarget> {
    text.parse().map_err(|error| {
        if is_secret(text) {
            InvalidTarget::new(
                "this looks like a secret, not a machine",
                "For a token, use --token-file.",
            )
        } else if text.ends_with('…') {
            InvalidTarget::new("this id was shortened", "--wide shows whole ids.")
        } else {
            parse_error(text, &error)
        }
    })
}

/// Parses an action id, or whatever [`machine`] accepts.
pub(super) fn action(text: &str) -> Result<ActionReference, InvalidTarget> {
    match text.parse() {
        Ok(id) => Ok(ActionReference::Action(id)),
        Err(_) => machine(text).map(ActionReference::Machine),
    }
}

/// Parses what is searched for.
pub(super) fn query(text: &str) -> Result<MachineQuery, InvalidTarget> {
    let query = text.parse();
    query.map_err(|error: InvalidReference| InvalidTarget {
        error: error.to_string(),
        help: None,
    })
}

fn is_secret(text: &str) -> bool {
    offboard::mask::check("MACHINE", text).is_err()
}

/// The error of a text that is not a machine, with what the user can do.
fn parse_error(text: &str, error: &InvalidReference) -> InvalidTarget {
    let help = match error {
        InvalidReference::Number => Some(format!("To wait that long, use --wait={text}.")),
        InvalidReference::Path => Some(format!(
            "To read machines from a file, use --from {}.",
            offboard::mask::value(text)
        )),
        InvalidReference::Guid => Some(format!(
            "To find the machine of an Entra device id, use `offboard find {}`.",
            offboard::mask::value(text)
        )),
        InvalidReference::Name => Some(OTHER_NAMES.to_owned()),
        _ => None,
    };
    InvalidTarget {
        error: error.to_string(),
        help,
    }
}

/// What to do about a name that is not a DNS name.
pub(super) const OTHER_NAMES: &str =
    "`offboard find` also accepts names that are not DNS names, and shows the machine's id.";

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
