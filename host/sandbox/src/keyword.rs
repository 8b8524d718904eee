//! Settings whose value is one of a few words.

use thiserror::Error;

/// A value that users write as one word of a closed set.
pub trait Keyword: Copy + 'static {
    /// Every value, in the order in which help lists them.
    const ALL: &'static [Self];

    /// The word, in lower case.
    fn name(self) -> &'static str;

    /// A short description.
    fn description(self) -> &'static str;

    /// The value that a word names.
    ///
    /// # Errors
    /// No value has this name. Case matters.
    fn from_name(word: &str) -> Result<Self, UnknownKeyword> {
        let named = |value: &&Self| value.name() == word;
        let found = Self::ALL.iter().find(named).copied();
        found.ok_or_else(|| UnknownKeyword {
            word: word.chars().take(MAX_KEYWORD).collect(),
            known: Self::ALL.iter().map(|value| value.name()).collect(),
        })
    }
}

/// Longer than any keyword, in characters.
const MAX_KEYWORD: usize = 40;

/// A word that is not a keyword of its setting.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{word:?} is not one of {}", known.join(", "))]
pub struct UnknownKeyword {
    word: String,
    known: Vec<&'static str>,
}
