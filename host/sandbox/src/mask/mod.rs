//! Hides secrets in text from the user. Users easily pass a secret instead of a file name or
//! another value, and errors, listings and records would repeat it. So the name of an existing
//! file is shown, and any other text only if it cannot be a secret.

mod detection;
mod web_address;

use std::{
    borrow::Cow,
    path::{Component, Path},
};

use thiserror::Error;

pub use detection::has_token;
use detection::{is_ordinary, is_password, may_be_secret};
use web_address::{hidden, shown_url};

/// Names that users give to files with a secret. None of them is a secret.
const FILE_NAMES: [&str; 8] = [
    "access-token",
    "assertion",
    "certificate",
    "client-secret",
    "password",
    "secret",
    "token",
    "federated-token",
];

/// The length from which a name without folder and extension counts as a secret, unless
/// such a file exists.
const LONG_NAME: usize = 32;

/// Extensions of files with a secret. Other endings may be part of a password.
const ENDINGS: [&str; 12] = [
    "cer", "crt", "der", "env", "json", "jwt", "key", "p12", "pem", "pfx", "tok", "txt",
];

/// The name of a file or folder, masked if it may be a secret.
#[must_use]
pub fn path(path: &Path) -> String {
    let text = path.display().to_string();
    if path.exists() || !may_be_secret_path(path, &text) {
        text
    } else {
        hidden_name(&text)
    }
}

/// The name of a file with a secret, masked if it may be one. The name of a missing file may
/// be a password, regardless of its form, unless it is `token` or the like, or an ordinary word
/// with a known extension, in folders that exist or have ordinary names. Of any other name, only the
/// existing folder is shown.
#[must_use]
pub fn secret_path(path: &Path) -> String {
    let text = path.display().to_string();
    let name = path.file_name().map(|name| name.to_string_lossy());
    let name = name.unwrap_or_default();
    let folder = path.parent().unwrap_or(path);
    let is_name = FILE_NAMES.contains(&&*name) || looks_like_file(&name);
    if path.exists() || (is_name && has_ordinary_names(folder)) {
        return text;
    }
    // An existing folder is part of the configuration, not of the secret.
    let shown = known_folder(path).and_then(|folder| {
        let rest = path.strip_prefix(folder).ok()?.to_string_lossy();
        Some(folder.join(hidden_name(&rest)).display().to_string())
    });
    let shown = shown.unwrap_or_else(|| hidden_name(&text));
    format!(
        "{shown}: a secret may have been given instead of the name of its file; write it into a \
         file and give the name of that file"
    )
}

/// The name or the id of a tenant or an application. Shown if it is a GUID, a domain, an Azure
/// resource, or an ordinary word.
#[must_use]
pub fn identifier(text: &str) -> Cow<'_, str> {
    let is_domain = text.contains('.')
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-'));
    let id = text.strip_prefix("object:").unwrap_or(text);
    if is_domain || text.starts_with('/') || is_ordinary(id) {
        value(text)
    } else {
        Cow::Owned(hidden(text))
    }
}

/// A value that is not a file name, masked if it may be a secret.
#[must_use]
pub fn value(text: &str) -> Cow<'_, str> {
    if text.contains("://") {
        return Cow::Owned(words(text));
    }
    if may_be_secret(text) || is_password(text) {
        Cow::Owned(hidden(text))
    } else {
        Cow::Borrowed(text)
    }
}

/// Text from a file with unknown content: shown only if it looks like a machine
/// reference or like ordinary words, such as `N/A` or `user@contoso.com`.
#[must_use]
pub fn cell(text: &str) -> Cow<'_, str> {
    if is_ordinary(text) || (!may_be_secret(text) && are_words(text)) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(hidden(text))
    }
}

/// Whether a cell that is not a machine has only ordinary words, as in `N/A`, `john's laptop`
/// or `user@contoso.com`. Passwords such as `Admin@123` and logins such as `scott/tiger@ORCL`
/// have the same signs, so an address needs a domain, and a slash stands only between
/// abbreviations.
fn are_words(text: &str) -> bool {
    let is_word = |word: &str| is_ordinary(word) && word.contains(char::is_alphabetic);
    if let Some((user, domain)) = text.split_once('@') {
        return domain.contains('.') && is_word(user) && domain.split('.').all(is_word);
    }
    if let Some(name) = text.strip_suffix('/') {
        return is_ordinary(name);
    }
    if text.contains('/') {
        let is_short = |part: &str| part.len() <= 3 && part.chars().all(char::is_alphabetic);
        return text.split('/').all(is_short);
    }
    let mut words = text.split(['\'', ',']).filter(|word| !word.is_empty());
    words.all(is_word)
}

/// Whether a word may be a password: it is neither a machine reference nor an ordinary
/// word. This is stricter than [`cell`], for a text that is the only one of its file.
#[must_use]
pub fn may_be_password(word: &str) -> bool {
    !is_ordinary(word)
}

