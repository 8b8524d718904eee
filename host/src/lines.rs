//! A file of JSON lines that only grows: each is on the disk before anything
//! else happens, and holds nothing that a terminal would obey.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

use serde::Serialize;

use crate::text::clean_json;

/// An open file of lines.
#[derive(Debug)]
pub(crate) struct Lines {
    file: File,
    /// Whether the last line may have no end.
    torn: bool,
}

impl Lines {
    /// Opens it for appending, and creates it where it is missing, readable by
    /// nobody else.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.read(true).open(path)?;
        // A line that a crash tore must not swallow the next one.
        if torn(&mut file)? {
            file.write_all(b"\n")?;
        }
        file.sync_all()?;
        Ok(Self { file, torn: false })
    }

    /// Adds a line.
    pub(crate) fn append(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut text = clean_json(&serde_json::to_string(line)?);
        text.push('\n');
        if self.torn {
            text.insert(0, '\n');
        }
        // Until it is known to be whole.
        self.torn = true;
        // One write, so that two processes cannot mix their lines.
        self.file.write_all(text.as_bytes())?;
        self.torn = false;
        self.file.sync_data()
    }
}

/// Whether the last line has no end.
fn torn(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
