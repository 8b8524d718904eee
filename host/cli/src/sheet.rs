//! Rows for a spreadsheet. One that opens the file calculates whatever looks
//! like a formula; no cell of ours does.

use super::screen::Screen;
use offboard::text::clean_cell;

/// Something that is a row of a table with a fixed head.
pub(super) trait Cells {
    /// The columns; new ones only ever come last.
    const HEAD: &'static [&'static str];

    /// One cell for each column.
    fn cells(&self) -> Vec<String>;
}

/// Rows as CSV (RFC 4180), with a head or going on.
pub(super) fn csv<T: Cells>(screen: &Screen, rows: &[T], with_head: bool) {
    let head = || T::HEAD.iter().map(ToString::to_string).collect();
    let head = with_head.then(head).into_iter();
    write(screen, head.chain(rows.iter().map(Cells::cells)));
}

fn write(screen: &Screen, rows: impl Iterator<Item = Vec<String>>) {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = rows
        .map(|row| row.iter().map(|cell| clean_cell(cell)).collect::<Vec<_>>())
        .try_for_each(|row| writer.write_record(row));
    match (written, writer.into_inner()) {
        (Ok(()), Ok(bytes)) => screen.data(&String::from_utf8_lossy(&bytes)),
        _ => screen.fail("the rows cannot be written as CSV"),
    }
}
