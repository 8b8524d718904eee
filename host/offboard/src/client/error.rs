//! Why a client cannot connect.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::{
    audit::AuditError, component::ComponentError, config::ConfigError,
    connection::InvalidCertificates, identity::TrustedFileError, ledger::LedgerError, mask,
    outputs::SharedFile, sandbox::SandboxError,
};

/// A client cannot connect. Nothing was sent.
///
/// A missing token is not an error here: see [`Client::problem`](super::Client::problem).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The settings are inconsistent.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Two files of the client are the same, and one of them is written.
    #[error(transparent)]
    SharedFile(#[from] SharedFile),
    /// The additional certificates cannot be used.
    #[error("{}", mask::path(path))]
    Authorities {
        /// Their file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: AuthoritiesError,
    },
    /// A plugin from a file cannot be used.
    #[error("{}", mask::path(path))]
    Plugin {
        /// Its file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: ComponentError,
    },
    /// The built-in plugin cannot be used.
    #[error("the built-in plugin")]
    BuiltInPlugin(#[source] ComponentError),
    /// The plugin's file cannot be read. The source names it.
    #[error(transparent)]
    PluginFile(ComponentError),
    /// The sandbox cannot run the plugin.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The audit file cannot be written.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The ledger of the session in memory cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The caller stopped it.
    #[error("interrupted before anything was sent")]
    Interrupted,
}

/// Why certificates cannot be trusted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuthoritiesError {
    /// The file cannot be read, or other users can write it.
    #[error(transparent)]
    File(#[from] TrustedFileError),
    /// It has no certificates.
    #[error(transparent)]
    Content(#[from] InvalidCertificates),
}

impl ConnectError {
    /// Whether the plugin does not have the pinned digest.
    #[must_use]
    pub fn is_other_digest(&self) -> bool {
        let (Self::Plugin { source, .. } | Self::BuiltInPlugin(source)) = self else {
            return false;
        };
        matches!(source, ComponentError::Digest { .. })
    }

    /// A plugin's error, with the file unless the error already names it.
    pub(super) fn plugin(path: &Path, source: ComponentError) -> Self {
        match source {
            ComponentError::File(..) => Self::PluginFile(source),
            source => Self::Plugin {
                path: path.to_owned(),
                source,
            },
        }
    }
}
