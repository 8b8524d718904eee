//! Validated ids, comments and tags.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// The longest comment, in characters. The service documents no limit. This limit keeps a
/// mistake, such as a whole file as a comment, out of the record.
pub(super) const MAX_COMMENT: usize = 2000;

/// The longest tag, in characters (Microsoft's page on device tags, about tags in
/// general).
const MAX_TAG: usize = 200;

/// The longest external id, in characters. The service documents no limit.
const MAX_EXTERNAL_ID: usize = 64;

/// A machine id: 40 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MachineId(String);

/// Why a text is not a machine id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a machine id is 40 hexadecimal digits")]
pub struct InvalidMachineId;

/// An action id: a GUID in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActionId(String);

/// Why a text is not an action id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("an action id is a GUID: 8-4-4-4-12 hexadecimal digits")]
pub struct InvalidActionId;

/// The reason for an offboarding or a cancellation. Not blank, at most 2000 characters, on one
/// line: without control characters and line separators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment(String);

/// Why a text is not a comment.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidComment {
    /// Empty, or only white space.
    #[error("the comment is blank: a reason is required")]
    Blank,
    /// Longer than a comment may be, in characters.
    #[error("the comment has {0} characters; the limit is {MAX_COMMENT}")]
    TooLong(usize),
    /// A line break, a tab or another control character. A comment of several lines is
    /// rarely intended: more often, a quotation mark joined rows of a file.
    #[error("the comment has a line break or another control character")]
    Control,
}

/// A device tag: 1 to 200 characters, no control characters, no white space at either
/// end. How the service treats such white space, and whether it compares tags by case,
/// is unsourced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(String);

/// Why a text is not a tag.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidTag {
    /// Empty, or only white space.
    #[error("the tag is blank")]
    Blank,
    /// Longer than a tag may be, in characters.
    #[error("the tag has {0} characters; the limit is {MAX_TAG}")]
    TooLong(usize),
    /// A control character, such as a line break.
    #[error("the tag has a control character")]
    Control,
    /// White space at the start or the end.
    #[error("the tag begins or ends with white space")]
    Padded,
}

/// The caller's id of an offboarding, which the service may return with the machine action:
/// 1 to 64 ASCII letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalId(String);

/// Why a text is not an external id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("an external id is 1 to {MAX_EXTERNAL_ID} ASCII letters, digits and hyphens")]
pub struct InvalidExternalId;

impl FromStr for MachineId {
    type Err = InvalidMachineId;

    fn from_str(text: &str) -> Result<Self, InvalidMachineId> {
        let valid = text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
        valid
            .then(|| Self(text.to_ascii_lowercase()))
            .ok_or(InvalidMachineId)
    }
}

impl FromStr for ActionId {
    type Err = InvalidActionId;

    fn from_str(text: &str) -> Result<Self, InvalidActionId> {
        let mut groups = text.split('-').map(|group| {
            group
                .bytes()
                .all(|b| b.is_ascii_hexdigit())
                .then_some(group.len())
        });
        let valid = [8, 4, 4, 4, 12]
            .into_iter()
            .all(|size| groups.next() == Some(Some(size)))
            && groups.next().is_none();
        valid
            .then(|| Self(text.to_ascii_lowercase()))
            .ok_or(InvalidActionId)
    }
}

impl FromStr for ExternalId {
    type Err = InvalidExternalId;

    fn from_str(text: &str) -> Result<Self, InvalidExternalId> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let valid = (1..=MAX_EXTERNAL_ID).contains(&text.len()) && text.bytes().all(is_plain);
        valid
            .then(|| Self(text.to_owned()))
            .ok_or(InvalidExternalId)
    }
}

impl FromStr for Comment {
    type Err = InvalidComment;

    fn from_str(text: &str) -> Result<Self, InvalidComment> {
        let comment = Self::recorded(text)?;
        if comment.is_one_line() {
            Ok(comment)
        } else {
            Err(InvalidComment::Control)
        }
    }
}

