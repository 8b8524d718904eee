//! Files of a test: secrets, and what a ledger contains.

use std::path::Path;

/// Writes a file that other users cannot read.
pub fn write_secret(path: &Path, secret: impl AsRef<[u8]>) {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).unwrap();
    std::io::Write::write_all(&mut file, secret.as_ref()).unwrap();
}

/// The contents of a ledger's files, as text.
pub fn written_ledger(path: &Path) -> String {
    let written = read_ledger(path);
    assert!(!written.is_empty(), "there is no ledger");
    written
}

/// The same, of a ledger that may not exist yet.
pub fn read_ledger(path: &Path) -> String {
    let file = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        std::fs::read(name).unwrap_or_default()
    };
    let bytes = [file(""), file("-wal")].concat();
    String::from_utf8_lossy(&bytes).into_owned()
}
