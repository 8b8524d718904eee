//! PKCS#12 (PFX), as Windows, Key Vault, OpenSSL and others write it.

use p12_keystore::{Pkcs12Archive, error::Error};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::certificate_file::{InvalidCertificate, Key, Parts};
use crate::encoding::{
    asn1::{CONTEXT, Element, INTEGER, OBJECT, OCTETS},
    der::SEQUENCE,
};

/// The version of every PFX file (RFC 7292).
pub(super) const VERSION: u8 = 3;
/// `pkcs7-data`, 1.2.840.113549.1.7.1.
const DATA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
/// `pkcs8ShroudedKeyBag`, 1.2.840.113549.1.12.10.1.2.
const SHROUDED_KEY: [u8; 11] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 10, 1, 2];

/// Reads all certificates and keys of a PFX file.
pub(super) fn read(
    file: Element,
    password: Option<&SecretString>,
) -> Result<Parts, InvalidCertificate> {
    let text = password.map_or("", |password| password.expose_secret());
    let der = SecretSlice::from(file.to_der());
    let archive = match Pkcs12Archive::from_pkcs12(der.expose_secret(), text) {
        Ok(archive) => archive,
        // The password is wrong. An empty one has two encodings, of which the library checks
        // only one.
        Err(Error::MacError(_)) if !text.is_empty() => return Err(InvalidCertificate::Password),
        Err(first) => {
            let has_mac = file.elements().len() > 2;
            let opened = open_without_mac(file, text);
            opened.map_err(|then| reason(&first, then.as_ref(), has_mac, password))?
        }
    };
    let keys = archive.keys.iter().map(|bag| bag.key.as_der().to_vec());
    let certificates = archive.certs.iter().map(|bag| bag.cert.as_der().to_vec());
    Ok(Parts {
        certificates: certificates.collect(),
        keys: keys.map(|key| Key::Pkcs8(SecretSlice::from(key))).collect(),
    })
}

/// Decrypts a key in PKCS#8 (`EncryptedPrivateKeyInfo`).
pub(super) fn decrypt_key(
    key: &[u8],
    password: Option<&SecretString>,
) -> Result<Key, InvalidCertificate> {
    let key = Element::read(key).ok_or(InvalidCertificate::Damaged)?;
    let text = match password {
        None => return Err(InvalidCertificate::NoPassword),
        Some(password) => password.expose_secret(),
    };
    // The library decrypts only keys in a PFX file.
    let group = |elements: Vec<Element>| Element::Group(SEQUENCE, elements);
    let content = |of: Element| {
        let octets = Element::Value(OCTETS, of.to_der());
        group(vec![
            Element::Value(OBJECT, DATA.to_vec()),
            Element::Group(CONTEXT, vec![octets]),
        ])
    };
    let bag = group(vec![
        Element::Value(OBJECT, SHROUDED_KEY.to_vec()),
        Element::Group(CONTEXT, vec![key]),
    ]);
    let safe = content(group(vec![bag]));
    let file = group(vec![
        Element::Value(INTEGER, vec![VERSION]),
        content(group(vec![safe])),
    ]);
    let archive = Pkcs12Archive::from_pkcs12(&file.to_der(), text);
    let archive = archive.map_err(|error| match error {
        Error::UnsupportedEncryptionScheme | Error::InvalidParameters => {
            InvalidCertificate::Encrypted
        }
        _ if text.is_empty() => InvalidCertificate::EmptyPassword,
        _ => InvalidCertificate::KeyPassword,
    })?;
    let bag = archive.keys.first().ok_or(InvalidCertificate::Damaged)?;
    Ok(Key::Pkcs8(SecretSlice::from(bag.key.as_der().to_vec())))
}

/// Opens a PFX file without checking its MAC, and with all parts in DER. The MAC may be of a
/// kind that the library does not know. Whether the certificate belongs to the key is checked
/// in any case. `None` as the error if the file has another structure.
fn open_without_mac(mut file: Element, password: &str) -> Result<Pkcs12Archive, Option<Error>> {
    if let Element::Group(_, parts) = &mut file {
        parts.truncate(2);
    }
    let safes = file.elements_mut().get_mut(1).and_then(octets);
    let safes = safes.ok_or(None)?;
    let mut inner = Element::read(safes).ok_or(None)?;
    for safe in inner.elements_mut() {
        if let Some(bags) = octets(safe) {
            *bags = Element::read(bags).ok_or(None)?.to_der();
        }
    }
    *safes = inner.to_der();
    let der = SecretSlice::from(file.to_der());
    Pkcs12Archive::from_pkcs12(der.expose_secret(), password).map_err(Some)
}

/// The data of a `ContentInfo`; `None` if it is encrypted or signed.
fn octets(content: &mut Element) -> Option<&mut Vec<u8>> {
    match content.elements_mut() {
        [_, Element::Group(CONTEXT, data)] => match &mut data[..] {
            [Element::Value(OCTETS, octets)] => Some(octets),
            _ => None,
        },
        _ => None,
    }
}

/// Why a file could not be opened: the error with its MAC, and the one without.
fn reason(
    first: &Error,
    then: Option<&Error>,
    has_mac: bool,
    password: Option<&SecretString>,
) -> InvalidCertificate {
    let is_wrong_password = |error: &Error| match error {
        Error::MacError(_) | Error::UnpadError | Error::InvalidPrivateKey => true,
        Error::Pkcs5Error(text) => text.contains("decryption failed"),
        _ => false,
    };
    let wrong_password = || match password.map(|password| password.expose_secret()) {
        None => InvalidCertificate::NoPassword,
        Some("") => InvalidCertificate::EmptyPassword,
        Some(_) => InvalidCertificate::Password,
    };
    let is_unsupported = |error: &Error| {
        matches!(
            error,
            Error::UnsupportedEncryptionScheme
                | Error::UnsupportedMacAlgorithm
                | Error::InvalidParameters
                | Error::Pkcs5Error(_)
        )
    };
    match (first, then) {
        (Error::UnsupportedContentType, _) => InvalidCertificate::NoPasswordMode,
        (Error::MacError(_), _) => wrong_password(),
        (_, Some(then)) if is_wrong_password(then) => wrong_password(),
        (_, Some(then)) if is_unsupported(then) => InvalidCertificate::Algorithm,
        // The MAC was correct, and so is the password.
        (Error::DerError(_), Some(_)) if has_mac => InvalidCertificate::Algorithm,
        (_, Some(_)) => InvalidCertificate::Contents,
        (first, None) if is_unsupported(first) => InvalidCertificate::Algorithm,
        (_, None) => InvalidCertificate::Damaged,
    }
}
