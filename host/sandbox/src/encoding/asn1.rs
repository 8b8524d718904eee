//! Reads BER, and writes DER. PKCS#12 permits BER, which some tools write; libraries read only
//! DER.

use super::der::SEQUENCE;

/// The deepest nesting that is read. A PFX file has about twelve levels.
const MAX_DEPTH: usize = 32;

/// Set in the tag of an element that consists of others.
const CONSTRUCTED: u8 = 0x20;
/// The tag number that announces further bytes of the tag. PKCS#12 has no such tags.
const LONG_TAG: u8 = 0x1f;

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTETS: u8 = 0x04;
pub(crate) const OBJECT: u8 = 0x06;
/// The context-specific tag 0 of an element that consists of others.
pub(crate) const CONTEXT: u8 = 0xa0;

/// An element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Element {
    /// An element with a value.
    Value(u8, Vec<u8>),
    /// An element that consists of others.
    Group(u8, Vec<Element>),
}

impl Element {
    /// Reads the first element of these bytes. Bytes after it are ignored.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        Self::take(&mut &*bytes, 0)
    }

    fn take(input: &mut &[u8], depth: usize) -> Option<Self> {
        if depth > MAX_DEPTH {
            return None;
        }
        let tag = byte(input)?;
        if tag & LONG_TAG == LONG_TAG {
            return None;
        }
        let is_group = tag & CONSTRUCTED != 0;
        let elements = match length(input)? {
            Some(length) => {
                let (mut content, rest) = input.split_at_checked(length)?;
                *input = rest;
                if !is_group {
                    return Some(Self::Value(tag, content.to_vec()));
                }
                let mut elements = Vec::new();
                while !content.is_empty() {
                    elements.push(Self::take(&mut content, depth + 1)?);
                }
                elements
            }
            // The end of the contents is marked with two zeros.
            None if is_group => {
                let mut elements = Vec::new();
                while input.get(..2)? != [0, 0] {
                    elements.push(Self::take(input, depth + 1)?);
                }
                *input = &input[2..];
                elements
            }
            None => return None,
        };
        Some(Self::group(tag, elements))
    }

    /// A group, in the form that DER requires: its strings are not divided.
    fn group(tag: u8, mut elements: Vec<Self>) -> Self {
        if tag == OCTETS | CONSTRUCTED
            && let Some(joined) = joined(&elements)
        {
            return Self::Value(OCTETS, joined);
        }
        // The encrypted content: a string with a tag of its own, after its type and its
        // algorithm.
        if let [
            Self::Value(OBJECT, _),
            Self::Group(SEQUENCE, _),
            encrypted @ Self::Group(CONTEXT, _),
        ] = &mut elements[..]
            && let Self::Group(_, parts) = encrypted
            && let Some(joined) = joined(parts)
        {
            *encrypted = Self::Value(CONTEXT & !CONSTRUCTED, joined);
        }
        Self::Group(tag, elements)
    }

    /// The element in DER.
    pub(crate) fn to_der(&self) -> Vec<u8> {
        let (tag, content) = match self {
            Self::Value(tag, value) => (*tag, value.clone()),
            Self::Group(tag, elements) => (*tag, elements.iter().flat_map(Self::to_der).collect()),
        };
        let mut der = vec![tag];
        let digits = content.len().to_be_bytes();
        let zeros = digits.iter().take_while(|digit| **digit == 0).count();
        let digits = &digits[zeros..];
        match content.len() {
            0..0x80 => der.extend(digits.last().or(Some(&0))),
            _ => {
                #[allow(clippy::cast_possible_truncation)]
                der.push(0x80 | digits.len() as u8);
                der.extend_from_slice(digits);
            }
        }
        der.extend(content);
        der
    }

    /// The elements of a group; none of a value.
    pub(crate) fn elements(&self) -> &[Self] {
        match self {
            Self::Group(_, elements) => elements,
            Self::Value(..) => &[],
        }
    }

    /// The elements of a group; none of a value.
    pub(crate) fn elements_mut(&mut self) -> &mut [Self] {
        match self {
            Self::Group(_, elements) => elements,
            Self::Value(..) => &mut [],
        }
    }

    /// The value of an element with this tag.
    pub(crate) fn value(&self, wanted: u8) -> Option<&[u8]> {
        match self {
            Self::Value(tag, value) if *tag == wanted => Some(value),
            _ => None,
        }
    }
}

