//! The files of one command, and the check that no two of them are the same: writing to one
//! would destroy the other, or mix their contents. Files are compared, not their names: a
//! link, a relative name, or standard output may lead to the same file.

use std::{
    ffi::OsString,
    fmt,
    fs::{self, Metadata},
    io,
    path::{Component, Path, PathBuf},
};

use thiserror::Error;

/// The longest chain of links that is followed.
const MAX_LINKS: usize = 40;

/// The suffixes of the files that SQLite keeps beside a database.
const BESIDE_DATABASE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The suffix of the folder of the ledger's sessions.
const SESSIONS: &str = "-sessions";

/// The purpose of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role(String);

/// The files of a command.
#[derive(Debug, Default)]
pub struct Files(Vec<Named>);

#[derive(Debug)]
struct Named {
    role: Role,
    used: Use,
    /// The folders that contain it.
    folders: Vec<Place>,
    /// `None` for a device or a pipe, which has no content to destroy.
    identity: Option<Identity>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Read,
    Write,
    /// A folder in which everything is written.
    WriteFolder,
    /// Standard output or standard error, which may be the same file.
    Stream,
}

/// What a name refers to: an existing file or folder, and the rest of the name that does not
/// exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    place: Place,
    rest: Vec<OsString>,
}

#[cfg(unix)]
type Place = (u64, u64);

#[cfg(not(unix))]
type Place = PathBuf;

/// Two files of a command are the same.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0} and {1} are the same file: nothing was written or sent")]
pub struct SharedFile(Role, Role);

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Files {
    /// Adds a file that the command reads.
    pub fn reads(&mut self, role: &str, path: &Path) {
        self.add(role, Use::Read, path);
    }

    /// Adds a file that the command writes.
    pub fn writes(&mut self, role: &str, path: &Path) {
        self.add(role, Use::Write, path);
    }

    /// Adds a ledger, with the files that SQLite keeps beside it.
    pub fn ledger(&mut self, path: &Path) {
        self.writes("the ledger", path);
        // SQLite names them after the target of a link.
        for path in [path.to_owned(), followed(path)] {
            let beside = |end: &str| {
                let mut name = path.clone().into_os_string();
                name.push(end);
                PathBuf::from(name)
            };
            for end in BESIDE_DATABASE {
                let role = format!("the ledger's {end} file");
                self.writes(&role, &beside(end));
            }
            self.add(
                "the folder of the ledger's sessions",
                Use::WriteFolder,
                &beside(SESSIONS),
            );
        }
    }

    /// Adds standard output, standard error and standard input, if they are files.
    pub fn streams(&mut self) {
        #[cfg(unix)]
        {
            let of = |fd: &dyn std::os::fd::AsFd| {
                let file = fs::File::from(fd.as_fd().try_clone_to_owned().ok()?);
                place(Path::new(""), &file.metadata().ok()?)
            };
            for (role, used, found) in [
                ("standard output", Use::Stream, of(&io::stdout())),
                ("standard error", Use::Stream, of(&io::stderr())),
                ("standard input", Use::Read, of(&io::stdin())),
            ] {
                let identity = found.map(|place| Identity {
                    place,
                    rest: Vec::new(),
                });
                self.0.push(Named {
                    role: Role(role.to_owned()),
                    used,
                    folders: Vec::new(),
                    identity,
                });
            }
        }
    }

    fn add(&mut self, role: &str, used: Use, path: &Path) {
        self.0.push(Named {
            role: Role(role.to_owned()),
            used,
            folders: folders(path),
            identity: identity(path),
        });
    }

    /// Checks that no file that is written is another file of the command.
    ///
    /// # Errors
    /// Two of them are the same file.
    pub fn check(&self) -> Result<(), SharedFile> {
        for (at, one) in self.0.iter().enumerate() {
            for other in &self.0[at + 1..] {
                if one.clashes(other) || other.clashes(one) {
                    return Err(SharedFile(one.role.clone(), other.role.clone()));
                }
            }
        }
        Ok(())
    }
}

impl Named {
    fn clashes(&self, other: &Self) -> bool {
        let (Some(one), Some(two)) = (&self.identity, &other.identity) else {
            return false;
        };
        // The name of a ledger and the target of its link have the same role.
        if self.role == other.role {
            return false;
        }
        match (self.used, other.used) {
            (Use::Read, Use::Read) | (Use::Stream, Use::Stream) => false,
            (Use::WriteFolder, _) => {
                let is_there = one.rest.is_empty() && other.folders.contains(&one.place);
                is_there || two.is_at_or_below(one)
            }
            (_, Use::WriteFolder) => false,
            _ => one == two,
        }
    }
}

impl Identity {
    /// Whether this is that folder, or in it.
    fn is_at_or_below(&self, folder: &Self) -> bool {
        self.place == folder.place && self.rest.starts_with(&folder.rest)
    }
}

/// The folders that an existing file is in.
fn folders(path: &Path) -> Vec<Place> {
    let Ok(whole) = fs::canonicalize(path) else {
        return Vec::new();
    };
    let place = |folder: &Path| place(folder, &fs::metadata(folder).ok()?);
    whole.ancestors().skip(1).filter_map(place).collect()
}