/// A message with every possible secret hidden. It may quote a value of the user.
#[must_use]
pub fn words(message: &str) -> String {
    let mut shown = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(begin) = rest.find(|c| !is_boundary(c)) {
        let (between, word) = rest.split_at(begin);
        let (word, after) = word.split_at(word.find(is_boundary).unwrap_or(word.len()));
        shown.push_str(between);
        if is_after_label(&shown) && !has_token(word) {
            shown.push_str(word);
        } else {
            shown.push_str(&shown_word(word));
        }
        rest = after;
    }
    shown.push_str(rest);
    shown
}

/// Whether a text ends with the label of an id that the service's support requires.
fn is_after_label(text: &str) -> bool {
    const LABELS: [&str; 4] = ["tracking id", "correlation id", "trace id", "request id"];
    let text = text.trim_end().trim_end_matches(':').as_bytes();
    LABELS.iter().any(|label| {
        let begin = text.len().checked_sub(label.len());
        begin.is_some_and(|begin| text[begin..].eq_ignore_ascii_case(label.as_bytes()))
    })
}

/// A value that is shown, recorded or sent contains a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the value of {0} contains a secret, which is not shown here")]
pub struct MisplacedSecret(String);

/// Rejects a value that contains a token or a client secret, unless it is the name of an
/// existing file.
///
/// # Errors
/// The value contains a secret.
pub fn check(name: &str, value: &str) -> Result<(), MisplacedSecret> {
    if has_token(value) && !Path::new(value).exists() {
        Err(MisplacedSecret(name.to_owned()))
    } else {
        Ok(())
    }
}

/// Whether a character separates the words of a message.
fn is_boundary(character: char) -> bool {
    character.is_whitespace() || matches!(character, '"' | '\'' | '`' | ',' | '<' | '>' | '(' | ')')
}

fn shown_word(word: &str) -> Cow<'_, str> {
    // Punctuation at the end of a sentence does not belong to the value.
    let bare = word.trim_end_matches([':', ';', '.', '!']);
    let end = &word[bare.len()..];
    if bare.contains("://") {
        return Cow::Owned(format!("{}{end}", shown_url(bare)));
    }
    // As in `--token-file=VALUE` and `name=VALUE`.
    if let Some((name, value)) = bare.split_once('=')
        && !value.trim_matches('=').is_empty()
        && !may_be_secret(name)
    {
        return Cow::Owned(format!("{name}={}{end}", shown_word(value)));
    }
    let path = Path::new(bare);
    let is_secret = if bare.contains(['/', '\\']) {
        !path.exists() && may_be_secret_path(path, bare)
    } else {
        may_be_secret(bare) && !path.exists()
    };
    if is_secret {
        Cow::Owned(format!("{}{end}", hidden(bare)))
    } else {
        Cow::Borrowed(word)
    }
}

fn hidden_name(text: &str) -> String {
    let count = text.chars().count();
    format!("[hidden: {count} characters that name no existing file]")
}

/// Whether this is an ordinary word with the extension of a file with a secret.
fn looks_like_file(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(stem, ending)| {
        ENDINGS.contains(&ending.to_ascii_lowercase().as_str())
            && !stem.is_empty()
            && is_ordinary(stem)
    })
}

/// Whether the part of a folder's name that does not exist is ordinary, as in `~/.azure`.
fn has_ordinary_names(folder: &Path) -> bool {
    let known = folder.ancestors().find(|folder| folder.is_dir());
    let rest = known.and_then(|known| folder.strip_prefix(known).ok());
    rest.unwrap_or(folder).components().all(|part| match part {
        Component::Normal(name) => name
            .to_str()
            .is_some_and(|name| name == "~" || is_ordinary(name.strip_prefix('.').unwrap_or(name))),
        _ => true,
    })
}

/// The innermost folder of a path that exists, unless it is the root.
fn known_folder(path: &Path) -> Option<&Path> {
    path.ancestors()
        .skip(1)
        .find(|folder| folder.parent().is_some() && folder.is_dir())
}

/// Whether the name of a missing file may be a secret.
fn may_be_secret_path(path: &Path, text: &str) -> bool {
    if has_token(text) {
        return true;
    }
    // Folders that exist are not part of a secret. A secret may contain a slash.
    let rest = known_folder(path).and_then(|folder| path.strip_prefix(folder).ok());
    let is_secret = |part: &str| may_be_secret(part) || is_password(part);
    match rest {
        Some(rest) => rest
            .components()
            .any(|part| part.as_os_str().to_str().is_some_and(is_secret)),
        None => is_secret(text) || (is_bare(text) && text.chars().count() >= LONG_NAME),
    }
}

/// Whether a name has neither a folder nor an extension.
fn is_bare(text: &str) -> bool {
    !text.contains(['/', '\\', '.', ' '])
}

#[cfg(test)]
mod tests;
