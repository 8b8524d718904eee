//! Machine ids in a text, regardless of what surrounds them.

use url::Url;

use super::portal::{is_device_page, is_url};
use crate::contract::MachineId;

pub(super) const ID_DIGITS: usize = 40;

/// Whether a text contains the id of another machine than the expected one, regardless of what
/// surrounds it: exactly 40 hexadecimal digits in a row, perhaps in groups with dashes between
/// them. More digits in a row are something else, such as a SHA-256.
pub(super) fn has_id(text: &str, expected: Option<&MachineId>) -> bool {
    if text.len() < ID_DIGITS {
        return false;
    }
    let is_digit = |c: char| c.is_ascii_hexdigit();
    let text: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    // The digits of an escape such as `%2F` do not belong to the text before or after it.
    let escape = |piece: &str| {
        piece
            .get(..2)
            .is_some_and(|code| code.chars().all(is_digit))
    };
    let pieces = text.split('%').flat_map(|piece| {
        let after = escape(piece).then(|| &piece[2..]);
        after.into_iter().chain([piece])
    });
    pieces
        .flat_map(|piece| piece.split(move |c: char| !is_digit(c) && c != '-'))
        .filter(|digits| digits.len() >= ID_DIGITS)
        .any(|digits| {
            let groups: Vec<&str> = digits
                .split('-')
                .filter(|group| !group.is_empty())
                .collect();
            (0..groups.len()).any(|begin| {
                let id = id_of(&groups[begin..], begin == 0);
                id.is_some_and(|id| Some(&id) != expected)
            })
        })
}

/// The id that begins with these groups of digits: one group, several groups of the same
/// length, or all groups. Groups of decimal digits are something else, such as the SID of
/// a user.
fn id_of(groups: &[&str], is_all: bool) -> Option<MachineId> {
    let mut digits = String::new();
    let mut count = 0;
    while digits.len() < ID_DIGITS {
        digits.push_str(groups.get(count)?);
        count += 1;
    }
    let is_even = groups[..count - 1]
        .windows(2)
        .all(|pair| pair[0].len() == pair[1].len());
    let is_grouped = (is_even || (is_all && count == groups.len()))
        && digits.contains(|c: char| c.is_ascii_alphabetic());
    if count == 1 || is_grouped {
        digits.parse().ok()
    } else {
        None
    }
}

/// Invisible characters, which copied text may contain.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

/// Whether a text is a machine id and nothing else, perhaps in quotation marks or
/// braces, or a device URL of the portal, perhaps without its scheme.
pub(super) fn is_id(text: &str) -> bool {
    let text = text.trim_matches(|c: char| !c.is_alphanumeric() && c != '/');
    if !text.contains('/') {
        return text.parse::<MachineId>().is_ok();
    }
    let url = if is_url(text) {
        Url::parse(text)
    } else {
        Url::parse(&format!("https://{text}"))
    };
    url.is_ok_and(|url| is_device_page(&url) && has_id(url.as_str(), None))
}
