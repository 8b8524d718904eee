//! Rows of a CSV file (RFC 4180). A spreadsheet calculates every cell that looks like a
//! formula, so such cells are marked as text.

use std::io::{self, Write};

use csv::Writer;

use crate::text::clean_cell;

/// A type that is a row of a table with fixed columns.
pub trait CsvRow {
    /// The columns. New ones are only added at the end.
    fn columns() -> Vec<&'static str>;

    /// One cell for each column.
    fn cells(&self) -> Vec<String>;
}

/// Writes rows as CSV, below a header if `with_head` is set. Everything is passed to `out` at
/// once.
///
/// # Errors
/// `out` cannot be written.
pub fn write_csv<T: CsvRow>(out: &mut impl Write, rows: &[T], with_head: bool) -> io::Result<()> {
    let mut writer = Writer::from_writer(Vec::new());
    if with_head {
        writer.write_record(T::columns())?;
    }
    for row in rows {
        writer.write_record(row.cells().iter().map(|cell| clean_cell(cell)))?;
    }
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    out.write_all(&bytes)
}