/// The value of a string that is divided into parts; `None` if the elements are not parts.
fn joined(parts: &[Element]) -> Option<Vec<u8>> {
    let parts = parts.iter().map(|part| part.value(OCTETS));
    Some(parts.collect::<Option<Vec<_>>>()?.concat())
}

fn byte(input: &mut &[u8]) -> Option<u8> {
    let (&byte, rest) = input.split_first()?;
    *input = rest;
    Some(byte)
}

/// A length; `Some(None)` if it is indefinite.
fn length(input: &mut &[u8]) -> Option<Option<usize>> {
    let first = byte(input)?;
    if first == 0x80 {
        return Some(None);
    }
    if first < 0x80 {
        return Some(Some(usize::from(first)));
    }
    let mut length = 0_usize;
    for _ in 0..first & 0x7f {
        length = length.checked_mul(0x100)? | usize::from(byte(input)?);
    }
    Some(Some(length))
}

/// The public key in a certificate: the contents of its `subjectPublicKey` (RFC 5280).
pub(crate) fn public_key(certificate: &[u8]) -> Option<Vec<u8>> {
    let certificate = Element::read(certificate)?;
    let fields = certificate.elements().first()?.elements();
    let is_versioned = matches!(fields.first()?, Element::Group(CONTEXT, _));
    // After the serial number, the algorithm, the issuer, the validity and the subject.
    let key = fields.get(if is_versioned { 6 } else { 5 })?.elements();
    let bits = key.get(1)?.value(BIT_STRING)?;
    // The first byte is the number of unused bits.
    Some(bits.get(1..)?.to_vec())
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The element in BER: with indefinite lengths, and with divided strings.
    pub(crate) fn to_ber(element: &Element) -> Vec<u8> {
        let parts = |tag: u8, value: &[u8]| {
            let parts = value.chunks(100);
            let parts: Vec<u8> = parts
                .flat_map(|part| Element::Value(OCTETS, part.to_vec()).to_der())
                .collect();
            [&[tag, 0x80][..], &parts, &[0, 0]].concat()
        };
        match element {
            Element::Value(OCTETS, value) => parts(OCTETS | CONSTRUCTED, value),
            Element::Value(0x80, value) => parts(CONTEXT, value),
            Element::Value(..) => element.to_der(),
            Element::Group(tag, elements) => {
                let elements: Vec<u8> = elements.iter().flat_map(to_ber).collect();
                [&[*tag, 0x80][..], &elements, &[0, 0]].concat()
            }
        }
    }

    #[test]
    fn an_element_is_the_same_in_ber_and_der() {
        let octets = |length: usize| Element::Value(OCTETS, vec![7; length]);
        let encrypted = Element::Group(
            SEQUENCE,
            vec![
                Element::Value(OBJECT, vec![1, 2]),
                Element::Group(SEQUENCE, vec![octets(3)]),
                Element::Value(0x80, vec![9; 1000]),
            ],
        );
        let data = Element::Group(
            SEQUENCE,
            vec![
                Element::Value(OBJECT, vec![1, 2]),
                Element::Group(CONTEXT, vec![octets(70_000)]),
            ],
        );
        for element in [octets(0), octets(127), octets(128), encrypted, data] {
            assert_eq!(Element::read(&element.to_der()), Some(element.clone()));
            assert_eq!(Element::read(&to_ber(&element)), Some(element));
        }
    }

    #[test]
    fn broken_and_deep_elements_are_refused() {
        let deep = [[0x30, 0x80]; 1000].concat();
        for bytes in [
            &deep[..],
            &[0x30, 0x80, 0],
            &[0x04, 0x80, 0, 0],
            &[0x30, 5, 2, 1],
            &[0x3f, 1, 0],
            &[0x04, 0x89, 1, 2, 3, 4, 5, 6, 7, 8, 9],
            &[],
        ] {
            assert_eq!(Element::read(bytes), None, "{bytes:?}");
        }
    }
}
