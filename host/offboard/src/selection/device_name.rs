//! Device names. Text that looks like something else is an error.

use super::{
    InvalidReference,
    invalid_reference::MAX_DNS_NAME,
    machine_id::{ID_DIGITS, has_id, is_id},
};
use crate::contract::ActionId;

/// File extensions of possible lists of machines.
const LIST_ENDINGS: [&str; 7] = [".csv", ".json", ".jsonl", ".tsv", ".txt", ".xls", ".xlsx"];
/// The most characters of a label, as DNS allows.
const MAX_LABEL: usize = 63;

/// A device name to search for. Some devices have names that are not DNS names.
///
/// # Errors
/// It is blank, too long, or refers to a machine in another way.
pub fn any_name(text: &str) -> Result<String, InvalidReference> {
    if text.trim().is_empty() {
        Err(InvalidReference::Blank)
    } else if text.chars().count() > MAX_DNS_NAME || text.chars().any(char::is_control) {
        Err(InvalidReference::Characters)
    } else if is_id(text) {
        Err(InvalidReference::Id)
    } else {
        Ok(text.to_owned())
    }
}

/// A DNS name, or a single label of one.
///
/// # Errors
/// It is not one, or it looks like something else.
pub(super) fn dns_name(text: &str) -> Result<String, InvalidReference> {
    let bare = text.trim_start_matches('{').trim_end_matches('}');
    if text.trim().is_empty() {
        return Err(InvalidReference::Blank);
    }
    if text.chars().count() > MAX_DNS_NAME || text.chars().any(char::is_control) {
        return Err(InvalidReference::Characters);
    }
    if bare.parse::<ActionId>().is_ok() {
        return Err(InvalidReference::Guid);
    }
    let longest = text
        .split(|c: char| !c.is_ascii_hexdigit())
        .map(str::len)
        .max()
        .unwrap_or_default();
    if longest == text.len() && longest >= 20 {
        return Err(InvalidReference::Digits(longest));
    }
    if longest >= ID_DIGITS || has_id(text, None) {
        return Err(InvalidReference::Decorated);
    }
    if humantime::parse_duration(text).is_ok() || text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(InvalidReference::Number);
    }
    let lower = text.to_lowercase();
    if text.contains(['/', '\\'])
        || text.starts_with(['.', '~'])
        || LIST_ENDINGS.iter().any(|ending| lower.ends_with(ending))
    {
        return Err(InvalidReference::Path);
    }
    let labels_fit = text.trim_end_matches('.').split('.').all(|label| {
        (1..=MAX_LABEL).contains(&label.chars().count())
            && !label.starts_with('-')
            && label
                .chars()
                .all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    });
    if labels_fit {
        Ok(text.trim_end_matches('.').to_owned())
    } else {
        Err(InvalidReference::Name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn a_machine_id_is_not_a_name_to_search_for() {
        for id in [
            ID.to_owned(),
            format!(" {{{ID}}}"),
            format!("https://security.microsoft.com/machines/{ID}"),
        ] {
            assert_eq!(any_name(&id), Err(InvalidReference::Id), "{id}");
        }
        assert!(any_name("Ada's phone / 2").is_ok());
    }
}
