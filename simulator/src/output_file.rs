//! The files that the command writes: an existing file is replaced only if a simulator wrote
//! it, or with `--force`. A file is never incomplete, and only its owner can read it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::config::Config;
use crate::tls::AUTHORITY_NAME;

/// The longest file that can be one of a simulator, in bytes.
const MAX_OWN: u64 = 64 * 1024;

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputFileError {
    /// It exists, and a simulator did not write it.
    #[error("the file exists, and is not a file of a simulator")]
    Exists,
    /// Its folder does not exist.
    #[error("the folder does not exist")]
    NoFolder,
    /// It cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes a file. With `force`, any existing file is replaced.
///
/// # Errors
/// The file is not replaced, or cannot be written.
pub(crate) fn write(path: &Path, content: &[u8], force: bool) -> Result<(), OutputFileError> {
    let existing = match fs::symlink_metadata(path) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    if fs::metadata(path).is_ok_and(|target| !target.is_file() && !target.is_dir()) {
        // A device or a pipe has no content to lose, and cannot be replaced.
        OpenOptions::new()
            .write(true)
            .open(path)?
            .write_all(content)?;
        return Ok(());
    }
    let replaces = existing.is_some();
    let may_replace = |metadata: &fs::Metadata| force || (metadata.is_file() && is_own(path));
    if existing.is_some_and(|metadata| !may_replace(&metadata)) {
        return Err(OutputFileError::Exists);
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(OutputFileError::NoFolder);
    }
    // Only its owner can read a temporary file.
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    let written = if replaces {
        file.persist(path)
    } else {
        // Another process may have created a file in the meantime.
        file.persist_noclobber(path)
    };
    match written {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(OutputFileError::Exists)
        }
        Err(error) => Err(error.error.into()),
    }
}

/// Whether a file is empty, or has the token or the certificate of a simulator.
fn is_own(path: &Path) -> bool {
    let is_small = fs::metadata(path).is_ok_and(|metadata| metadata.len() <= MAX_OWN);
    is_small && fs::read_to_string(path).is_ok_and(|text| is_of_simulator(text.trim()))
}

fn is_of_simulator(text: &str) -> bool {
    text.is_empty() || is_token(text) || is_certificate(text)
}

/// Whether this is a token of a simulator's default tenant, which does not exist, or an
/// assertion of its identity provider.
fn is_token(text: &str) -> bool {
    let mut parts = text.split('.');
    let (Some(_), Some(payload), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let payload = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    let claims: Value = serde_json::from_slice(&payload).unwrap_or_default();
    let tenant = Config::default().tenant.to_string();
    let issuer = claims["iss"].as_str().unwrap_or_default();
    let is_loopback = [
        "http://127.",
        "https://127.",
        "http://[::1]",
        "https://[::1]",
    ]
    .iter()
    .any(|origin| issuer.starts_with(origin));
    claims["tid"] == *tenant || (is_loopback && issuer.ends_with("/federation"))
}

/// Whether this is one certificate, of a simulator's authority.
fn is_certificate(text: &str) -> bool {
    let body = text
        .strip_prefix("-----BEGIN CERTIFICATE-----")
        .and_then(|text| text.strip_suffix("-----END CERTIFICATE-----"));
    let Some(body) = body.filter(|body| !body.contains('-')) else {
        return false;
    };
    let body: String = body.split_whitespace().collect();
    let der = STANDARD.decode(body).unwrap_or_default();
    let name = AUTHORITY_NAME.as_bytes();
    der.windows(name.len()).any(|window| window == name)
}
