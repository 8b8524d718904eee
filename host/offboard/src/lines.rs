//! A file of JSON lines that is only appended to. Each line is on the disk before anything
//! else happens, and has no characters that a terminal would interpret.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf, absolute},
};

use serde::Serialize;

use crate::text::clean_json;

/// An open file of JSON lines.
#[derive(Debug)]
pub(crate) struct Lines {
    file: File,
    /// Whether the last line may be incomplete.
    torn: bool,
    /// The file that must contain the written lines; `None` for a device or a pipe, which
    /// stores nothing.
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
    /// Opens a file for appending, and creates it if it is missing, readable only by this
    /// user.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // Absolute, because the working folder may change.
        let path = absolute(path)?;
        let mut file = options.read(true).open(&path)?;
        // Ends a line that a crash left incomplete, so that it does not swallow the next one.
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

    /// Appends a line. Fails if the file with this name does not contain the line.
    pub(crate) fn append(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut text = clean_json(&serde_json::to_string(line)?);
        text.push('\n');
        if self.torn {
            text.insert(0, '\n');
        }
        // Until the line is known to be complete.
        self.torn = true;
        // One write, which prevents a race: two processes must not mix their lines.
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
    /// Checks that the file was not removed, replaced or emptied, which would lose the lines.
    fn check(&mut self, file: &File, written: u64) -> io::Result<()> {
        let open = file.metadata()?;
        let is_there = fs::metadata(&self.path).is_ok_and(|named| is_same(&open, &named));
        self.length += written;
        if !is_there {
            return Err(io::Error::other(
                "it was removed or replaced in the meantime",
            ));
        }
        if open.len() < self.length {
            return Err(io::Error::other(
                "lines were removed from it in the meantime",
            ));
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

/// On other systems an open file has no inode: only check that its name exists.
#[cfg(not(unix))]
fn is_same(_: &Metadata, named: &Metadata) -> bool {
    named.is_file()
}

/// Whether the last line is incomplete.
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
