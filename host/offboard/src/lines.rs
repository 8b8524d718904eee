//! A file of JSON lines that only grows: each is on the disk before anything
//! else happens, and holds nothing that a terminal would obey.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf, absolute},
};

use serde::Serialize;

use crate::text::clean_json;

/// An open file of lines.
#[derive(Debug)]
pub(crate) struct Lines {
    file: File,
    /// Whether the last line may have no end.
    torn: bool,
    /// The file in which its lines must be found; `None` for a device or a pipe, which
    /// keeps nothing.
    kept: Option<Kept>,
}

/// A file on a disk.
#[derive(Debug)]
struct Kept {
    path: PathBuf,
    /// Its minimum length.
    length: u64,
}

impl Lines {
    /// Opens it for appending, and creates it where it is missing, readable by
    /// nobody else.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // The working folder may change.
        let path = absolute(path)?;
        let mut file = options.read(true).open(&path)?;
        // A line that a crash tore must not swallow the next one.
        if torn(&mut file)? {
            file.write_all(b"\n")?;
        }
        file.sync_all()?;
        let found = file.metadata()?;
        let kept = found.is_file().then_some(Kept {
            path,
            length: found.len(),
        });
        Ok(Self {
            file,
            torn: false,
            kept,
        })
    }

    /// Adds a line. Fails if the line cannot be found by the name of the file.
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
        self.file.sync_data()?;
        match &mut self.kept {
            Some(kept) => kept.check(&self.file, text.len() as u64),
            None => Ok(()),
        }
    }
}

impl Kept {
    /// A file that was removed, replaced or emptied has lost what was written.
    fn check(&mut self, file: &File, written: u64) -> io::Result<()> {
        let open = file.metadata()?;
        let is_there = fs::metadata(&self.path).is_ok_and(|named| is_same(&open, &named));
        self.length += written;
        if !is_there {
            return Err(io::Error::other("it was removed or replaced meanwhile"));
        }
        if open.len() < self.length {
            return Err(io::Error::other("lines were removed from it meanwhile"));
        }
        self.length = open.len();
        Ok(())
    }
}

#[cfg(unix)]
fn is_same(open: &Metadata, named: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    open.nlink() > 0 && (open.dev(), open.ino()) == (named.dev(), named.ino())
}

/// On other systems an open file has no number: only check that its name exists.
#[cfg(not(unix))]
fn is_same(_: &Metadata, named: &Metadata) -> bool {
    named.is_file()
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

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_that_cannot_be_found_again_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let losses: [(&str, &dyn Fn()); 5] = [
            ("removed", &|| fs::remove_file(&path).unwrap()),
            ("moved", &|| {
                fs::rename(&path, folder.path().join("old")).unwrap();
            }),
            ("replaced", &|| {
                fs::remove_file(&path).unwrap();
                fs::write(&path, "{}\n".repeat(100)).unwrap();
            }),
            ("emptied", &|| fs::write(&path, "").unwrap()),
            ("led elsewhere", &|| {
                fs::remove_file(&link).unwrap();
                fs::write(&link, "").unwrap();
            }),
        ];
        for (loss, lose) in losses {
            let mut lines = Lines::open(&link).unwrap();
            let mut others = Lines::open(&link).unwrap();
            lines.append(&1).unwrap();
            others.append(&2).unwrap();
            lines.append(&3).unwrap();
            lose();
            assert!(lines.append(&4).is_err(), "{loss}");
            assert!(lines.append(&5).is_err(), "{loss}");
        }
    }
}
