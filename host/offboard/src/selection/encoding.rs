//! The encoding of a list. Programs on Windows also write UTF-16 and Windows-1252.

use super::ListError;

/// The encoding that a list was read in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListEncoding {
    /// UTF-8, with or without a byte order mark.
    #[default]
    Utf8,
    /// UTF-16 in either byte order, which Excel calls "Unicode text".
    Utf16,
    /// Not UTF-8, and therefore read as Windows-1252. Every text can be read this way, so letters
    /// outside of ASCII may be wrong.
    Windows1252,
}

impl ListEncoding {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16 => "UTF-16",
            Self::Windows1252 => "Windows-1252",
        }
    }
}

/// The characters of the bytes 0x80 to 0x9F (the WHATWG encoding standard); NUL for those that
/// are not assigned.
const WINDOWS_1252: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘',
    '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

/// The text of a list.
///
/// # Errors
/// The bytes are not a text in one of the encodings.
pub(super) fn decode(bytes: Vec<u8>) -> Result<(String, ListEncoding), ListError> {
    let (text, encoding) = match String::from_utf8(bytes) {
        // UTF-16 of ASCII letters is valid UTF-8 with a NUL beside each letter.
        Ok(text) if text.contains('\0') => (utf16(text.as_bytes()), ListEncoding::Utf16),
        Ok(text) => return Ok((text, ListEncoding::Utf8)),
        Err(error) => {
            let utf8 = error.utf8_error().valid_up_to();
            let bytes = error.as_bytes();
            if bytes.contains(&0) || is_marked_utf16(bytes) {
                (utf16(bytes), ListEncoding::Utf16)
            } else if bytes[..utf8].is_ascii() {
                (windows_1252(bytes), ListEncoding::Windows1252)
            } else {
                // UTF-8 that was damaged or truncated.
                return Err(ListError::Encoding);
            }
        }
    };
    // Binary files have control characters.
    let is_control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    let text = text.filter(|text| !text.contains(is_control));
    Ok((text.ok_or(ListError::Encoding)?, encoding))
}

fn is_marked_utf16(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF])
}

/// The text of UTF-16. Without a byte order mark, the NULs beside ASCII letters show the order.
fn utf16(bytes: &[u8]) -> Option<String> {
    let nuls = |rest: usize| {
        let bytes = bytes.iter().enumerate();
        bytes
            .filter(|(at, byte)| at % 2 == rest && **byte == 0)
            .count()
    };
    let is_big = match bytes.get(..2)? {
        [0xFF, 0xFE] => false,
        [0xFE, 0xFF] => true,
        _ => match (nuls(0), nuls(1)) {
            (0, low) => {
                if low == 0 {
                    return None;
                }
                false
            }
            (_, 0) => true,
            _ => return None,
        },
    };
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    let units = bytes.chunks_exact(2).map(|pair| {
        let pair = [pair[0], pair[1]];
        if is_big {
            u16::from_be_bytes(pair)
        } else {
            u16::from_le_bytes(pair)
        }
    });
    char::decode_utf16(units).collect::<Result<_, _>>().ok()
}

/// The text of Windows-1252; `None` if it has a byte without a character.
fn windows_1252(bytes: &[u8]) -> Option<String> {
    let character = |byte: &u8| match *byte {
        byte @ 0x80..=0x9F => {
            let assigned = WINDOWS_1252[usize::from(byte - 0x80)];
            Some(assigned).filter(|assigned| *assigned != '\0')
        }
        byte => Some(char::from(byte)),
    };
    bytes.iter().map(character).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(bytes: &[u8]) -> Option<(String, ListEncoding)> {
        decode(bytes.to_vec()).ok()
    }

    #[test]
    fn a_list_is_read_in_the_encodings_of_windows() {
        let text = "name\r\nJürgens-PC\r\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [
            [&[0xFF, 0xFE], &little[..]].concat(),
            [&[0xFE, 0xFF], &big[..]].concat(),
            little,
            big,
        ] {
            let (read, encoding) = of(&bytes).unwrap();
            assert_eq!(read.trim_start_matches('\u{feff}'), text);
            assert_eq!(encoding, ListEncoding::Utf16);
        }
        let windows = b"name;comment\r\npc-1;Gel\xF6scht \x96 100 \x80\r\n";
        let expected = "name;comment\r\npc-1;Gelöscht – 100 €\r\n".to_owned();
        assert_eq!(of(windows), Some((expected, ListEncoding::Windows1252)));
        let utf8 = (text.to_owned(), ListEncoding::Utf8);
        assert_eq!(of(text.as_bytes()), Some(utf8));
    }

    #[test]
    fn bytes_that_are_not_a_text_are_an_error() {
        for bytes in [
            // A workbook, a picture, UTF-32, half a character, and a truncated UTF-8 text.
            &b"PK\x03\x04\x14\0\x06\0\x08\0"[..],
            b"\x89PNG\r\n\x1a\n",
            b"\xFF\xFE\0\0n\0\0\0",
            b"\xFF\xFEn\0a",
            b"\0\0\0\0",
            b"a\0b",
            "Jürgen, Jü".as_bytes().strip_suffix(b"\xBC").unwrap(),
            b"pc-1\x81",
        ] {
            assert_eq!(of(bytes), None, "{bytes:?}");
        }
    }
}
