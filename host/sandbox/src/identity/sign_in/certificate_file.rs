//! The certificates and keys in a file, whatever its format is.

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use jsonwebtoken::EncodingKey;
use rustls::pki_types::PrivateKeyDer;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use thiserror::Error;

use super::pfx;
use crate::encoding::{
    asn1::{Element, INTEGER, OBJECT},
    der::{self, SEQUENCE},
    pem::Pem,
    text,
};

/// Why a file is not a usable certificate for sign-in. The error never holds any of its
/// content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidCertificate {
    /// Neither PEM nor PKCS#12.
    #[error("neither PEM nor PKCS#12 (PFX)")]
    Format,
    /// A section of a PEM file cannot be read.
    #[error("a section of the PEM file is damaged, incomplete or of an unknown kind")]
    Pem,
    /// There is no certificate.
    #[error("the file has a key but no certificate, and both are needed")]
    NoCertificate,
    /// There is no private key.
    #[error("the file has a certificate but no private key, and both are needed")]
    NoKey,
    /// No certificate has the public key of a private key.
    #[error("no certificate in the file belongs to its private key")]
    OtherKey,
    /// An encrypted PEM key in OpenSSL's own format.
    #[error("the key is encrypted in a way that is not supported")]
    Encrypted,
    /// The file or the key is encrypted, and no password is configured.
    #[error("the file is protected by a password, and no password is configured")]
    NoPassword,
    /// The file or the key is encrypted, and the configured password is empty.
    #[error("the file is protected by a password, and the configured password is empty")]
    EmptyPassword,
    /// PKCS#12 with a different password.
    #[error(
        "the PFX file cannot be opened with this password (white space at its ends is not used)"
    )]
    Password,
    /// An encrypted PEM key with a different password.
    #[error("the key cannot be decrypted with this password")]
    KeyPassword,
    /// PKCS#12 that is damaged, or is not one.
    #[error("the PFX file is damaged or incomplete")]
    Damaged,
    /// The PKCS#12 file is encrypted by a method that is not supported, or its encrypted contents
    /// are BER.
    #[error("the PFX file uses an encryption or an encoding that is not supported")]
    Algorithm,
    /// The encrypted contents of the PKCS#12 file are not DER, and its MAC was not checked.
    #[error(
        "the contents of the PFX file cannot be read: either they are encoded in BER, or the \
         password is wrong"
    )]
    Contents,
    /// The PKCS#12 file is protected by a key instead of a password.
    #[error("the PFX file is protected by a key instead of a password")]
    NoPasswordMode,
    /// Entra ID accepts only RSA keys.
    #[error("the key is not RSA with 2048 bits or more: Entra ID accepts only such keys")]
    NotRsa,
}

/// A private key in the form of its file.
pub(super) enum Key {
    /// RSA in PKCS#1.
    Pkcs1(SecretSlice<u8>),
    /// PKCS#8.
    Pkcs8(SecretSlice<u8>),
    /// A kind of key that Entra ID does not accept.
    Other,
}

impl Key {
    /// The key for signing; `None` if it is not RSA.
    pub(super) fn encoding(&self) -> Option<EncodingKey> {
        match self {
            Self::Pkcs1(key) => Some(EncodingKey::from_rsa_der(key.expose_secret())),
            Self::Pkcs8(key) => from_pkcs8(key.expose_secret()),
            Self::Other => None,
        }
    }
}

/// The library accepts PKCS#8 only as PEM.
fn from_pkcs8(key: &[u8]) -> Option<EncodingKey> {
    let text = SecretString::from(BASE64_STANDARD.encode(key));
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    for line in text.expose_secret().as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    let pem = SecretString::from(pem);
    EncodingKey::from_rsa_pem(pem.expose_secret().as_bytes()).ok()
}

/// The certificates and the private keys of a file, in its order.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) certificates: Vec<Vec<u8>>,
    pub(super) keys: Vec<Key>,
}

