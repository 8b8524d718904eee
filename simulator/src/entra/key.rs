//! A key that signs tokens, with the certificate under which it is published.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::certificate::thumbprint;

/// A key couldn't be created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key pair or its certificate couldn't be created.
    #[error("no key could be made")]
    Generation(#[from] rcgen::Error),
    /// The key pair can't sign tokens.
    #[error("the key that was made can't sign")]
    Unusable(#[from] jsonwebtoken::errors::Error),
}

/// An RSA key. It exists as long as the simulator and is never written to a file.
pub(crate) struct SigningKey {
    id: String,
    signing: EncodingKey,
    verifying: DecodingKey,
    modulus: String,
    exponent: String,
    certificate: String,
}

impl SigningKey {
    /// Creates a key, with a certificate for `name`.
    pub(crate) fn generate(name: &str) -> Result<Self, KeyError> {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        Self::new(name, &pair)
    }

    /// The same with an RSA key that exists, as PKCS#8 in PEM.
    pub(crate) fn from_pem(name: &str, pem: &str) -> Result<Self, KeyError> {
        let pair = KeyPair::from_pkcs8_pem_and_sign_algo(pem, &PKCS_RSA_SHA256)?;
        Self::new(name, &pair)
    }

    fn new(name: &str, pair: &KeyPair) -> Result<Self, KeyError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(pair)?;
        let signing = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes())?;
        let jwk = Jwk::from_encoding_key(&signing, Algorithm::RS256)?;
        let AlgorithmParameters::RSA(public) = &jwk.algorithm else {
            return Err(rcgen::Error::UnsupportedSignatureAlgorithm.into());
        };
        Ok(Self {
            id: thumbprint(certificate.der()),
            verifying: DecodingKey::from_jwk(&jwk)?,
            modulus: public.n.clone(),
            exponent: public.e.clone(),
            certificate: STANDARD.encode(certificate.der()),
            signing,
        })
    }

    pub(crate) fn sign(&self, claims: &impl Serialize) -> String {
        let mut header = Header::new(Algorithm::RS256);
        header.x5t = Some(self.id.clone());
        header.kid = Some(self.id.clone());
        // This key signed once when it was created, and claims are structs of texts and
        // numbers, which always serialize.
        jsonwebtoken::encode(&header, claims, &self.signing).unwrap_or_default()
    }

    /// The claims of a token that this key has signed with RS256. The claims themselves aren't
    /// checked.
    pub(crate) fn verify<T: DeserializeOwned>(
        &self,
        token: &str,
    ) -> Result<T, jsonwebtoken::errors::Error> {
        signed(token, &self.verifying, &[Algorithm::RS256])
    }

    /// The key in the format in which Entra ID publishes its keys.
    pub(crate) fn published(&self, issuer: &str) -> Value {
        json!({
            "kty": "RSA",
            "use": "sig",
            "kid": self.id,
            "x5t": self.id,
            "n": self.modulus,
            "e": self.exponent,
            "x5c": [self.certificate],
            "issuer": issuer,
        })
    }
}

/// The claims of a token after a check of only its signature: the times are the simulator's
/// own, not the system's.
pub(super) fn signed<T: DeserializeOwned>(
    token: &str,
    key: &DecodingKey,
    algorithms: &[Algorithm],
) -> Result<T, jsonwebtoken::errors::Error> {
    let validation = Validation {
        algorithms: algorithms.to_vec(),
        required_spec_claims: HashSet::new(),
        validate_exp: false,
        validate_aud: false,
        ..Validation::default()
    };
    jsonwebtoken::decode(token, key, &validation).map(|token| token.claims)
}
