//! What may be shown of text from the user. Users easily give a secret in place of a file
//! name or another value, and errors, listings and records repeat what was given. So a
//! file that exists is shown by its name, and anything else is shown unless it may be a
//! secret.

use std::{borrow::Cow, path::Path};

use thiserror::Error;

/// From this length on, a name without a folder and without an extension is
/// taken for a secret, unless a file has it.
const LONG_NAME: usize = 32;

/// The shortest password of letters, digits and signs that is recognised anywhere.
const MIN_PASSWORD: usize = 8;

/// The shortest text whose mixture of letters and digits is judged.
const MIN_MIXED: usize = 16;

/// What the name of a file with a secret ends with. Other endings may be part of a
/// password.
const ENDINGS: [&str; 10] = [
    "cer", "crt", "der", "jwt", "key", "p12", "pem", "pfx", "tok", "txt",
];

/// Parameters of a URL whose value is a secret.
const SECRET_PARAMETERS: [&str; 14] = [
    "access_token",
    "api_key",
    "apikey",
    "assertion",
    "client_secret",
    "code",
    "id_token",
    "key",
    "password",
    "pwd",
    "refresh_token",
    "secret",
    "sig",
    "token",
];

/// The name of a file or folder, if it may be shown.
#[must_use]
pub fn path(path: &Path) -> String {
    let text = path.display().to_string();
    match path.exists() || !may_be_secret_path(path, &text) {
        true => text,
        false => hidden_name(&text),
    }
}

/// The name of a file that holds a secret, if it may be shown. A name that no file has
/// may be a password, whatever it looks like: of it, the folder that exists is shown, and
/// the name of a file in it only if it is an ordinary word with a known extension.
#[must_use]
pub fn secret_path(path: &Path) -> String {
    let text = path.display().to_string();
    let name = path.file_name().map(|name| name.to_string_lossy());
    let name = name.unwrap_or_default();
    let folder = path.parent().unwrap_or(path);
    let is_whole = folder.as_os_str().is_empty() || folder.is_dir();
    if path.exists() || (is_whole && looks_like_file(&name)) {
        return text;
    }
    // A folder that exists is not part of the secret, but of the configuration.
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

/// The name or the id of a tenant or an application, if it may be shown: a GUID, a domain,
/// a resource of Azure, or an ordinary word.
#[must_use]
pub fn identifier(text: &str) -> Cow<'_, str> {
    let is_domain = text.contains('.')
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-'));
    let id = text.strip_prefix("object:").unwrap_or(text);
    match is_domain || text.starts_with('/') || is_ordinary(id) {
        true => value(text),
        false => Cow::Owned(hidden(text)),
    }
}

/// A value that is not the name of a file, if it may be shown.
#[must_use]
pub fn value(text: &str) -> Cow<'_, str> {
    if text.contains("://") {
        return Cow::Owned(words(text));
    }
    match may_be_secret(text) || is_password(text) {
        true => Cow::Owned(hidden(text)),
        false => Cow::Borrowed(text),
    }
}

/// Text from a file whose content is not known: only what looks like a reference to a
/// machine or like ordinary words may be shown.
#[must_use]
pub fn cell(text: &str) -> Cow<'_, str> {
    match is_ordinary(text) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(hidden(text)),
    }
}

/// A message, in which every word that may be a secret is hidden. It may quote
/// what a user gave.
#[must_use]
pub fn words(message: &str) -> String {
    let mut shown = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(begin) = rest.find(|c| !is_boundary(c)) {
        let (between, word) = rest.split_at(begin);
        let (word, after) = word.split_at(word.find(is_boundary).unwrap_or(word.len()));
        shown.push_str(between);
        shown.push_str(&shown_word(word));
        rest = after;
    }
    shown.push_str(rest);
    shown
}

/// Whether a text has a JSON web token or a client secret of Entra ID in it, and
/// not only something that may be one.
#[must_use]
pub fn has_token(text: &str) -> bool {
    has_web_token(text) || has_client_secret(text)
}

/// A secret that was given where it is repeated, recorded or sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "the value of {0} contains a secret, which is not shown here: write the secret into a file \
     that only you can read, and give the name of that file. Replace the secret if others may \
     have seen it"
)]
pub struct MisplacedSecret(String);

/// Rejects a value that has a token or a client secret in it, unless it is the name of a
/// file that exists.
///
/// # Errors
/// The value has one in it.
pub fn check(name: &str, value: &str) -> Result<(), MisplacedSecret> {
    match has_token(value) && !Path::new(value).exists() {
        true => Err(MisplacedSecret(name.to_owned())),
        false => Ok(()),
    }
}

