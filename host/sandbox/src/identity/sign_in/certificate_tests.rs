#![allow(clippy::unwrap_used)]
use base64::prelude::BASE64_STANDARD;
use jsonwebtoken::{Validation, decode, decode_header};
use p12_keystore::{
    EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKey, PrivateKeyChain,
};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};

use super::*;
use crate::encoding::asn1::{Element, tests::to_ber};

/// Files of real tools; the password is the one of [`PASSWORD`].
const BER: &[u8] = include_bytes!("samples/ber.pfx");
const PBMAC1: &[u8] = include_bytes!("samples/pbmac1.pfx");
const RC2: &[u8] = include_bytes!("samples/rc2.pfx");
const DES: &[u8] = include_bytes!("samples/des.pfx");
const PASSWORD: &str = "Passw0rd!";

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

fn password(text: &str) -> SecretString {
    SecretString::from(text)
}

fn thumbprint(certificate: &rcgen::Certificate) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(certificate.der()))
}

/// The thumbprint of the certificate in a file.
#[track_caller]
fn found(file: impl AsRef<[u8]>, text: Option<&str>) -> String {
    let read = Certificate::read(file.as_ref(), text.map(password).as_ref());
    read.unwrap().thumbprint
}

#[track_caller]
fn refused(file: impl AsRef<[u8]>, text: Option<&str>) -> InvalidCertificate {
    let read = Certificate::read(file.as_ref(), text.map(password).as_ref());
    read.unwrap_err()
}

