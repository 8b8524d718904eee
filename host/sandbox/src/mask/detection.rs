//! Detects secrets: tokens, client secrets, passwords and random text, as opposed to
//! ids, host names and ordinary words. Works on text only; no file is accessed.

/// The shortest password of letters, digits and symbols that is detected in any text.
const MIN_PASSWORD: usize = 8;

/// The shortest text that is checked for a mixture of letters and digits.
const MIN_MIXED: usize = 16;

/// Whether a text contains a JSON web token or a client secret of Entra ID. A text that only
/// may be a secret does not count.
#[must_use]
pub fn has_token(text: &str) -> bool {
    has_web_token(text) || has_client_secret(text)
}

/// Whether a text is a GUID, a machine id, or a few words as in headings and host
/// names. A word of letters and digits may be a password, unless it is short or written
/// like a host name.
pub(super) fn is_ordinary(text: &str) -> bool {
    const MAX_ORDINARY_TEXT: usize = 40;
    const MAX_ORDINARY_WORD: usize = 24;
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
                length <= MAX_ORDINARY_WORD && changes.count() <= 3
            }
            length if word.chars().all(|c| c.is_ascii_digit()) => length <= MAX_HOST,
            length if word.chars().all(char::is_alphanumeric) => {
                length < SHORT || (length <= MAX_HOST && !word.contains(char::is_lowercase))
            }
            _ => false,
        }
    };
    text.chars().count() <= MAX_ORDINARY_TEXT
        && !may_be_secret(text)
        && text.split(BETWEEN).all(is_word)
}

/// Whether a word has letters, digits, and a symbol that names of hosts and rules do not have.
pub(super) fn is_password(text: &str) -> bool {
    text.chars().count() >= MIN_PASSWORD
        && !text.contains(char::is_whitespace)
        && text.contains(char::is_alphabetic)
        && text.contains(|c: char| c.is_ascii_digit())
        && (text.contains(['!', '$', '^', '#', '%', '&', '~']) || is_at_sign_odd(text))
}

/// Whether a text has an `@`, and is not an address with a domain.
fn is_at_sign_odd(text: &str) -> bool {
    text.split_once('@')
        .is_some_and(|(_, domain)| !domain.contains('.'))
}

/// Whether a text may be a secret: a token, or letters and digits that alternate more often
/// than in words and names. Ids of machines, tenants, components and requests are not secret;
/// a request has an id such as `|00-HEX-HEX-01.`.
pub(super) fn may_be_secret(text: &str) -> bool {
    let is_id = text
        .chars()
        .all(|c| c.is_ascii_hexdigit() || "-{}|[].".contains(c))
        && text.len() <= 64;
    !is_id && (has_token(text) || is_mixed(text))
}

/// Whether letters and digits alternate more often than in words and names. Some hosts have
/// random names, such as `WIN-8Q4K2L9X7M3.example.com`: if the text may be a host name, each
/// part is checked by itself.
fn is_mixed(text: &str) -> bool {
    const BETWEEN: [char; 3] = ['-', '.', '_'];
    let is_host = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || BETWEEN.contains(&c));
    if is_host {
        text.split(BETWEEN).any(alternates)
    } else {
        alternates(text)
    }
}

/// Whether letters of both cases, digits and symbols alternate often. In random text, the kind
/// of character changes at every second character, in a name rarely.
fn alternates(text: &str) -> bool {
    #[derive(PartialEq, Eq, Clone, Copy)]
    enum Kind {
        Lower,
        Upper,
        Digit,
        Sign,
        /// Separators in file names.
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
    // A sentence may also have numbers; a secret has no white space.
    !text.contains(char::is_whitespace) && kinds.len() >= MIN_MIXED && changes * 5 >= kinds.len()
}

/// In base64, a JSON object begins with this; a token's header has at least an algorithm.
fn has_web_token(text: &str) -> bool {
    const MIN_PART: usize = 16;
    let is_part = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '/' | '=');
    text.match_indices("eyJ")
        .any(|(at, _)| text[at..].chars().take_while(is_part).count() >= MIN_PART)
}

/// Three characters, a digit, `Q~`, and 31 to 34 more (the pattern of GitHub's secret scanning
/// and others).
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