/// What stands between the words of a message.
fn is_boundary(character: char) -> bool {
    character.is_whitespace() || matches!(character, '"' | '\'' | '`' | ',' | '<' | '>' | '(' | ')')
}

fn shown_word(word: &str) -> Cow<'_, str> {
    // Punctuation that ends a sentence is no part of a value.
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
    let is_secret = match bare.contains(['/', '\\']) {
        true => !path.exists() && may_be_secret_path(path, bare),
        false => may_be_secret(bare) && !path.exists(),
    };
    match is_secret {
        true => Cow::Owned(format!("{}{end}", hidden(bare))),
        false => Cow::Borrowed(word),
    }
}

/// A URL without a user's name and password, and without the values of parameters that
/// are secret.
fn shown_url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let (place, parameters) = match rest.find(['?', '#']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    // A password may hold a slash, if it was not escaped.
    let place = match place.rsplit_once('@') {
        Some((user, place)) => format!("{}@{place}", hidden(user)),
        None => place
            .split('/')
            .map(|part| value_in_url(part))
            .collect::<Vec<_>>()
            .join("/"),
    };
    let mut shown = format!("{scheme}://{place}");
    let mut parameter = String::new();
    let flush = |parameter: &mut String, shown: &mut String| {
        match parameter.split_once('=') {
            Some((name, value)) if is_secret_parameter(name, value) => {
                shown.push_str(&format!("{name}={}", hidden(value)));
            }
            Some(_) => shown.push_str(parameter),
            None => shown.push_str(&value_in_url(parameter)),
        }
        parameter.clear();
    };
    for character in parameters.chars() {
        match character {
            '?' | '#' | '&' | ';' => {
                flush(&mut parameter, &mut shown);
                shown.push(character);
            }
            character => parameter.push(character),
        }
    }
    flush(&mut parameter, &mut shown);
    shown
}

fn is_secret_parameter(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !value.is_empty() && (SECRET_PARAMETERS.contains(&name.as_str()) || may_be_secret(value))
}

fn value_in_url(text: &str) -> Cow<'_, str> {
    match may_be_secret(text) {
        true => Cow::Owned(hidden(text)),
        false => Cow::Borrowed(text),
    }
}

fn hidden(text: &str) -> String {
    format!("[hidden: {} characters]", text.chars().count())
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

/// The innermost folder of a path that exists, unless it is the root.
fn known_folder(path: &Path) -> Option<&Path> {
    path.ancestors()
        .skip(1)
        .find(|folder| folder.parent().is_some() && folder.is_dir())
}

/// Whether a text is a GUID, a machine id, or a few words as headings and names of hosts
/// have them. A word of letters and digits may be a password, unless it is short or
/// written like the name of a host.
fn is_ordinary(text: &str) -> bool {
    const MAX_TEXT: usize = 40;
    const MAX_WORD: usize = 24;
    const MAX_HOST: usize = 15;
    const SHORT: usize = 6;
    const BETWEEN: [char; 4] = [' ', '-', '_', '.'];
    let is_hex = |text: &str| text.chars().all(|c| c.is_ascii_hexdigit());
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    if (text.len() == 40 && is_hex(text))
        || (groups == [8, 4, 4, 4, 12] && is_hex(&text.replace('-', "")))
    {
        return true;
    }
    let is_word = |word: &str| {
        // As in `Last seen (UTC)`.
        let inner = word
            .strip_prefix('(')
            .and_then(|word| word.strip_suffix(')'));
        let word = inner.unwrap_or(word);
        let changes = word.chars().zip(word.chars().skip(1));
        let changes = changes.filter(|(one, next)| one.is_lowercase() && next.is_uppercase());
        match word.chars().count() {
            length if word.chars().all(char::is_alphabetic) => {
                length <= MAX_WORD && changes.count() <= 3
            }
            length if word.chars().all(|c| c.is_ascii_digit()) => length <= MAX_HOST,
            length if word.chars().all(char::is_alphanumeric) => {
                length < SHORT || (length <= MAX_HOST && !word.contains(char::is_lowercase))
            }
            _ => false,
        }
    };
    text.chars().count() <= MAX_TEXT && !may_be_secret(text) && text.split(BETWEEN).all(is_word)
}

/// Whether a name that no file has may be a secret.
fn may_be_secret_path(path: &Path, text: &str) -> bool {
    if has_token(text) {
        return true;
    }
    // Folders that exist are not part of a secret. A secret may contain a slash.
    let rest = known_folder(path).and_then(|folder| path.strip_prefix(folder).ok());
    match rest {
        Some(rest) => rest
            .components()
            .any(|part| part.as_os_str().to_str().is_some_and(may_be_secret)),
        None => may_be_secret(text) || (is_bare(text) && text.chars().count() >= LONG_NAME),
    }
}

/// Whether a word has letters, digits, and a sign that no name of a host or a rule has.
fn is_password(text: &str) -> bool {
    text.chars().count() >= MIN_PASSWORD
        && !text.contains(char::is_whitespace)
        && text.contains(char::is_alphabetic)
        && text.contains(|c: char| c.is_ascii_digit())
        && text.contains(['!', '$', '^', '#', '%', '&', '~'])
}

/// Whether a name has neither a folder nor an extension.
fn is_bare(text: &str) -> bool {
    !text.contains(['/', '\\', '.', ' '])
}

/// Whether a text may be a secret: a token, or one of letters and digits that
/// alternate as no word or name does. Ids of machines, tenants and components
/// are not secret.
fn may_be_secret(text: &str) -> bool {
    let is_id = text
        .chars()
        .all(|c| c.is_ascii_hexdigit() || matches!(c, '-' | '{' | '}'))
        && text.len() <= 64;
    !is_id && (has_token(text) || is_mixed(text))
}

/// Whether letters and digits alternate as no word or name does. Some hosts have random
/// names, such as `WIN-8Q4K2L9X7M3.example.com`: if the text may be a host, each part is
/// checked by itself.
fn is_mixed(text: &str) -> bool {
    const BETWEEN: [char; 3] = ['-', '.', '_'];
    let is_host = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || BETWEEN.contains(&c));
    match is_host {
        true => text.split(BETWEEN).any(alternates),
        false => alternates(text),
    }
}

