//! The files that the command reads and writes at start.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::args::Args;
use crate::entra::FederatedRequest;
use crate::output_file;
use crate::serve_error::ServeError;
use crate::simulator::Simulator;

/// The paths of the files.
pub(crate) struct Files {
    token: Option<PathBuf>,
    federated_token: Option<PathBuf>,
    authority: Option<PathBuf>,
    certificates: Vec<PathBuf>,
    /// Whether any existing file is replaced.
    force: bool,
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
            force: args.force,
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
            output_file::write(&path, simulator.token().as_bytes(), self.force)
                .map_err(|error| ServeError::TokenFile(path, error))?;
        }
        if let Some(path) = self.federated_token {
            let token = simulator
                .federated_token(&FederatedRequest::default())
                .map_err(ServeError::Federation)?;
            output_file::write(&path, token.as_bytes(), self.force)
                .map_err(|error| ServeError::TokenFile(path, error))?;
        }
        let pem = simulator.authority_certificate();
        pem.map(|pem| write_authority(self.authority, pem, self.force))
            .transpose()
    }
}

fn write_authority(
    path: Option<PathBuf>,
    pem: &str,
    force: bool,
) -> Result<AuthorityFile, ServeError> {
    match path {
        Some(path) => match output_file::write(&path, pem.as_bytes(), force) {
            Ok(()) => Ok(AuthorityFile::Named(path)),
            Err(error) => Err(ServeError::AuthorityFile(path, error)),
        },
        None => temporary(pem)
            .map(AuthorityFile::Temporary)
            .map_err(|error| ServeError::AuthorityFile(std::env::temp_dir(), error.into())),
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
