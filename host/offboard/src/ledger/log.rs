//! The log of a ledger's newest commits, read as the next process would read it: frame by
//! frame, as long as the checksums match (sqlite.org/fileformat2.html#walformat). While it is
//! open, SQLite itself trusts the index of the log. If another program emptied, truncated or
//! changed the log, a checkpoint would copy the rest of it over the database, and destroy
//! older records.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek},
};

/// Size of the log's header and of each frame's header, in bytes.
const HEAD: usize = 32;
const FRAME: usize = 24;

/// What the next process finds in a log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Content {
    /// The number of frames, up to the last one that is valid and ends a commit.
    pub(super) committed: u32,
    /// Whether a commit of the same generation follows an unreadable frame. The next process
    /// ignores it.
    pub(super) is_damaged: bool,
}

/// Reads a log as the next process would.
pub(super) fn content(mut log: &File) -> io::Result<Content> {
    log.rewind()?;
    let mut log = BufReader::with_capacity(1 << 16, log);
    let mut head = [0; HEAD];
    if !fill(&mut log, &mut head)? {
        return Ok(Content::default());
    }
    // SQLite never writes an unreadable header.
    let damaged = Content {
        committed: 0,
        is_damaged: true,
    };
    let is_big = match word(&head, 0) {
        0x377f_0682 => false,
        0x377f_0683 => true,
        _ => return Ok(damaged),
    };
    let mut sum = Checksum {
        is_big,
        words: (0, 0),
    };
    sum.add(&head[..24]);
    let size = word(&head, 8);
    if !sum.is(&head, 24) || !size.is_power_of_two() || !(512..=65_536).contains(&size) {
        return Ok(damaged);
    }
    let mut frame = [0; FRAME];
    let mut page = vec![0; size as usize];
    let (mut at, mut content) = (0, Content::default());
    let mut is_readable = true;
    while fill(&mut log, &mut frame)? && fill(&mut log, &mut page)? {
        let is_current = frame[8..16] == head[16..24];
        let ends_commit = word(&frame, 4) > 0;
        is_readable &= is_current;
        if is_readable {
            sum.add(&frame[..8]);
            sum.add(&page);
            is_readable = sum.is(&frame, 16);
        }
        at += 1;
        if is_readable && ends_commit {
            content.committed = at;
        }
        // Frames of earlier generations may follow; they have other salts.
        if !is_readable && is_current && ends_commit {
            content.is_damaged = true;
            break;
        }
    }
    Ok(content)
}

/// SQLite's checksum, which continues from frame to frame.
struct Checksum {
    is_big: bool,
    words: (u32, u32),
}

impl Checksum {
    fn add(&mut self, bytes: &[u8]) {
        let (mut one, mut two) = self.words;
        let read = if self.is_big {
            u32::from_be_bytes
        } else {
            u32::from_le_bytes
        };
        // Without slices: an unoptimised build, as the tests use it, is several times faster.
        let (pairs, _) = bytes.as_chunks();
        for &[a, b, c, d, e, f, g, h] in pairs {
            one = one.wrapping_add(read([a, b, c, d])).wrapping_add(two);
            two = two.wrapping_add(read([e, f, g, h])).wrapping_add(one);
        }
        self.words = (one, two);
    }

    fn is(&self, bytes: &[u8], at: usize) -> bool {
        self.words == (word(bytes, at), word(bytes, at + 4))
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Fills the buffer; `false` if the file ends before.
fn fill(log: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match log.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
