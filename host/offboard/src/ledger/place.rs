//! Checks that the location of a ledger is safe. SQLite finds the log and the locks beside the
//! file by its name, and shares them through memory. Two names of one file, or two computers,
//! would each have a log and locks of their own. Both would send, and each would overwrite
//! what the other wrote.

use std::path::{Component, Path, Prefix};

use super::{error::LedgerErrorKind, sidecar::beside};

/// Checks that the file may be written in its location. The path is resolved.
pub(super) fn check(path: &Path) -> Result<(), LedgerErrorKind> {
    check_names(path)?;
    match shared(path)? {
        Some(kind) => Err(LedgerErrorKind::Shared(kind)),
        None => Ok(()),
    }
}

/// Checks that only one path leads to the file: no other name, and no mount of the file
/// alone. The path is resolved.
pub(super) fn check_names(path: &Path) -> Result<(), LedgerErrorKind> {
    let file = std::fs::symlink_metadata(path)?;
    if !file.is_file() {
        return Err(LedgerErrorKind::NotAFile);
    }
    if links(&file) > 1 {
        return Err(LedgerErrorKind::Linked);
    }
    check_sidecars(path)?;
    if is_mounted(path) {
        Err(LedgerErrorKind::Mounted)
    } else {
        Ok(())
    }
}

/// Checks that the files beside it are regular files. SQLite opens them, and would wait forever
/// for the writer of a named pipe.
fn check_sidecars(path: &Path) -> Result<(), LedgerErrorKind> {
    for end in ["-wal", "-shm", "-journal"] {
        let found = std::fs::metadata(beside(path, end));
        if found.is_ok_and(|found| !found.is_file()) {
            return Err(LedgerErrorKind::SidecarNotAFile(end));
        }
    }
    Ok(())
}

/// The folder of a missing file, or the nearest folder above it that exists.
pub(super) fn existing_folder(path: &Path) -> &Path {
    let folder = path.ancestors().skip(1).find(|folder| folder.exists());
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Rejects a shared file system before anything is created there.
pub(super) fn check_folder(folder: &Path) -> Result<(), LedgerErrorKind> {
    let whole = std::fs::canonicalize(folder)?;
    match shared(&whole)? {
        Some(kind) => Err(LedgerErrorKind::Shared(kind)),
        None => Ok(()),
    }
}

#[cfg(unix)]
pub(super) fn links(file: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(file)
}

#[cfg(not(unix))]
pub(super) fn links(_: &std::fs::Metadata) -> u64 {
    1
}

/// Whether the file itself is a mount point.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_mounted(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    let known = statx(
        CWD,
        path,
        AtFlags::SYMLINK_NOFOLLOW,
        StatxFlags::BASIC_STATS,
    );
    match known {
        Ok(known)
            if known
                .stx_attributes_mask
                .contains(StatxAttributes::MOUNT_ROOT) =>
        {
            known.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)
        }
        // For Linux before 5.8.
        _ => std::fs::read("/proc/self/mountinfo").is_ok_and(|mounts| lists(&mounts, path)),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_mounted(_: &Path) -> bool {
    false
}

/// Whether a table of mounts (proc_pid_mountinfo(5)) has this mount point: its
/// fifth field, with white space and backslashes in octal.
#[cfg(any(target_os = "linux", target_os = "android", test))]
fn lists(mounts: &[u8], path: &Path) -> bool {
    let wanted = path.as_os_str().as_encoded_bytes();
    let mut points = mounts
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    points.any(|point| {
        let mut whole = Vec::new();
        let mut rest = point;
        while let Some((byte, more)) = rest.split_first() {
            let octal = more.get(..3).filter(|_| *byte == b'\\');
            let octal = octal.and_then(|digits| std::str::from_utf8(digits).ok());
            match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
                Some(escaped) => {
                    whole.push(escaped);
                    rest = &more[3..];
                }
                None => {
                    whole.push(*byte);
                    rest = more;
                }
            }
        }
        whole == wanted
    })
}

/// The kind of the file system, if other machines may use it at the same time.
pub(super) fn shared(path: &Path) -> Result<Option<&'static str>, LedgerErrorKind> {
    if let Some(Component::Prefix(prefix)) = path.components().next()
        && matches!(prefix.kind(), Prefix::UNC(..) | Prefix::VerbatimUNC(..))
    {
        return Ok(Some("network share"));
    }
    shared_by_type(path)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn shared_by_type(path: &Path) -> Result<Option<&'static str>, LedgerErrorKind> {
    let known = rustix::fs::statfs(path).map_err(std::io::Error::from)?;
    // The kernel's numbers have 32 bits, whichever type and sign the C library gives
    // them.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Ok(shared_type(known.f_type as u32))
}

