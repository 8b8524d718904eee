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
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, crypto};
use secrecy::SecretString;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    app::App,
    certificate_file::{InvalidCertificate, Parts},
};
use crate::encoding::asn1;

/// Lifetime of an assertion. Microsoft recommends 5 to 10 minutes.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// A certificate with its private key. Cannot be printed.
pub struct Certificate {
    key: EncodingKey,
    thumbprint: String,
}

impl Certificate {
    /// Reads PEM, PKCS#12 (PFX) with this password, or either of them in Base64. Certificates
    /// and keys may be in any order, with certificates of authorities among them: the
    /// certificate is the one that belongs to a key.
    ///
    /// # Errors
    /// The format is unknown, the password is wrong, or no certificate belongs to a key.
    pub fn read(bytes: &[u8], password: Option<&SecretString>) -> Result<Self, InvalidCertificate> {
        let Parts { certificates, keys } = Parts::read(bytes, password)?;
        if keys.is_empty() && certificates.is_empty() {
            return Err(InvalidCertificate::Pem);
        }
        if keys.is_empty() {
            return Err(InvalidCertificate::NoKey);
        }
        if certificates.is_empty() {
            return Err(InvalidCertificate::NoCertificate);
        }
        let mut is_usable = false;
        for key in keys {
            // Sign once now, so that an unsuitable key is reported before the first sign-in.
            let Some(signature) = key.encoding().and_then(|key| {
                let signature = crypto::sign(TRIAL, &key, Algorithm::PS256).ok()?;
                Some((key, signature))
            }) else {
                continue;
            };
            is_usable = true;
            let (key, signature) = signature;
            let is_own = |certificate: &&Vec<u8>| verifies(certificate, &signature);
            if let Some(certificate) = certificates.iter().find(is_own) {
                return Ok(Self {
                    key,
                    thumbprint: BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(certificate)),
                });
            }
        }
        Err(if is_usable {
            InvalidCertificate::OtherKey
        } else {
            InvalidCertificate::NotRsa
        })
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

/// What is signed to find the certificate of a key.
const TRIAL: &[u8] = b"offboard";

/// Whether the public key of a certificate verifies the trial signature.
fn verifies(certificate: &[u8], signature: &str) -> bool {
    asn1::public_key(certificate).is_some_and(|key| {
        let key = DecodingKey::from_rsa_der(&key);
        crypto::verify(signature, TRIAL, &key, Algorithm::PS256).unwrap_or(false)
    })
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
#[path = "certificate_tests.rs"]
mod tests;
