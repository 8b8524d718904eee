//! PEM as tools write it: with a byte order mark, indented, in UTF-16, with text around the
//! sections, and with the older labels that OpenSSL accepts.

#[cfg(feature = "identity")]
use base64::{Engine as _, prelude::BASE64_STANDARD};
#[cfg(feature = "identity")]
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::{
    CertificateDer,
    pem::{self, PemObject},
};
use secrecy::{ExposeSecret, SecretString};

use super::{der, text};

/// What each section begins with.
const BEGIN: &str = "-----BEGIN ";

/// What the section of a certificate begins with.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";

/// Labels of a certificate besides `CERTIFICATE`. A trusted certificate has OpenSSL's trust
/// settings after it.
const OTHER_LABELS: [&str; 2] = ["X509 CERTIFICATE", "TRUSTED CERTIFICATE"];

/// The text of a PEM file, as its parser accepts it.
pub(crate) struct Pem(SecretString);

impl Pem {
    /// Reads a PEM file; `None` if the bytes have no section.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let text = text::decode(bytes).ok()?;
        if !text.expose_secret().contains(BEGIN) {
            return None;
        }
        // Enough for the whole text, so that no copy of a key is left behind.
        let mut plain = String::with_capacity(text.expose_secret().len() + 1);
        for line in text.expose_secret().split(['\r', '\n']) {
            let line = line.trim();
            let other = OTHER_LABELS
                .into_iter()
                .find(|label| line.starts_with("-----") && line.contains(label));
            match other {
                Some(label) => plain.push_str(&line.replace(label, "CERTIFICATE")),
                None => plain.push_str(line),
            }
            plain.push('\n');
        }
        Some(Self(SecretString::from(plain)))
    }

    /// The certificates, in the order of the file. One that is damaged does not hide the others.
    pub(crate) fn certificates(
        &self,
    ) -> impl Iterator<Item = Result<CertificateDer<'static>, pem::Error>> {
        let text = self.0.expose_secret();
        let begins: Vec<usize> = text.match_indices(CERTIFICATE).map(|(at, _)| at).collect();
        let ends = begins.iter().skip(1).copied().chain([text.len()]);
        let sections: Vec<(usize, usize)> = begins.iter().copied().zip(ends).collect();
        sections.into_iter().map(|(begin, end)| {
            let section = text.get(begin..end).unwrap_or_default();
            let section = CertificateDer::from_pem_slice(section.as_bytes())?;
            let certificate = der::sequence(&section).map(<[u8]>::to_vec);
            Ok(certificate.map_or(section, CertificateDer::from))
        })
    }

    /// The private keys that are not encrypted, in the order of the file.
    #[cfg(feature = "identity")]
    pub(crate) fn keys(&self) -> impl Iterator<Item = Result<PrivateKeyDer<'static>, pem::Error>> {
        PrivateKeyDer::pem_slice_iter(self.0.expose_secret().as_bytes())
    }

    /// The private keys that are encrypted (PKCS#8), still encrypted, in the order of the file;
    /// `None` for one that cannot be read.
    #[cfg(feature = "identity")]
    pub(crate) fn encrypted_keys(&self) -> impl Iterator<Item = Option<Vec<u8>>> {
        const BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
        const END: &str = "-----END ENCRYPTED PRIVATE KEY-----";
        self.0.expose_secret().split(BEGIN).skip(1).map(|section| {
            let (key, _) = section.split_once(END)?;
            BASE64_STANDARD.decode(key.replace('\n', "")).ok()
        })
    }

    /// The text.
    #[cfg(feature = "identity")]
    pub(crate) fn text(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SECTION: &str = "-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n";

    #[test]
    fn a_certificate_is_found_however_its_file_is_written() {
        let wide = format!("\u{feff}{SECTION}");
        let wide = wide.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for file in [
            SECTION.as_bytes().to_vec(),
            SECTION.replace('\n', "\r\n").into_bytes(),
            format!("\u{feff}{SECTION}").into_bytes(),
            SECTION.replace("-----B", "  -----B").into_bytes(),
            format!("Bag Attributes\n    friendlyName: app\n{SECTION}").into_bytes(),
            SECTION.replace("CERT", "X509 CERT").into_bytes(),
            SECTION.replace("CERT", "TRUSTED CERT").into_bytes(),
            SECTION.replace("MAMCAQU=", "MAMCAQUwAA==").into_bytes(),
            wide,
        ] {
            let pem = Pem::read(&file).unwrap();
            let certificates: Vec<_> = pem.certificates().map(Result::unwrap).collect();
            assert_eq!(certificates.len(), 1, "{file:?}");
            assert_eq!(&*certificates[0], [0x30, 3, 2, 1, 5], "{file:?}");
        }
        assert!(Pem::read(b"nothing").is_none());
    }
}
