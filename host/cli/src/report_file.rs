//! The file of `--report`: checked before anything is sent, and written at the end.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use tempfile::NamedTempFile;

use super::{advice::error_with_help, args::SendArgs};
use offboard::{
    ledger::{Ledger, RunRow},
    mask,
};

/// The error if another file would be replaced.
const EXISTS: &str = "the file exists and is not an earlier report";

/// The first bytes of a report.
const REPORT_BEGIN: &[u8; 15] = b"<!doctype html>";

/// Checks before anything is sent that the report can be written.
pub(super) fn check(send: &SendArgs) -> Result<()> {
    let Some(file) = &send.report else {
        return Ok(());
    };
    let context = || format!("--report {}", mask::path(file));
    if !is_free(file) {
        let error = format!("{}: {EXISTS}", context());
        return Err(error_with_help(error, "Use another file name."));
    }
    let folder = folder_of(file);
    if !folder.exists() {
        let error = format!(
            "{}: the folder {} does not exist",
            context(),
            mask::path(folder)
        );
        return Err(error_with_help(
            error,
            "Create the folder, or use another file name.",
        ));
    }
    let unwritable = || format!("{}: the folder cannot be written", context());
    tempfile::tempfile_in(folder)
        .map(|_| ())
        .with_context(unwritable)
}

/// Writes the report of a run.
pub(super) async fn write(ledger: &Ledger, run: &RunRow, file: &Path) -> Result<()> {
    let context = || mask::path(file);
    // A temporary file, so that the report is never incomplete. Only this user can read it,
    // because it contains the names of machines and people.
    let out = NamedTempFile::new_in(folder_of(file)).with_context(context)?;
    let written = out.reopen().with_context(context)?;
    offboard::report::write_run(ledger, run, written)
        .await
        .with_context(context)?;
    // Another process may have created a file during the run. It is not replaced either.
    ensure!(is_free(file), "{}: {EXISTS}", context());
    out.persist(file).map(|_| ()).with_context(context)
}

/// The folder of a file; the current one if the name has none.
fn folder_of(file: &Path) -> &Path {
    let folder = file.parent();
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Whether the file does not exist, or is an earlier report.
fn is_free(file: &Path) -> bool {
    use std::io::Read as _;
    let Ok(metadata) = std::fs::symlink_metadata(file) else {
        return true;
    };
    let mut begin = [0; REPORT_BEGIN.len()];
    metadata.is_file()
        && std::fs::File::open(file).is_ok_and(|mut file| file.read_exact(&mut begin).is_ok())
        && begin.eq_ignore_ascii_case(REPORT_BEGIN)
}