#[cfg(any(target_os = "macos", target_os = "ios", target_os = "freebsd"))]
fn shared_by_type(path: &Path) -> Result<Option<&'static str>, LedgerErrorKind> {
    /// `MNT_LOCAL` of sys/mount.h.
    const LOCAL: u64 = 0x1000;
    let known = rustix::fs::statfs(path).map_err(std::io::Error::from)?;
    #[allow(clippy::useless_conversion)]
    let is_local = u64::from(known.f_flags) & LOCAL != 0;
    Ok((!is_local).then_some("network file system"))
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "macos",
    target_os = "ios",
    target_os = "freebsd"
)))]
fn shared_by_type(_: &Path) -> Result<Option<&'static str>, LedgerErrorKind> {
    Ok(None)
}

/// File systems that several computers, or a computer and its virtual machine, use at the same
/// time (statfs(2), linux/magic.h, and `is_local_fs_type` of the GNU coreutils).
#[cfg(any(target_os = "linux", target_os = "android", test))]
const SHARED: &[(u32, &str)] = &[
    (0x0000_6969, "NFS"),
    (0x0000_517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x0102_1997, "9p"),
    (0x6573_5546, "FUSE or virtiofs"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x0116_1970, "GFS2"),
    (0x7461_636f, "OCFS2"),
    (0x786f_4256, "VirtualBox shared folders"),
    (0xbacb_acbc, "VMware shared folders"),
    (0x7c7c_6673, "Parallels shared folders"),
    (0x1983_0326, "BeeGFS"),
    (0x4750_4653, "GPFS"),
    (0xaad7_aaea, "PanFS"),
    (0x2003_0528, "OrangeFS"),
    (0xbeef_dead, "StorNext"),
    (0x6163_6673, "ACFS"),
    (0x0131_11a8, "IBRIX"),
    (0x0000_564c, "NCP"),
    (0xa501_fcf5, "VxFS"),
];

#[cfg(any(target_os = "linux", target_os = "android", test))]
fn shared_type(number: u32) -> Option<&'static str> {
    let found = SHARED.iter().find(|(known, _)| *known == number);
    found.map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn shared_file_systems_are_distinguished_from_local_ones() {
        for (number, name) in [
            (0x6969, "NFS"),
            (0xff53_4d42, "CIFS"),
            (0xfe53_4d42, "SMB"),
            (0x0102_1997, "9p"),
            (0x6573_5546, "FUSE or virtiofs"),
            (0x00c3_6400, "Ceph"),
            (0x0bd0_0bd0, "Lustre"),
            (0x7461_636f, "OCFS2"),
            (0x786f_4256, "VirtualBox shared folders"),
        ] {
            assert_eq!(shared_type(number), Some(name));
        }
        for (number, name) in [
            (0xef53, "ext4"),
            (0x5846_5342, "XFS"),
            (0x9123_683e, "btrfs"),
            (0x2fc1_2fc1, "ZFS"),
            (0xca45_1a4e, "bcachefs"),
            (0xf2f5_2010, "F2FS"),
            (0x0102_1994, "tmpfs"),
            (0x794c_7630, "overlayfs, as in containers"),
            (0x0000_4d44, "FAT"),
            (0x2011_bab0, "exFAT"),
            (0x7366_746e, "NTFS"),
            (0x0000_f15f, "eCryptfs"),
        ] {
            assert_eq!(shared_type(number), None, "{name}");
        }
    }

    #[test]
    fn a_mount_point_is_found_however_it_is_spelled() {
        let mounts = b"22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
            40 22 254:0 /x/ledger.db /data/ledger.db rw shared:1 - ext4 /dev/vda rw\n\
            41 22 254:0 /y /with\\040space/a\\134b rw - ext4 /dev/vda rw\n";
        let is_listed = |path: &str| lists(mounts, Path::new(path));
        assert!(is_listed("/data/ledger.db"));
        assert!(is_listed("/with space/a\\b"));
        // Neither its folder nor the source of a mount counts.
        for path in ["/data", "/x/ledger.db", "/data/ledger.db-wal", "/y"] {
            assert!(!is_listed(path), "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_has_one_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("ledger.db");
        std::fs::write(&path, "").unwrap();
        assert!(check_names(&path).is_ok());
        std::fs::hard_link(&path, folder.path().join("other.db")).unwrap();
        assert!(matches!(check_names(&path), Err(LedgerErrorKind::Linked)));
        let socket = folder.path().join("socket");
        let _socket = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(matches!(
            check_names(&socket),
            Err(LedgerErrorKind::NotAFile)
        ));
    }
}
