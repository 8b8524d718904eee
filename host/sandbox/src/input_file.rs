//! Opens a file that is read to its end: a list, a configuration, a secret, a component. A named
//! pipe that no program writes to would block the process forever, and signals would not end
//! it. So reading one has a time limit.

use std::{
    fs::{File, Metadata},
    io::{self, Read},
    path::Path,
    time::Duration,
};

/// How long to wait for a program that writes to a named pipe.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open file. Reading from a named pipe fails if no program writes to it for 10 seconds.
/// Other files are read as usual: a pipe without a name, as a shell passes it, may take any
/// time.
#[derive(Debug)]
pub struct InputFile {
    file: File,
    /// How long to wait for each part of a named pipe; `None` for other files.
    patience: Option<Duration>,
}

impl InputFile {
    /// Opens a file. Does not wait for the writer of a named pipe.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::open_waiting(path, PATIENCE)
    }

    /// The properties of the open file.
    ///
    /// # Errors
    /// The system does not report them.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    #[cfg(unix)]
    fn open_waiting(path: &Path, patience: Duration) -> io::Result<Self> {
        use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        let file = File::options()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(path)?;
        let is_pipe = file.metadata()?.file_type().is_fifo();
        let patience = (is_pipe && is_named(&file)?).then_some(patience);
        if patience.is_none() {
            // Only the opening must not block.
            let flags = rustix::fs::fcntl_getfl(&file)?;
            rustix::fs::fcntl_setfl(&file, flags - rustix::fs::OFlags::NONBLOCK)?;
        }
        Ok(Self { file, patience })
    }

    #[cfg(not(unix))]
    fn open_waiting(path: &Path, _: Duration) -> io::Result<Self> {
        Ok(Self {
            file: File::open(path)?,
            patience: None,
        })
    }

    /// Waits until a pipe has data, or its writer has closed it.
    #[cfg(unix)]
    fn wait(&self, patience: Duration) -> io::Result<()> {
        use rustix::event::{PollFd, PollFlags, poll};
        let timeout = rustix::event::Timespec::try_from(patience).map_err(io::Error::other)?;
        let mut awaited = [PollFd::new(&self.file, PollFlags::IN)];
        let ready = rustix::io::retry_on_intr(|| poll(&mut awaited, Some(&timeout)))?;
        if ready == 0 {
            let seconds = patience.as_secs();
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("it is a named pipe, and no program wrote to it for {seconds} seconds"),
            ));
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn wait(&self, _: Duration) -> io::Result<()> {
        Ok(())
    }
}

impl Read for InputFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(patience) = self.patience else {
            return self.file.read(buffer);
        };
        loop {
            self.wait(patience)?;
            match self.file.read(buffer) {
                // Another process read the data first.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }
}

/// Whether an open pipe has a name in a file system. Only its own process and that process's
/// children have a pipe without one, and its writer is there already.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_named(file: &File) -> io::Result<bool> {
    /// `PIPEFS_MAGIC` (statfs(2)).
    const PIPEFS: u32 = 0x5049_5045;
    // The kernel's numbers have 32 bits, whichever type and sign the C library gives them.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let kind = rustix::fs::fstatfs(file)?.f_type as u32;
    Ok(kind != PIPEFS)
}

/// On other systems, a pipe without a name has no link.
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
fn is_named(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(file.metadata()?.nlink() > 0)
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{fs, io::Write, os::fd::AsRawFd};

    use super::*;

    fn read(path: &Path, patience: Duration) -> io::Result<String> {
        let mut text = String::new();
        InputFile::open_waiting(path, patience)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn a_named_pipe_without_a_writer_is_not_waited_for_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
        let error = read(&path, Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
        assert!(error.to_string().contains("a named pipe"), "{error}");

        let writer = {
            let path = path.clone();
            std::thread::spawn(move || {
                let mut pipe = File::options().write(true).open(path).unwrap();
                pipe.write_all(b"one ").unwrap();
                pipe.write_all(b"two").unwrap();
            })
        };
        assert_eq!(read(&path, Duration::from_secs(60)).unwrap(), "one two");
        writer.join().unwrap();
    }

    #[test]
    fn files_and_pipes_of_a_shell_are_read_as_usual() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "text").unwrap();
        assert_eq!(read(&path, Duration::ZERO).unwrap(), "text");
        assert!(read(&folder.path().join("missing"), Duration::ZERO).is_err());

        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"of a shell").unwrap();
        drop(writer);
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        assert_eq!(
            read(Path::new(&path), Duration::ZERO).unwrap(),
            "of a shell"
        );
    }
}
