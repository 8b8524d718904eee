//! Errors of the command.

use std::io;
use std::path::PathBuf;

use crate::entra::{CertificateError, KeyError};
use crate::output_file::OutputFileError;
use crate::simulator::StartError;

/// Why the command ended without a signal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The simulator didn't start.
    #[error("the simulator can't start")]
    Start(#[from] StartError),
    /// The token, or the other provider's assertion, couldn't be written to
    /// its file.
    #[error("can't write the token to {0}")]
    TokenFile(PathBuf, #[source] OutputFileError),
    /// The authority's certificate couldn't be written to its file.
    #[error("can't write the authority's certificate to {0}")]
    AuthorityFile(PathBuf, #[source] OutputFileError),
    /// The application's certificate couldn't be read.
    #[error("can't read the certificate in {0}")]
    CertificateFile(PathBuf, #[source] io::Error),
    /// The application's certificate can't be registered.
    #[error("can't register the certificate in {0}")]
    Certificate(PathBuf, #[source] CertificateError),
    /// The other identity provider can't issue an assertion.
    #[error("the other identity provider can't sign")]
    Federation(#[source] KeyError),
    /// The ready line couldn't be written to standard output.
    #[error("can't write to standard output")]
    ReadyLine(#[source] io::Error),
    /// The operating system refused to deliver signals.
    #[error("can't wait for signals")]
    Signals(#[source] io::Error),
}