impl Parts {
    /// Reads a file.
    pub(super) fn read(
        bytes: &[u8],
        password: Option<&SecretString>,
    ) -> Result<Self, InvalidCertificate> {
        if let Some(plain) = from_base64(bytes) {
            return Self::read_plain(plain.expose_secret(), password);
        }
        Self::read_plain(bytes, password)
    }

    fn read_plain(
        bytes: &[u8],
        password: Option<&SecretString>,
    ) -> Result<Self, InvalidCertificate> {
        if let Some(pem) = Pem::read(bytes) {
            return Self::from_pem(&pem, password);
        }
        if bytes.first() != Some(&SEQUENCE) {
            return Err(InvalidCertificate::Format);
        }
        let file = Element::read(bytes).ok_or(InvalidCertificate::Damaged)?;
        match file.elements() {
            _ if der::is_certificate(bytes) => Err(InvalidCertificate::NoKey),
            [
                Element::Value(INTEGER, version),
                Element::Group(SEQUENCE, content),
                ..,
            ] if version == &[pfx::VERSION]
                && matches!(content[..], [Element::Value(OBJECT, _), _]) =>
            {
                pfx::read(file, password)
            }
            // PKCS#1, PKCS#8, and its encrypted form.
            [Element::Value(INTEGER, _), ..]
            | [Element::Group(SEQUENCE, _), Element::Value(..)] => {
                Err(InvalidCertificate::NoCertificate)
            }
            // PKCS#7.
            [Element::Value(OBJECT, _), _] => Err(InvalidCertificate::NoKey),
            _ => Err(InvalidCertificate::Format),
        }
    }

    fn from_pem(pem: &Pem, password: Option<&SecretString>) -> Result<Self, InvalidCertificate> {
        if pem.text().contains("Proc-Type: 4,ENCRYPTED") {
            return Err(InvalidCertificate::Encrypted);
        }
        let mut parts = Self::default();
        // The certificate of an authority may be damaged.
        let certificates = pem.certificates().flatten();
        parts.certificates = certificates.map(|one| one.to_vec()).collect();
        for key in pem.keys().flatten() {
            let key = match key {
                PrivateKeyDer::Pkcs1(key) => {
                    Key::Pkcs1(SecretSlice::from(key.secret_pkcs1_der().to_vec()))
                }
                PrivateKeyDer::Pkcs8(key) => {
                    Key::Pkcs8(SecretSlice::from(key.secret_pkcs8_der().to_vec()))
                }
                _ => Key::Other,
            };
            parts.keys.push(key);
        }
        for key in pem.encrypted_keys() {
            let key = key.ok_or(InvalidCertificate::Pem)?;
            parts.keys.push(pfx::decrypt_key(&key, password)?);
        }
        let is_damaged = pem.certificates().any(|one| one.is_err());
        if is_damaged && (parts.certificates.is_empty() || parts.keys.is_empty()) {
            return Err(InvalidCertificate::Pem);
        }
        Ok(parts)
    }
}

/// The bytes of a file in Base64, as a secret store returns a certificate: on one line or
/// several, and possibly as a JSON string. `None` if the file is not Base64.
fn from_base64(bytes: &[u8]) -> Option<SecretSlice<u8>> {
    let text = text::secret_text(bytes).ok()?;
    let text = text.expose_secret();
    let text = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text);
    let mut joined = String::with_capacity(text.len());
    joined.extend(text.split_whitespace());
    let joined = SecretString::from(joined);
    let plain = joined.expose_secret().trim_end_matches('=');
    let plain = plain.replace('+', "-").replace('/', "_");
    let plain = SecretString::from(plain);
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(plain.expose_secret()).ok()?;
    let decoded = SecretSlice::from(decoded);
    // Any word is Base64.
    let is_file = decoded.expose_secret().first() == Some(&SEQUENCE)
        || Pem::read(decoded.expose_secret()).is_some();
    is_file.then_some(decoded)
}