fn pfx(certificate: &rcgen::Certificate, key: &KeyPair, text: &str) -> Vec<u8> {
    let certificates = [p12_keystore::Certificate::from_der(certificate.der()).unwrap()];
    let chain = PrivateKeyChain::new(
        "1",
        PrivateKey::from_der(&key.serialize_der()).unwrap(),
        certificates,
    );
    let mut store = KeyStore::new();
    store.add_entry("app", KeyStoreEntry::PrivateKeyChain(chain));
    store
        .writer(text)
        .encryption_algorithm(EncryptionAlgorithm::PbeWithHmacSha256AndAes256)
        .mac_algorithm(MacAlgorithm::HmacSha256)
        // Few, because tests are not optimised.
        .encryption_iterations(100)
        .mac_iterations(100)
        .write()
        .unwrap()
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
        assert_eq!(header.x5t_s256, Some(thumbprint(&certificate)));
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
fn the_certificate_is_the_one_of_the_key_wherever_it_is() {
    let (own, key) = pair(true);
    let (other, other_key) = pair(true);
    let (elliptic, elliptic_key) = pair(false);
    let (own_pem, key_pem) = (own.pem(), key.serialize_pem());
    let broken = "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n".to_owned();
    for parts in [
        [&key_pem, &other.pem(), &elliptic.pem(), &own_pem],
        [&other.pem(), &own_pem, &key_pem, &elliptic.pem()],
        [
            &elliptic_key.serialize_pem(),
            &own_pem,
            &key_pem,
            &other.pem(),
        ],
        [
            &other_key.serialize_pem(),
            &key_pem,
            &elliptic.pem(),
            &own_pem,
        ],
        [&broken, &key_pem, &own_pem, &broken],
    ] {
        let pem: String = parts.into_iter().map(String::as_str).collect();
        assert_eq!(found(&pem, None), thumbprint(&own), "{pem}");
    }
    let mismatched = other.pem() + &key_pem;
    assert_eq!(refused(mismatched, None), InvalidCertificate::OtherKey);
}

#[test]
fn unusable_certificates_have_distinct_errors() {
    let (certificate, key) = pair(true);
    let (elliptic, elliptic_key) = pair(false);
    let encrypted = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n";
    let broken = "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n";
    for (bytes, error) in [
        (certificate.pem().into_bytes(), InvalidCertificate::NoKey),
        (certificate.der().to_vec(), InvalidCertificate::NoKey),
        (
            key.serialize_pem().into_bytes(),
            InvalidCertificate::NoCertificate,
        ),
        (key.serialize_der(), InvalidCertificate::NoCertificate),
        (
            (certificate.pem() + encrypted).into_bytes(),
            InvalidCertificate::Encrypted,
        ),
        (
            (broken.to_owned() + &key.serialize_pem()).into_bytes(),
            InvalidCertificate::Pem,
        ),
        (
            (elliptic.pem() + &elliptic_key.serialize_pem()).into_bytes(),
            InvalidCertificate::NotRsa,
        ),
        (b"nothing".to_vec(), InvalidCertificate::Format),
        (b"0nothing".to_vec(), InvalidCertificate::Damaged),
    ] {
        assert_eq!(refused(&bytes, None), error, "{bytes:?}");
    }
}

#[test]
fn a_pfx_file_needs_its_password() {
    let (certificate, key) = pair(true);
    let file = pfx(&certificate, &key, "hunter2");
    assert_eq!(found(&file, Some("hunter2")), thumbprint(&certificate));
    assert_eq!(refused(&file, Some("other")), InvalidCertificate::Password);
    assert_eq!(refused(&file, Some("")), InvalidCertificate::EmptyPassword);
    assert_eq!(refused(&file, None), InvalidCertificate::NoPassword);
    let open = pfx(&certificate, &key, "");
    for text in [None, Some("")] {
        assert_eq!(found(&open, text), thumbprint(&certificate));
    }
    let half = &file[..file.len() / 2];
    assert_eq!(refused(half, Some("hunter2")), InvalidCertificate::Damaged);
}

/// OpenSSL reads all of them.
#[test]
fn a_pfx_file_is_read_in_every_encoding() {
    let (certificate, key) = pair(true);
    let file = pfx(&certificate, &key, "hunter2");
    let followed = [&file[..], b"\r\n"].concat();
    let base64 = BASE64_STANDARD.encode(&file);
    let lines = base64.as_bytes().chunks(76);
    let lines: Vec<_> = lines.map(String::from_utf8_lossy).collect();
    let ber = to_ber(&Element::read(&file).unwrap());
    for file in [
        followed,
        base64.clone().into_bytes(),
        format!("\u{feff}\"{base64}\"\n").into_bytes(),
        lines.join("\r\n").into_bytes(),
        ber,
    ] {
        assert_eq!(found(&file, Some("hunter2")), thumbprint(&certificate));
    }
    for file in [BER, PBMAC1] {
        Certificate::read(file, Some(&password(PASSWORD))).unwrap();
        let wrong = refused(file, Some("other"));
        assert_eq!(wrong, InvalidCertificate::Password);
    }
}

#[test]
fn an_old_encryption_is_not_reported_as_a_wrong_password() {
    for file in [RC2, DES] {
        let error = refused(file, Some(PASSWORD));
        assert_eq!(error, InvalidCertificate::Algorithm);
        let wrong = refused(file, Some("other"));
        assert_eq!(wrong, InvalidCertificate::Password);
    }
}

/// All parts of the file are BER, as NSS writes them. Its MAC is left out: it would be of the
/// BER.
#[test]
fn a_pfx_file_with_contents_in_ber_is_read() {
    let (certificate, key) = pair(true);
    let file = pfx(&certificate, &key, "hunter2");
    let mut file = Element::read(&file).unwrap();
    let content = &mut file.elements_mut()[1].elements_mut()[1].elements_mut()[0];
    let Element::Value(_, octets) = content else {
        panic!("another structure");
    };
    *octets = to_ber(&Element::read(octets).unwrap());
    if let Element::Group(_, parts) = &mut file {
        parts.truncate(2);
    }
    let text = Some("hunter2");
    assert_eq!(found(to_ber(&file), text), thumbprint(&certificate));
}

#[test]
fn a_key_with_a_password_is_decrypted() {
    let (certificate, key) = pair(true);
    // The encrypted key of a PFX file is the same as the one of a PEM file.
    let file = pfx(&certificate, &key, "hunter2");
    let encrypted = encrypted_key(&Element::read(&file).unwrap()).unwrap();
    let base64 = BASE64_STANDARD.encode(encrypted.to_der());
    let pem = format!(
        "{}-----BEGIN ENCRYPTED PRIVATE KEY-----\n{base64}\n-----END ENCRYPTED PRIVATE KEY-----\n",
        certificate.pem()
    );
    assert_eq!(found(&pem, Some("hunter2")), thumbprint(&certificate));
    let wrong = refused(&pem, Some("other"));
    assert_eq!(wrong, InvalidCertificate::KeyPassword);
    assert_eq!(refused(&pem, None), InvalidCertificate::NoPassword);
    assert_eq!(refused(&pem, Some("")), InvalidCertificate::EmptyPassword);
}

/// The shrouded key in a PFX file.
fn encrypted_key(element: &Element) -> Option<Element> {
    if let Element::Value(0x04, octets) = element {
        return encrypted_key(&Element::read(octets)?);
    }
    if let [Element::Value(0x06, bag), value, ..] = element.elements()
        && bag.ends_with(&[12, 10, 1, 2])
    {
        return value.elements().first().cloned();
    }
    element.elements().iter().find_map(encrypted_key)
}
