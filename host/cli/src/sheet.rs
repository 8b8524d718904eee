//! Rows as CSV on standard output.

use super::screen::Screen;
use offboard::output::{CsvRow, write_csv};

/// Prints rows as CSV (RFC 4180), below a head if `with_head` is set.
pub(super) fn csv<T: CsvRow>(screen: &Screen, rows: &[T], with_head: bool) {
    let mut bytes = Vec::new();
    match write_csv(&mut bytes, rows, with_head) {
        Ok(()) => screen.bytes(&bytes),
        Err(_) => screen.fail("the rows cannot be written as CSV"),
    }
}
