//! Network settings: which addresses may be used, which certification authorities are
//! trusted, and which proxy is used.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use rustls::{ClientConfig, pki_types::CertificateDer};
use rustls_platform_verifier::Verifier;
use thiserror::Error;

use super::{
    address_range::{AddressRange, AllowedAddresses},
    proxy::{Proxies, Proxy},
    target::Target,
};
use crate::encoding::{der, pem::Pem};

/// The network settings of a connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Network {
    allowed: AllowedAddresses,
    authorities: Vec<CertificateDer<'static>>,
    /// Why certificates of the user's file are not used.
    unusable: Vec<String>,
    proxies: Proxies,
    /// Read from the platform once for each connection.
    tls: OnceLock<Result<Arc<ClientConfig>, rustls::Error>>,
}

/// Why a file has no usable certificates.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InvalidCertificates {
    /// Not PEM.
    #[error("not PEM: {0}")]
    Pem(rustls::pki_types::pem::Error),
    /// The file has no certificate.
    #[error("the file has no certificate, in PEM (-----BEGIN CERTIFICATE-----) or DER")]
    Empty,
    /// A certificate that cannot be read.
    #[error("a certificate that cannot be used: {0}")]
    Unusable(rustls::Error),
}

impl Network {
    pub(super) fn allow(&mut self, addresses: Vec<AddressRange>) {
        self.allowed = AllowedAddresses::new(addresses);
    }

    /// Trusts the certificates of a file in PEM, or the one of a file in DER. If one cannot be
    /// used, the others are.
    pub(super) fn trust(&mut self, file: &[u8]) -> Result<(), InvalidCertificates> {
        let certificates: Vec<_> = match Pem::read(file) {
            Some(pem) => pem.certificates().collect(),
            None if der::is_certificate(file) => der::sequence(file)
                .map(|der| Ok(CertificateDer::from(der.to_vec())))
                .into_iter()
                .collect(),
            None => Vec::new(),
        };
        let mut authorities = Vec::new();
        let mut unusable = Vec::new();
        let mut last = InvalidCertificates::Empty;
        for (number, certificate) in (1..).zip(certificates) {
            match certificate
                .map_err(InvalidCertificates::Pem)
                .and_then(authority)
            {
                Ok(authority) => authorities.push(authority),
                Err(error) => {
                    unusable.push(format!("certificate {number} is not used: {error}"));
                    last = error;
                }
            }
        }
        if authorities.is_empty() {
            return Err(last);
        }
        self.authorities = authorities;
        self.unusable = unusable;
        self.tls = OnceLock::new();
        Ok(())
    }

    /// Why certificates of the user's file are not used, one text each.
    pub(super) fn unusable(&self) -> &[String] {
        &self.unusable
    }

    pub(super) fn set_proxies(&mut self, proxies: Proxies) {
        self.proxies = proxies;
    }

    /// The proxy for a target.
    pub(crate) fn proxy_for(&self, target: &Target) -> Option<&Proxy> {
        self.proxies.for_target(target)
    }

    /// The addresses that the user allows.
    pub(super) fn allowed(&self) -> &AllowedAddresses {
        &self.allowed
    }

    /// Whether the user allows this address.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        self.allowed.contains(address)
    }

    /// TLS 1.2 or newer, with the platform's trust store and the certificates that the user
    /// added.
    pub(crate) fn tls(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        let set_up = || {
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let authorities = self.authorities.iter().cloned();
            let verifier = Verifier::new_with_extra_roots(authorities, Arc::clone(&provider))?;
            let config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()?
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
                .with_no_client_auth();
            Ok(Arc::new(config))
        };
        self.tls.get_or_init(set_up).clone()
    }
}

/// A certificate, if TLS can use it as an authority.
fn authority(
    certificate: CertificateDer<'static>,
) -> Result<CertificateDer<'static>, InvalidCertificates> {
    let mut store = rustls::RootCertStore::empty();
    store
        .add(certificate.clone())
        .map_err(InvalidCertificates::Unusable)?;
    Ok(certificate)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused() {
        let mut network = Network::default();
        assert!(matches!(
            network.trust(b"nothing"),
            Err(InvalidCertificates::Empty)
        ));
        let rubbish = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(
            network.trust(rubbish),
            Err(InvalidCertificates::Unusable(_))
        ));
    }

    #[test]
    fn an_authority_is_pem_or_der() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut authority = rcgen::CertificateParams::default();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = authority.self_signed(&key).unwrap();
        let mut followed = authority.der().to_vec();
        followed.extend(b"\r\n");
        for file in [
            authority.pem().into_bytes(),
            format!("\u{feff}{}", authority.pem()).into_bytes(),
            authority.der().to_vec(),
            followed,
        ] {
            let mut network = Network::default();
            network.trust(&file).unwrap();
            assert_eq!(network.authorities, [authority.der().clone()]);
        }
    }

    /// A line of one certificate was lost, or its text was changed.
    #[test]
    fn an_unusable_certificate_is_skipped() {
        let key = rcgen::KeyPair::generate().unwrap();
        let whole = rcgen::CertificateParams::new(["ca.test".to_owned()]).unwrap();
        let whole = whole.self_signed(&key).unwrap().pem();
        let cut = whole.replacen("MII", "!!", 1).replacen("MIB", "!!", 1);
        let rubbish = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let endless = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        let bundle = format!("text\n{whole}{cut}\n{rubbish}{endless}{whole}");
        let mut network = Network::default();
        network.trust(bundle.as_bytes()).unwrap();
        assert_eq!(network.authorities.len(), 2);
        let numbers = ["certificate 2 ", "certificate 3 ", "certificate 4 "];
        assert_eq!(network.unusable().len(), numbers.len());
        for (text, number) in network.unusable().iter().zip(numbers) {
            assert!(text.starts_with(number), "{text}");
        }
    }
}
