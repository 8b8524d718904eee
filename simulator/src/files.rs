//! The files that the command reads and writes at start.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::args::Args;
use crate::entra::FederatedRequest;
use crate::serve_error::ServeError;
use crate::simulator::Simulator;

/// The paths of the files.
pub(crate) struct Files {
    token: Option<PathBuf>,
    federated_token: Option<PathBuf>,
    authority: Option<PathBuf>,
    certificates: Vec<PathBuf>,
}

/// The file of the authority's certificate.
pub(crate) enum AuthorityFile {
    /// At the user's path.
    Named(PathBuf),
    /// Removed when this is dropped.
    Temporary(NamedTempFile),
}

impl AuthorityFile {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Named(path) => path,
            Self::Temporary(file) => file.path(),
        }
    }
}

impl Files {
    pub(crate) fn of(args: &Args) -> Self {
        Self {
            token: args.write_token.clone(),
            federated_token: args.write_federated_token.clone(),
            authority: args.write_ca.clone(),
            certificates: args.client_certificate.clone(),
        }
    }

    /// Reads the input files and writes the output files.
    pub(crate) fn exchange(
        self,
        simulator: &Simulator,
    ) -> Result<Option<AuthorityFile>, ServeError> {
        for path in self.certificates {
            let pem = match fs::read_to_string(&path) {
                Ok(pem) => pem,
                Err(error) => return Err(ServeError::CertificateFile(path, error)),
            };
            if let Err(error) = simulator.register_certificate(&pem) {
                return Err(ServeError::Certificate(path, error));
            }
        }
        if let Some(path) = self.token {
            write_private(&path, simulator.token())
                .map_err(|error| ServeError::TokenFile(path, error))?;
        }
        if let Some(path) = self.federated_token {
            let token = simulator
                .federated_token(&FederatedRequest::default())
                .map_err(ServeError::Federation)?;
            write_private(&path, &token).map_err(|error| ServeError::TokenFile(path, error))?;
        }
        let pem = simulator.authority_certificate();
        pem.map(|pem| write_authority(self.authority, pem))
            .transpose()
    }
}

fn write_authority(path: Option<PathBuf>, pem: &str) -> Result<AuthorityFile, ServeError> {
    match path {
        Some(path) => match fs::write(&path, pem) {
            Ok(()) => Ok(AuthorityFile::Named(path)),
            Err(error) => Err(ServeError::AuthorityFile(path, error)),
        },
        None => temporary(pem)
            .map(AuthorityFile::Temporary)
            .map_err(|error| ServeError::AuthorityFile(std::env::temp_dir(), error)),
    }
}

fn temporary(pem: &str) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix("offboard-simulator-")
        .suffix(".pem")
        .tempfile()?;
    file.write_all(pem.as_bytes())?;
    Ok(file)
}

fn write_private(path: &Path, token: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // An existing file may be readable by others.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(token.as_bytes())
}
