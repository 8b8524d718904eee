//! Text of the user: a secret in a file, a variable or a program's output, or a PEM file.

use std::str;

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

/// The bytes are neither UTF-8 nor UTF-16 with a byte order mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it is not text")]
pub struct NotText;

/// The byte order mark, also as the first character of a text.
const MARK: char = '\u{feff}';

/// Decodes UTF-8, with or without a byte order mark, and UTF-16 with one, as the redirections
/// of PowerShell write it.
pub(crate) fn decode(bytes: &[u8]) -> Result<SecretString, NotText> {
    let wide = |of: fn([u8; 2]) -> u16, bytes: &[u8]| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().copied().map(of).collect();
        let text = String::from_utf16(&units).map_err(|_| NotText)?;
        if rest.is_empty() {
            Ok(text)
        } else {
            Err(NotText)
        }
    };
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => wide(u16::from_le_bytes, rest)?,
        [0xfe, 0xff, rest @ ..] => wide(u16::from_be_bytes, rest)?,
        _ => {
            let text = str::from_utf8(bytes).map_err(|_| NotText)?;
            text.strip_prefix(MARK).unwrap_or(text).to_owned()
        }
    };
    // Binary data, or UTF-16 without a byte order mark.
    if text.contains('\0') {
        return Err(NotText);
    }
    Ok(SecretString::from(text))
}

/// The one rule for secrets, regardless of their source: a byte order mark, and white space at
/// both ends, do not belong to the secret.
#[must_use]
pub fn trim_secret(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == MARK)
}

/// Reads a secret from the bytes of a file or of a program's output.
///
/// # Errors
/// The bytes are not text.
pub fn secret_text(bytes: &[u8]) -> Result<SecretString, NotText> {
    let text = decode(bytes)?;
    Ok(SecretString::from(trim_secret(text.expose_secret())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A text in UTF-16 with a byte order mark.
    fn wide(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let text = format!("{MARK}{text}");
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn a_secret_is_the_same_in_every_encoding_and_with_every_line_end() {
        for text in ["s3cret", "s3cret\n", "s3cret\r\n", " s3cret \n\n"] {
            for bytes in [
                text.as_bytes().to_vec(),
                format!("{MARK}{text}").into_bytes(),
                wide(text, u16::to_le_bytes),
                wide(text, u16::to_be_bytes),
            ] {
                let read = secret_text(&bytes).unwrap();
                assert_eq!(read.expose_secret(), "s3cret", "{bytes:?}");
            }
        }
        assert_eq!(secret_text(b"a b").unwrap().expose_secret(), "a b");
    }

    #[test]
    fn bytes_that_are_not_text_are_refused() {
        let odd = [&wide("abc", u16::to_le_bytes)[..], b"x"].concat();
        let unmarked = "abc".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [vec![0xff, 0x00], odd, unmarked, vec![0x30, 0x82, 0xff]] {
            assert_eq!(secret_text(&bytes).unwrap_err(), NotText, "{bytes:?}");
        }
    }
}
