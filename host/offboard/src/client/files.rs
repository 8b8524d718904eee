//! The files of a client. A file that is written must not be another file in use.

use std::path::PathBuf;

use super::Recording;
use crate::{
    config::{Config, SecretFile, Sourced},
    outputs::{Files, SharedFile},
};

/// Checks that no file that is written is another file of the caller or of the connection.
///
/// # Errors
/// Two of them are the same file.
pub(crate) fn check_files(
    config: &Config,
    mut files: Files,
    recording: Recording,
) -> Result<(), SharedFile> {
    if recording != Recording::Nowhere
        && let Some(ledger) = config.ledger_path()
    {
        files.ledger(&ledger);
    }
    if let Some(audit) = config.audit() {
        files.writes("the audit", &audit.value.0);
    }
    let secret = |setting: Option<&Sourced<SecretFile>>| setting.map(|file| file.value.0.clone());
    let plugin = config.plugin_settings().file.as_ref();
    // A bare name is searched for in PATH.
    let command = config.token_command();
    let program = command
        .and_then(|words| words.value.0.first())
        .map(PathBuf::from)
        .filter(|program| program.components().count() > 1);
    for (role, path) in [
        ("the configuration", config.file()),
        ("the token file", secret(config.token_file())),
        (
            "the client secret file",
            secret(config.client_secret_file()),
        ),
        ("the certificate", secret(config.certificate())),
        (
            "the certificate password file",
            secret(config.certificate_password_file()),
        ),
        (
            "the federated token file",
            secret(config.federated_token_file()),
        ),
        (
            "the CA file",
            config.ca_file().map(|file| file.value.clone()),
        ),
        ("the plugin", plugin.map(|file| file.value.clone())),
        ("the token command", program),
    ] {
        if let Some(path) = path {
            files.reads(role, &path);
        }
    }
    files.streams();
    files.check()
}
