//! CSV on standard output.

use super::terminal::Terminal;
use offboard::output::{CsvRow, write_csv};

/// Prints rows as CSV (RFC 4180), with a header if `with_head` is set.
pub(super) fn print_csv<T: CsvRow>(terminal: &Terminal, rows: &[T], with_head: bool) {
    let mut bytes = Vec::new();
    match write_csv(&mut bytes, rows, with_head) {
        Ok(()) => terminal.write_bytes(&bytes),
        Err(error) => {
            terminal.report_failure(&format!("the rows cannot be written as CSV: {error}"));
        }
    }
}