/// The file or folder that a name refers to.
fn identity(path: &Path) -> Option<Identity> {
    let path = followed(path);
    match fs::metadata(&path) {
        // A folder may contain files that are written.
        Ok(found) if found.is_file() || found.is_dir() => Some(Identity {
            place: place(&path, &found)?,
            rest: Vec::new(),
        }),
        Ok(_) => None,
        Err(_) => {
            let mut rest = Vec::new();
            let mut folder = path.as_path();
            // The nearest existing folder. A missing file is not a link.
            loop {
                rest.insert(0, folder.file_name()?.to_owned());
                folder = match folder.parent()? {
                    empty if empty.as_os_str().is_empty() => Path::new("."),
                    parent => parent,
                };
                if let Ok(found) = fs::metadata(folder) {
                    let place = place(folder, &found)?;
                    return Some(Identity { place, rest });
                }
            }
        }
    }
}

#[cfg(unix)]
fn place(_: &Path, found: &Metadata) -> Option<Place> {
    use std::os::unix::fs::MetadataExt;
    (found.is_file() || found.is_dir()).then(|| (found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn place(path: &Path, _: &Metadata) -> Option<Place> {
    fs::canonicalize(path).ok()
}

/// The target of a name's links, even if it does not exist. The system resolves the existing
/// folders; in the rest, `..` removes the part before it.
fn followed(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(target) = fs::read_link(&path) else {
            break;
        };
        let next = path
            .parent()
            .map_or(target.clone(), |folder| folder.join(&target));
        // An open file may have no name: `/dev/fd/3`.
        if fs::metadata(&path).is_ok() && fs::metadata(&next).is_err() {
            break;
        }
        path = next;
    }
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir if fs::symlink_metadata(&plain).is_err() && plain.pop() => {}
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::symlink;

    use super::*;

    fn are_shared(one: &Path, other: &Path) -> bool {
        let mut files = Files::default();
        files.writes("the report", one);
        files.reads("the list", other);
        let found = files.check();
        if let Err(error) = &found {
            let words = error.to_string();
            assert!(
                words.contains("the report") && words.contains("the list"),
                "{words}"
            );
        }
        found.is_err()
    }

    #[test]
    fn a_file_is_the_same_whichever_way_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        symlink(at("folder"), at("door")).unwrap();
        for there in [false, true] {
            if there {
                fs::write(at("folder/file"), "").unwrap();
                fs::hard_link(at("folder/file"), at("hard")).unwrap();
                assert!(are_shared(&at("hard"), &at("folder/file")));
            }
            symlink("folder/file", at(&format!("link-{there}"))).unwrap();
            symlink(format!("link-{there}"), at(&format!("chain-{there}"))).unwrap();
            for other in [
                at("folder/file"),
                at("door/file"),
                at("folder/../folder/file"),
                at("folder/./file"),
                at("missing/../folder/file"),
                at(&format!("link-{there}")),
                at(&format!("chain-{there}")),
            ] {
                assert!(are_shared(&at("folder/file"), &other), "{there}: {other:?}");
                assert!(are_shared(&other, &at("door/file")), "{there}: {other:?}");
            }
            assert!(!are_shared(&at("folder/file"), &at("folder/other")));
            assert!(!are_shared(&at("file"), &at("folder/file")));
        }
        assert!(are_shared(
            &at("new/folder/file"),
            &at("new/folder/../folder/file")
        ));
        assert!(!are_shared(&at("new/file"), &at("other/file")));
        // A loop of links has no target; following it must end.
        symlink(at("loop"), at("loop")).unwrap();
        assert!(are_shared(&at("loop"), &at("loop")));
    }

    #[test]
    fn a_relative_name_is_one_of_the_working_folder() {
        let here = std::env::current_dir().unwrap();
        let name = Path::new("no-such-file-here");
        assert!(are_shared(name, &here.join(name)));
        assert!(are_shared(&Path::new(".").join(name), name));
    }

    #[test]
    fn what_is_only_read_may_be_one_file() {
        let mut files = Files::default();
        files.reads("the certificate", Path::new("/x"));
        files.reads("its password", Path::new("/x"));
        assert!(files.check().is_ok());
    }

    #[test]
    fn devices_and_pipes_are_nothing_to_destroy() {
        assert!(!are_shared(Path::new("/dev/null"), Path::new("/dev/null")));
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).unwrap();
        assert!(!are_shared(&pipe, &pipe));
    }

    #[test]
    fn what_is_open_is_the_file_that_it_is() {
        use std::os::fd::AsRawFd;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let file = fs::File::create(&path).unwrap();
        let open = PathBuf::from(format!("/dev/fd/{}", file.as_raw_fd()));
        assert!(are_shared(&open, &path));
        fs::remove_file(&path).unwrap();
        assert!(!are_shared(&open, &path));
    }

    #[test]
    fn a_ledger_is_all_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        symlink(at("real.db"), at("link.db")).unwrap();
        for name in ["real.db", "link.db"] {
            let clashes = |other: &str| {
                let mut files = Files::default();
                files.ledger(&at(name));
                assert!(files.check().is_ok());
                files.writes("the audit", &at(other));
                files.check().is_err()
            };
            for end in ["", "-wal", "-shm", "-journal", "-sessions", "-sessions/x/y"] {
                assert!(clashes(&format!("real.db{end}")), "{name}: {end}");
            }
            for other in ["audit.jsonl", "real.db-other", "real.dbx"] {
                assert!(!clashes(other), "{name}: {other}");
            }
        }
        fs::create_dir_all(at("real.db-sessions")).unwrap();
        fs::write(at("real.db-sessions/one"), "").unwrap();
        let mut files = Files::default();
        files.ledger(&at("link.db"));
        files.writes("the audit", &at("real.db-sessions/one"));
        assert!(files.check().is_err());
    }
}