/// Whether letters of both cases, digits and signs alternate often. In random text, the
/// kind of character changes at every second one, in a name rarely.
fn alternates(text: &str) -> bool {
    #[derive(PartialEq, Eq, Clone, Copy)]
    enum Kind {
        Lower,
        Upper,
        Digit,
        Sign,
        /// What names of files have between words.
        Between,
    }
    let kinds: Vec<Kind> = text
        .chars()
        .map(|character| match character {
            c if c.is_uppercase() => Kind::Upper,
            c if c.is_alphabetic() => Kind::Lower,
            c if c.is_numeric() => Kind::Digit,
            '-' | '_' | '.' | ' ' | ':' | '/' | '\\' | '{' | '}' | '[' | ']' => Kind::Between,
            _ => Kind::Sign,
        })
        .collect();
    let changes = kinds
        .windows(2)
        .filter(|pair| match (pair[0], pair[1]) {
            // A word may begin with a capital letter.
            (Kind::Upper, Kind::Lower) => false,
            (Kind::Between, _) | (_, Kind::Between) => false,
            (one, other) => one != other,
        })
        .count();
    // A sentence may have numbers, too; a secret has no white space.
    !text.contains(char::is_whitespace) && kinds.len() >= MIN_MIXED && changes * 5 >= kinds.len()
}

/// A JSON object in base64 begins with this; a token's first part has at least an
/// algorithm.
fn has_web_token(text: &str) -> bool {
    const MIN_PART: usize = 16;
    let is_part = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '/' | '=');
    text.match_indices("eyJ")
        .any(|(at, _)| text[at..].chars().take_while(is_part).count() >= MIN_PART)
}

/// Three characters, a digit, `Q~`, and 31 to 34 more (as GitHub's secret
/// scanning and others recognise it).
fn has_client_secret(text: &str) -> bool {
    const BEFORE: usize = 4;
    const AFTER: usize = 31;
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"~._-".contains(byte);
    let bytes = text.as_bytes();
    text.match_indices("Q~").any(|(at, mark)| {
        let before = at.checked_sub(BEFORE).map(|begin| &bytes[begin..at]);
        let after = bytes.get(at + mark.len()..at + mark.len() + AFTER);
        before.is_some_and(|before| {
            before.iter().all(is_part) && before.last().is_some_and(u8::is_ascii_digit)
        }) && after.is_some_and(|after| after.iter().all(is_part))
    })
}

#[cfg(test)]
#[path = "mask_tests.rs"]
mod tests;
