//! An app registration's certificate. Entra ID accepts an assertion that is signed with
//! its key (Microsoft's documentation of certificate credentials): PS256, with the
//! certificate's SHA-256 thumbprint.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use azure_core::{
    error::{Error, ErrorKind},
    http::{ClientMethodOptions, Url},
};
use azure_identity::ClientAssertion;
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use thiserror::Error as ThisError;
use uuid::Uuid;

use super::app::App;

/// Lifetime of an assertion. Microsoft recommends 5 to 10 minutes.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// A certificate with its private key. Cannot be printed.
pub struct Certificate {
    key: EncodingKey,
    thumbprint: String,
}

/// Why a file is not a usable certificate for sign-in. The error never holds any of its
/// content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum InvalidCertificate {
    /// Neither PEM nor PKCS#12.
    #[error("neither PEM nor PKCS#12 (PFX)")]
    Format,
    /// PEM without a certificate.
    #[error("the file has a key but no certificate: put both into one file")]
    NoCertificate,
    /// There is no private key.
    #[error("the file has a certificate but no private key: put both into one file")]
    NoKey,
    /// An encrypted PEM key.
    #[error("the key is encrypted: use a PFX file with its password, or a key without one")]
    Encrypted,
    /// PKCS#12 with a different password.
    #[error("the PFX file cannot be opened: check its password")]
    Password,
    /// Entra ID accepts only RSA keys.
    #[error("the key is not RSA: Entra ID accepts only RSA keys")]
    NotRsa,
}

impl Certificate {
    /// Reads PEM (certificate and key in one file, in any order) or PKCS#12
    /// with this password.
    ///
    /// # Errors
    /// The format is neither, or the certificate or the key is missing.
    pub fn read(bytes: &[u8], password: Option<&SecretString>) -> Result<Self, InvalidCertificate> {
        match memchr::memmem::find(bytes, b"-----BEGIN ") {
            Some(_) => Self::from_pem(bytes),
            None => Self::from_pfx(bytes, password),
        }
    }

    fn from_pem(pem: &[u8]) -> Result<Self, InvalidCertificate> {
        if memchr::memmem::find(pem, b"-----BEGIN ENCRYPTED PRIVATE KEY-----").is_some()
            || memchr::memmem::find(pem, b"Proc-Type: 4,ENCRYPTED").is_some()
        {
            return Err(InvalidCertificate::Encrypted);
        }
        // In a chain, the app's own certificate is first.
        let certificate = CertificateDer::pem_slice_iter(pem)
            .next()
            .ok_or(InvalidCertificate::NoCertificate)?
            .map_err(|_| InvalidCertificate::Format)?;
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| InvalidCertificate::NoKey)?;
        let key = match &key {
            PrivateKeyDer::Pkcs1(key) => EncodingKey::from_rsa_der(key.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(key) => from_pkcs8(key.secret_pkcs8_der())?,
            _ => return Err(InvalidCertificate::NotRsa),
        };
        Self::new(&certificate, key)
    }

    fn from_pfx(pfx: &[u8], password: Option<&SecretString>) -> Result<Self, InvalidCertificate> {
        // PKCS#12 is one ASN.1 sequence.
        if pfx.first() != Some(&0x30) {
            return Err(InvalidCertificate::Format);
        }
        let password = password.map_or("", |password| password.expose_secret());
        let store = KeyStore::from_pkcs12(pfx, password, Pkcs12ImportPolicy::Relaxed)
            .map_err(|_| InvalidCertificate::Password)?;
        let (_, chain) = store.private_key_chain().ok_or(InvalidCertificate::NoKey)?;
        let certificate = chain
            .certs()
            .first()
            .ok_or(InvalidCertificate::NoCertificate)?;
        Self::new(certificate.as_der(), from_pkcs8(chain.key().as_der())?)
    }

    fn new(certificate: &[u8], key: EncodingKey) -> Result<Self, InvalidCertificate> {
        let certificate = Self {
            key,
            thumbprint: BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(certificate)),
        };
        // Sign once now, so that an unsuitable key is reported before the first
        // sign-in.
        let trial = certificate.sign(&Claims::default());
        trial.map_err(|_| InvalidCertificate::NotRsa)?;
        Ok(certificate)
    }

    fn sign(&self, claims: &Claims<'_>) -> jsonwebtoken::errors::Result<String> {
        let mut header = Header::new(Algorithm::PS256);
        header.x5t_s256 = Some(self.thumbprint.clone());
        jsonwebtoken::encode(&header, claims, &self.key)
    }

    /// The assertions for this app.
    pub(super) fn assertions(self: &Arc<Self>, app: &App, audience: Url) -> Assertions {
        Assertions {
            certificate: Arc::clone(self),
            client_id: app.client_id.clone(),
            audience,
        }
    }
}

