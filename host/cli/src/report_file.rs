//! The file of `--report`: checked before anything is sent, and written at the end.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use tempfile::NamedTempFile;

use super::{args::SendArgs, hint::advised};
use offboard::{
    ledger::{Ledger, RunRow},
    mask,
};

/// Why a report is not written.
const TAKEN: &str = "it exists and is not an earlier report, so it is not replaced";

/// How a report begins.
const REPORT: &[u8; 15] = b"<!doctype html>";

/// Whether a report can be written, before anything is sent.
pub(super) fn check(send: &SendArgs) -> Result<()> {
    let Some(file) = &send.report else {
        return Ok(());
    };
    let context = || format!("--report {}", mask::path(file));
    if !is_free(file) {
        let error = format!("{}: {TAKEN}", context());
        return Err(advised(error, "Name another file."));
    }
    let folder = folder_of(file);
    if !folder.exists() {
        let error = format!(
            "{}: the folder {} does not exist",
            context(),
            mask::path(folder)
        );
        return Err(advised(error, "Create the folder, or name another file."));
    }
    let unwritable = || format!("{}: the folder cannot be written", context());
    tempfile::tempfile_in(folder)
        .map(|_| ())
        .with_context(unwritable)
}

/// Writes the report about a run.
pub(super) async fn write(ledger: &Ledger, run: &RunRow, file: &Path) -> Result<()> {
    let context = || mask::path(file);
    // Written as a whole or not at all, and readable only by this user: it names machines
    // and people.
    let out = NamedTempFile::new_in(folder_of(file)).with_context(context)?;
    let written = out.reopen().with_context(context)?;
    offboard::report::write_run(ledger, run, written)
        .await
        .with_context(context)?;
    // What another process wrote there during the run is not replaced either.
    ensure!(is_free(file), "{}: {TAKEN}", context());
    out.persist(file).map(|_| ()).with_context(context)
}

/// The folder of a file; the current one if the name has none.
fn folder_of(file: &Path) -> &Path {
    let folder = file.parent();
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Whether nothing is there, or an earlier report.
fn is_free(file: &Path) -> bool {
    use std::io::Read as _;
    let Ok(there) = std::fs::symlink_metadata(file) else {
        return true;
    };
    let mut begin = [0; REPORT.len()];
    there.is_file()
        && std::fs::File::open(file).is_ok_and(|mut file| file.read_exact(&mut begin).is_ok())
        && begin.eq_ignore_ascii_case(REPORT)
}
