//! The outer structure of a file in DER: its length, and what follows it.

/// The tag of a sequence.
pub(crate) const SEQUENCE: u8 = 0x30;

/// The tag, the content and the encoded length of the first element, if its length is
/// definite.
fn first(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (&tag, rest) = bytes.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        _ if length < 0x80 => (usize::from(length), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            let value = digits
                .iter()
                .fold(0, |value, digit| value << 8 | usize::from(*digit));
            (value, rest)
        }
        _ => return None,
    };
    let content = rest.get(..length)?;
    Some((tag, content, bytes.len() - rest.len() + length))
}

/// The first sequence, without the bytes after it: editors and transfers append line ends, and
/// OpenSSL appends its trust settings to a certificate. `None` if the bytes do not begin with
/// a whole sequence.
pub(crate) fn sequence(bytes: &[u8]) -> Option<&[u8]> {
    let (tag, _, length) = first(bytes)?;
    (tag == SEQUENCE).then(|| &bytes[..length])
}

/// The tag of the first element of a sequence.
pub(crate) fn first_tag(bytes: &[u8]) -> Option<u8> {
    let (tag, content, _) = first(bytes)?;
    (tag == SEQUENCE).then(|| content.first().copied())?
}

/// Whether the bytes begin like a certificate: a sequence that begins with two sequences, with
/// a version or a serial number in the second one.
pub(crate) fn is_certificate(bytes: &[u8]) -> bool {
    const VERSION: u8 = 0xa0;
    const INTEGER: u8 = 0x02;
    let content = first(bytes).filter(|(tag, ..)| *tag == SEQUENCE);
    let content = content.map(|(_, content, _)| content);
    let tag = content.and_then(first_tag);
    matches!(tag, Some(VERSION | INTEGER))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn bytes_after_a_sequence_do_not_belong_to_it() {
        let whole = [0x30, 3, 0x02, 1, 5];
        assert_eq!(sequence(&whole), Some(&whole[..]));
        assert_eq!(sequence(&[&whole[..], b"\r\n"].concat()), Some(&whole[..]));
        let long = [&[0x30, 0x81, 3][..], &whole[2..]].concat();
        assert_eq!(sequence(&long), Some(&long[..]));
        assert_eq!(first_tag(&whole), Some(0x02));
        for broken in [&whole[..4], &[0x31, 0], &[0x30, 0x80, 0, 0], &[0x30], &[]] {
            assert_eq!(sequence(broken), None, "{broken:?}");
        }
    }
}
