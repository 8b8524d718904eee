//! An assertion of another identity provider, in a file as Kubernetes and pipelines write it.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::Path,
};

use async_trait::async_trait;
use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde_json::Value;
use thiserror::Error;

use crate::{encoding::text::secret_text, identity::sign_in_error::SignInError, mask};

/// Longer than any assertion, in bytes.
const MAX_ASSERTION: u64 = 64 * 1024;

/// Why a file has no assertion. The error never holds any of its content.
#[derive(Debug, Error)]
enum InvalidAssertion {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("it is longer than {MAX_ASSERTION} bytes")]
    TooLong,
    #[error("it is not text")]
    NoText,
    #[error("it is empty")]
    Empty,
    #[error("it has several words: it must have only the assertion, which is one JWT")]
    Words,
    #[error("it is not a JWT: an assertion has three parts in Base64, with a dot between them")]
    NotJwt,
}

/// An assertion that was read for one sign-in. Cannot be printed.
pub(super) struct Assertion(SecretString);

impl Assertion {
    /// Reads the file. It is checked now: Entra ID does not report what is wrong with an
    /// assertion that it cannot read.
    pub(super) async fn read(path: &Path) -> Result<Self, SignInError> {
        let failed = |reason: String| {
            SignInError::Setup(format!(
                "the federated assertion {}: {reason}",
                mask::secret_path(path)
            ))
        };
        // On a blocking thread, because reading a pipe may block.
        let file = path.to_owned();
        let read = tokio::task::spawn_blocking(move || read(&file)).await;
        let read = read.map_err(|error| failed(error.to_string()))?;
        read.map(Self).map_err(|error| failed(error.to_string()))
    }
}

fn read(path: &Path) -> Result<SecretString, InvalidAssertion> {
    let mut bytes = Vec::new();
    let file = File::open(path)?.take(MAX_ASSERTION + 1);
    let read = { file }.read_to_end(&mut bytes);
    let bytes = SecretSlice::from(bytes);
    if read? as u64 > MAX_ASSERTION {
        return Err(InvalidAssertion::TooLong);
    }
    let text = secret_text(bytes.expose_secret()).map_err(|_| InvalidAssertion::NoText)?;
    check(text.expose_secret())?;
    Ok(text)
}

/// Whether a text is one JWT (RFC 7519) with a signature.
fn check(text: &str) -> Result<(), InvalidAssertion> {
    let is_object = |part: &str| {
        let json = BASE64_URL_SAFE_NO_PAD.decode(part).ok();
        let value = json.and_then(|json| serde_json::from_slice(&json).ok());
        matches!(value, Some(Value::Object(_)))
    };
    if text.is_empty() {
        return Err(InvalidAssertion::Empty);
    }
    if text.contains(char::is_whitespace) {
        return Err(InvalidAssertion::Words);
    }
    match text.split('.').collect::<Vec<_>>()[..] {
        [header, claims, signature]
            if is_object(header)
                && is_object(claims)
                && !signature.is_empty()
                && BASE64_URL_SAFE_NO_PAD.decode(signature).is_ok() =>
        {
            Ok(())
        }
        _ => Err(InvalidAssertion::NotJwt),
    }
}

#[async_trait]
impl ClientAssertion for Assertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        Ok(self.0.expose_secret().to_owned())
    }
}

impl fmt::Debug for Assertion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Assertion").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// `{"alg":"RS256"}`, `{}` and a signature.
    const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln";

    async fn read(bytes: &[u8]) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("assertion");
        std::fs::write(&path, bytes).unwrap();
        let read = Assertion::read(&path).await;
        let read = read.map(|assertion| assertion.0.expose_secret().to_owned());
        read.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn what_surrounds_an_assertion_is_not_sent() {
        let wide = format!("\u{feff}{JWT}\r\n");
        let wide: Vec<u8> = wide.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [
            JWT.as_bytes().to_vec(),
            format!("{JWT}\n").into_bytes(),
            format!("\u{feff} {JWT}\r\n\r\n").into_bytes(),
            wide,
        ] {
            assert_eq!(read(&bytes).await.as_deref(), Ok(JWT));
        }
    }

    #[tokio::test]
    async fn a_file_without_one_assertion_is_refused_and_not_shown() {
        let bearer = format!("Bearer {JWT}");
        let json = format!("{{\"value\":\"{JWT}\"}}");
        for (text, reason) in [
            ("", "it is empty"),
            ("\u{feff}\n", "it is empty"),
            (&*format!("{JWT}\n{JWT}"), "several words"),
            (&bearer, "several words"),
            (&json, "not a JWT"),
            ("eyJhbGciOiJSUzI1NiJ9.e30", "not a JWT"),
            ("eyJhbGciOiJSUzI1NiJ9.e30.", "not a JWT"),
            ("a.b.c", "not a JWT"),
        ] {
            let error = read(text.as_bytes()).await.unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(!error.contains("eyJ"), "{error}");
        }
        assert!(read(&[0xff, 0]).await.unwrap_err().contains("not text"));
        let missing = Assertion::read(Path::new("/missing/assertion")).await;
        assert!(missing.unwrap_err().to_string().contains("cannot be read"));
    }
}