impl Comment {
    /// A comment from a record. Version 0.1.0 accepted tabs and line breaks, and its
    /// records stay readable; such a comment is not sent again.
    pub fn recorded(text: &str) -> Result<Self, InvalidComment> {
        let length = text.chars().count();
        let is_control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
        if text.trim().is_empty() {
            Err(InvalidComment::Blank)
        } else if length > MAX_COMMENT {
            Err(InvalidComment::TooLong(length))
        } else if text.chars().any(is_control) {
            Err(InvalidComment::Control)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    pub(crate) fn is_one_line(&self) -> bool {
        let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        !self.0.contains(breaks)
    }
}

impl FromStr for Tag {
    type Err = InvalidTag;

    fn from_str(text: &str) -> Result<Self, InvalidTag> {
        let length = text.chars().count();
        if text.trim().is_empty() {
            Err(InvalidTag::Blank)
        } else if length > MAX_TAG {
            Err(InvalidTag::TooLong(length))
        } else if text.chars().any(char::is_control) {
            Err(InvalidTag::Control)
        } else if text.trim() != text {
            Err(InvalidTag::Padded)
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

macro_rules! text {
    ($($name:ident),+) => {$(
        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    )+};
}

text!(MachineId, ActionId, ExternalId, Comment, Tag);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_id_is_40_hexadecimal_digits_and_lowered() {
        let id = "0123456789ABCDEF0123456789abcdef01234567";
        assert_eq!(
            id.parse().map(|id: MachineId| id.0),
            Ok(id.to_ascii_lowercase())
        );
        for bad in [
            "",
            "0123",
            &id[1..],
            &format!("{id}0"),
            &id.replace('0', "g"),
            &format!(" {}", &id[1..]),
        ] {
            assert_eq!(bad.parse::<MachineId>(), Err(InvalidMachineId), "{bad:?}");
        }
    }

    #[test]
    fn an_action_id_is_a_guid() {
        assert!(
            "11111111-2222-3333-4444-55555555555F"
                .parse::<ActionId>()
                .is_ok()
        );
        for bad in [
            "",
            "11111111222233334444555555555555",
            "11111111-2222-3333-4444-55555555555g",
            "11111111-2222-3333-4444-555555555555-",
            "1111111-12222-3333-4444-555555555555",
            "{11111111-2222-3333-4444-555555555555}",
        ] {
            assert_eq!(bad.parse::<ActionId>(), Err(InvalidActionId), "{bad:?}");
        }
    }

    #[test]
    fn an_external_id_is_short_and_plain() {
        let longest = "a".repeat(MAX_EXTERNAL_ID);
        for text in ["x", "7e4a4700-0000-4000-8000-000000000001-12", &longest] {
            assert_eq!(text.parse().map(|id: ExternalId| id.0), Ok(text.to_owned()));
        }
        let too_long = format!("{longest}a");
        for bad in ["", " ", "a b", "a\n", "ä", "\"", "a/b", "a_b", &too_long] {
            assert_eq!(bad.parse::<ExternalId>(), Err(InvalidExternalId), "{bad:?}");
        }
    }

    #[test]
    fn a_blank_comment_is_refused() {
        assert_eq!(" \t\n".parse::<Comment>(), Err(InvalidComment::Blank));
        assert_eq!("\u{1b}[2J".parse::<Comment>(), Err(InvalidComment::Control));
        assert_eq!(
            "x".repeat(2001).parse::<Comment>(),
            Err(InvalidComment::TooLong(2001))
        );
        assert!("Überholt, Ticket 1234".parse::<Comment>().is_ok());
    }

    #[test]
    fn a_comment_has_one_line_but_older_records_stay_readable() {
        for several in [
            "a\nb",
            "a\r\nb",
            "a\rb",
            "a\tb",
            "a\n",
            "a\u{2028}b",
            "a\u{2029}",
        ] {
            assert_eq!(several.parse::<Comment>(), Err(InvalidComment::Control));
            let recorded = Comment::recorded(several);
            assert!(recorded.is_ok_and(|c| c.as_str() == several), "{several:?}");
        }
        for never in ["a\u{85}b", "a\u{b}b", "a\u{c}b", "a\u{1b}[2J", "a\0"] {
            assert_eq!(never.parse::<Comment>(), Err(InvalidComment::Control));
            assert_eq!(Comment::recorded(never), Err(InvalidComment::Control));
        }
    }

    #[test]
    fn a_tag_is_kept_as_it_is() {
        let longest = "ß".repeat(MAX_TAG);
        for text in [
            "x",
            "offboarded 2030-01",
            "a \"b\" \\ c",
            "廃棄 🗑",
            &longest,
        ] {
            assert_eq!(text.parse().map(|tag: Tag| tag.0), Ok(text.to_owned()));
        }
    }

    #[test]
    fn invalid_tags_are_refused() {
        let too_long = "x".repeat(201);
        for (text, why) in [
            ("", InvalidTag::Blank),
            (" \t\u{3000}", InvalidTag::Blank),
            (&too_long, InvalidTag::TooLong(201)),
            ("a\nb", InvalidTag::Control),
            ("\u{1b}[2J", InvalidTag::Control),
            ("a\u{85}b", InvalidTag::Control),
            ("a\n", InvalidTag::Control),
            (" a", InvalidTag::Padded),
            ("a\u{a0}", InvalidTag::Padded),
        ] {
            assert_eq!(text.parse::<Tag>(), Err(why), "{text:?}");
        }
    }
}