/// The library accepts PKCS#8 only as PEM.
fn from_pkcs8(key: &[u8]) -> Result<EncodingKey, InvalidCertificate> {
    let text = SecretString::from(BASE64_STANDARD.encode(key));
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    for line in text.expose_secret().as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    let pem = SecretString::from(pem);
    EncodingKey::from_rsa_pem(pem.expose_secret().as_bytes())
        .map_err(|_| InvalidCertificate::NotRsa)
}

impl fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Certificate({})", self.thumbprint)
    }
}

#[derive(Debug, Default, Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    iat: u64,
    nbf: u64,
    exp: u64,
}

/// Signs a new assertion for each sign-in.
pub(super) struct Assertions {
    certificate: Arc<Certificate>,
    client_id: String,
    audience: Url,
}

#[async_trait]
impl ClientAssertion for Assertions {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs();
        let claims = Claims {
            aud: self.audience.as_str(),
            iss: &self.client_id,
            sub: &self.client_id,
            jti: Uuid::new_v4().to_string(),
            iat: now,
            nbf: now,
            exp: now + ASSERTION_LIFETIME.as_secs(),
        };
        let signed = self.certificate.sign(&claims);
        signed.map_err(|_| Error::with_message(ErrorKind::Credential, "the key does not sign"))
    }
}

impl fmt::Debug for Assertions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Assertions").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};

    use super::*;

    fn pair(rsa: bool) -> (rcgen::Certificate, KeyPair) {
        let key = if rsa {
            KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap()
        } else {
            KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
        };
        let certificate = CertificateParams::new(vec!["app.test".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        (certificate, key)
    }

    #[tokio::test]
    async fn an_assertion_is_signed_with_the_certificate_s_key() {
        let (certificate, key) = pair(true);
        let app = App {
            tenant: "contoso.test".to_owned(),
            client_id: "app".to_owned(),
        };
        let audience = "https://login.example.test/contoso.test/oauth2/v2.0/token";
        for pem in [
            certificate.pem() + &key.serialize_pem(),
            key.serialize_pem() + &certificate.pem(),
        ] {
            let read = Arc::new(Certificate::read(pem.as_bytes(), None).unwrap());
            let assertions = read.assertions(&app, audience.parse().unwrap());
            let first = assertions.secret(None).await.unwrap();
            assert_ne!(first, assertions.secret(None).await.unwrap());
            let header = decode_header(&first).unwrap();
            let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(certificate.der()));
            assert_eq!(header.x5t_s256, Some(thumbprint));
            let mut validation = Validation::new(Algorithm::PS256);
            validation.set_audience(&[audience]);
            validation.set_issuer(&["app"]);
            validation.sub = Some("app".to_owned());
            let public = DecodingKey::from_rsa_pem(key.public_key_pem().as_bytes()).unwrap();
            let claims = decode::<serde_json::Value>(&first, &public, &validation)
                .unwrap()
                .claims;
            let life = claims["exp"].as_u64().unwrap() - claims["nbf"].as_u64().unwrap();
            assert_eq!(life, ASSERTION_LIFETIME.as_secs());
            assert!(!format!("{read:?} {assertions:?}").contains("PRIVATE"));
        }
    }

    #[test]
    fn unusable_certificates_have_distinct_errors() {
        let (certificate, key) = pair(true);
        let (elliptic, elliptic_key) = pair(false);
        let encrypted =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        for (bytes, error) in [
            (certificate.pem(), InvalidCertificate::NoKey),
            (key.serialize_pem(), InvalidCertificate::NoCertificate),
            (certificate.pem() + encrypted, InvalidCertificate::Encrypted),
            (
                elliptic.pem() + &elliptic_key.serialize_pem(),
                InvalidCertificate::NotRsa,
            ),
            ("nothing".to_owned(), InvalidCertificate::Format),
            ("0nothing".to_owned(), InvalidCertificate::Password),
        ] {
            let refused = Certificate::read(bytes.as_bytes(), None).unwrap_err();
            assert_eq!(refused, error);
        }
    }

    #[test]
    fn a_pfx_file_needs_its_password() {
        let (certificate, key) = pair(true);
        let mut store = KeyStore::new();
        let chain = p12_keystore::PrivateKeyChain::new(
            "1",
            p12_keystore::PrivateKey::from_der(&key.serialize_der()).unwrap(),
            [p12_keystore::Certificate::from_der(certificate.der()).unwrap()],
        );
        store.add_entry("app", p12_keystore::KeyStoreEntry::PrivateKeyChain(chain));
        let pfx = store.writer("hunter2").write().unwrap();
        let password = |text: &str| SecretString::from(text);
        let read = Certificate::read(&pfx, Some(&password("hunter2"))).unwrap();
        let pem = certificate.pem() + &key.serialize_pem();
        let same = Certificate::read(pem.as_bytes(), None).unwrap();
        assert_eq!(read.thumbprint, same.thumbprint);
        for wrong in [None, Some(password("other"))] {
            assert_eq!(
                Certificate::read(&pfx, wrong.as_ref()).unwrap_err(),
                InvalidCertificate::Password
            );
        }
    }
}
