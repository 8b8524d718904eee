//! The certificates with which an application may sign in.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, Header};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};

/// Why a certificate can't be registered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The text has no certificate.
    #[error("the text has no certificate in PEM form")]
    Pem(#[from] pem::Error),
    /// Its key isn't RSA. Entra ID accepts only RSA keys.
    #[error("the certificate's key isn't an RSA key")]
    NotRsa(#[from] jsonwebtoken::errors::Error),
}

/// A certificate that is registered for the application.
pub(super) struct ClientCertificate {
    sha1: String,
    sha256: String,
    pub(super) key: DecodingKey,
}

impl ClientCertificate {
    /// The first certificate of a PEM text. Other blocks are ignored.
    pub(super) fn from_pem(text: &str) -> Result<Self, CertificateError> {
        let certificate = CertificateDer::from_pem_slice(text.as_bytes())?;
        let alone = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            STANDARD.encode(&certificate)
        );
        Ok(Self {
            sha1: thumbprint(&certificate),
            sha256: URL_SAFE_NO_PAD.encode(digest(&SHA256, &certificate)),
            key: DecodingKey::from_rsa_pem(alone.as_bytes())?,
        })
    }

    /// Whether the header of an assertion names this certificate. If it has both thumbprints,
    /// the stronger one is used.
    pub(super) fn is_named_by(&self, header: &Header) -> bool {
        match (&header.x5t_s256, &header.x5t) {
            (Some(sha256), _) => same(sha256, &self.sha256),
            (None, Some(sha1)) => same(sha1, &self.sha1),
            (None, None) => false,
        }
    }
}

/// Compares thumbprints. Some libraries keep the padding.
fn same(named: &str, thumbprint: &str) -> bool {
    named.trim_end_matches('=') == thumbprint
}

/// The `x5t` of a certificate.
pub(super) fn thumbprint(certificate: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use jsonwebtoken::Algorithm;
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};

    use super::*;

    fn certificate(algorithm: &'static rcgen::SignatureAlgorithm) -> (String, String) {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let certificate = CertificateParams::default().self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn the_certificate_is_found_beside_its_key() {
        let (certificate, key) = certificate(&PKCS_RSA_SHA256);
        let alone = ClientCertificate::from_pem(&certificate).unwrap();
        let both = ClientCertificate::from_pem(&format!("{key}{certificate}")).unwrap();
        assert_eq!(alone.sha256, both.sha256);
        assert!(matches!(
            ClientCertificate::from_pem(&key),
            Err(CertificateError::Pem(_))
        ));
    }

    #[test]
    fn only_rsa_is_taken() {
        let (certificate, _) = certificate(&PKCS_ECDSA_P256_SHA256);
        assert!(matches!(
            ClientCertificate::from_pem(&certificate),
            Err(CertificateError::NotRsa(_))
        ));
    }

    #[test]
    fn it_is_named_by_either_thumbprint() {
        let (pem, _) = certificate(&PKCS_RSA_SHA256);
        let certificate = ClientCertificate::from_pem(&pem).unwrap();
        let named = |sha1: Option<&str>, sha256: Option<&str>| {
            let mut header = Header::new(Algorithm::PS256);
            header.x5t = sha1.map(String::from);
            header.x5t_s256 = sha256.map(String::from);
            certificate.is_named_by(&header)
        };
        let padded = format!("{}=", certificate.sha1);
        assert!(named(Some(&certificate.sha1), None));
        assert!(named(Some(&padded), None));
        assert!(named(None, Some(&certificate.sha256)));
        assert!(named(Some("x"), Some(&certificate.sha256)));
        assert!(!named(Some(&certificate.sha1), Some("x")));
        assert!(!named(Some("x"), None));
        assert!(!named(None, None));
    }
}
