//! Tables for people. Unless the user chose `--wide`, a table fits the terminal, or 100 columns
//! without one: ids are shortened to what is unique in the table, and long cells are wrapped.

use std::collections::BTreeSet;

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};

use super::terminal::Terminal;
use offboard::text::clean;

/// The most characters of a line without a terminal.
const DEFAULT_WIDTH: u16 = 100;
/// The fewest characters of a line that a table of long names and ids can have.
const MIN_WIDTH: u16 = 100;
/// The fewest characters of a shortened id, without its ellipsis.
const MIN_ID: usize = 8;
/// A name of at most this many characters is not broken into lines.
const MAX_UNBROKEN_NAME: usize = 40;
/// The spaces between two columns.
const GAP: u16 = 2;

/// A column: its header, and what happens to its cells if the table is too wide.
#[derive(Debug, Clone, Copy)]
pub(super) enum Column {
    /// The cells are names of machines. They are wrapped only if they are long, so that they can
    /// be copied: other texts are wrapped first.
    Name(&'static str),
    /// The cells are wrapped.
    Text(&'static str),
    /// The cells are short, and stay on one line.
    Word(&'static str),
    /// The cells are ids. They are shortened, and stay on one line.
    Id(&'static str),
}

impl Column {
    fn header(self) -> &'static str {
        match self {
            Self::Name(header) | Self::Text(header) | Self::Word(header) | Self::Id(header) => {
                header
            }
        }
    }
}

/// Formats a table. Control characters are removed from its cells.
pub(super) fn table(
    terminal: &Terminal,
    columns: &[Column],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> String {
    let rows = rows
        .into_iter()
        .map(|row| row.iter().map(|cell| clean(cell)).collect())
        .collect();
    let width = (!terminal.is_wide()).then(|| {
        let width = Terminal::width().unwrap_or(DEFAULT_WIDTH);
        width.max(MIN_WIDTH)
    });
    format(columns, rows, width)
}

/// Formats a table with lines of at most this many characters; `None` for any number.
fn format(columns: &[Column], mut rows: Vec<Vec<String>>, width: Option<u16>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(columns.iter().map(|column| column.header()));
    if let Some(width) = width {
        shorten_ids(columns, &mut rows);
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            // The spaces after the last column are not printed.
            .set_width(width.saturating_add(GAP));
    }
    let name_widths: Vec<u16> = (0..columns.len())
        .map(|index| unbroken_width(&rows, index))
        .collect();
    for row in rows {
        table.add_row(row);
    }
    for ((column, kind), name_width) in table.column_iter_mut().zip(columns).zip(name_widths) {
        column.set_padding((0, GAP));
        match kind {
            Column::Text(header) => {
                // A header is not broken into lines.
                let width = u16::try_from(header.chars().count()).unwrap_or_default();
                let width = Width::Fixed(width + GAP);
                column.set_constraint(ColumnConstraint::LowerBoundary(width));
            }
            Column::Name(_) => {
                // The boundary includes the padding.
                let width = Width::Fixed(name_width + GAP);
                column.set_constraint(ColumnConstraint::LowerBoundary(width));
            }
            Column::Word(_) | Column::Id(_) => {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
    }
    table.trim_fmt()
}

/// The width of the longest cell of a column that is not to be broken into lines.
fn unbroken_width(rows: &[Vec<String>], index: usize) -> u16 {
    let cells = rows.iter().filter_map(|row| row.get(index));
    let widths = cells.map(|cell| cell.chars().count());
    let width = widths.filter(|width| *width <= MAX_UNBROKEN_NAME).max();
    width
        .and_then(|width| u16::try_from(width).ok())
        .unwrap_or_default()
}

/// Shortens the ids of each column to the same number of characters, so that they differ.
fn shorten_ids(columns: &[Column], rows: &mut [Vec<String>]) {
    for (index, column) in columns.iter().enumerate() {
        if !matches!(column, Column::Id(_)) {
            continue;
        }
        let cells = rows.iter_mut().filter_map(|row| row.get_mut(index));
        let ids: Vec<&mut String> = cells.filter(|cell| is_id(cell)).collect();
        let length = unique_length(ids.iter().map(|id| id.as_str()));
        for id in ids {
            // The ellipsis replaces at least two characters.
            if id.len() > length + 1 {
                id.truncate(length);
                id.push('…');
            }
        }
    }
}

/// Whether a cell is an id of the service: hexadecimal digits and hyphens.
fn is_id(cell: &str) -> bool {
    cell.len() > MIN_ID && cell.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// The length from which on different ids differ.
fn unique_length<'a>(ids: impl Iterator<Item = &'a str>) -> usize {
    let ids: BTreeSet<&str> = ids.collect();
    let pairs = ids.iter().zip(ids.iter().skip(1));
    let shared = pairs.map(|(a, b)| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count());
    shared.max().map_or(0, |shared| shared + 1).max(MIN_ID)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] = [
        Column::Text("NAME"),
        Column::Id("MACHINE"),
        Column::Word("STATE"),
        Column::Text("DETAIL"),
    ];

    fn row(name: &str, id: &str, detail: &str) -> Vec<String> {
        [name, id, "accepted", detail].map(str::to_owned).into()
    }

    /// Without `--wide`, no line is longer than the terminal, and no word of a text is lost.
    #[test]
    fn a_table_fits_the_terminal() {
        let detail = "The service rejected the request, because the machine ".repeat(5);
        let name = "a-very-long-name.of-a-machine.in-a-domain.corp.contoso.test";
        let id = "e36ea923124a3636b26069dfd79384eeaf195e5c";
        let rows = vec![row(name, id, &detail), row("laptop-7", id, "Pending")];
        for width in [MIN_WIDTH, 132] {
            let table = format(&COLUMNS, rows.clone(), Some(width));
            let longest = table.lines().map(|line| line.chars().count()).max();
            assert!(longest <= Some(width.into()), "{table}");
        }
        let narrow = format(&COLUMNS, rows.clone(), Some(DEFAULT_WIDTH));
        assert!(
            narrow.lines().all(|line| line.chars().count() <= 100),
            "{narrow}"
        );
        assert_eq!(narrow.matches("rejected").count(), 5, "{narrow}");
        assert!(narrow.contains("e36ea923…  accepted"), "{narrow}");
        let wide = format(&COLUMNS, rows, None);
        assert_eq!(wide.lines().count(), 3, "{wide}");
        assert!(
            wide.contains(id) && wide.contains(detail.trim_end()),
            "{wide}"
        );
    }

    /// A name can be copied from its line, also if the other texts of the table are long.
    #[test]
    fn a_name_of_up_to_40_characters_is_on_one_line() {
        let columns = [
            Column::Name("NAME"),
            Column::Id("MACHINE"),
            Column::Text("SYSTEM"),
            Column::Text("HEALTH"),
            Column::Text("ONBOARDING"),
            Column::Word("LAST SEEN (UTC)"),
        ];
        let row = |name: &str| {
            let id = "e36ea923124a3636b26069dfd79384eeaf195e5c";
            let (system, health) = ("WindowsServer2012R2 6.3", "ImpairedCommunication");
            let cells = [
                name,
                id,
                system,
                health,
                "InsufficientInfo",
                "2026-11-25 21:36",
            ];
            cells.map(str::to_owned).to_vec()
        };
        let name = "server-0017.berlin.corp.contoso.test.xyz";
        let long = "a-very-long-name.of-a-machine.in-a-domain.corp.contoso.test";
        for rows in [vec![row(name)], vec![row(name), row("laptop-7"), row(long)]] {
            let table = format(&columns, rows, Some(DEFAULT_WIDTH));
            assert!(table.contains(name), "{table}");
            let is_narrow = table.lines().all(|line| line.chars().count() <= 100);
            assert!(is_narrow, "{table}");
        }
    }

    /// Ids that begin alike are shortened to what differs, and other cells are not shortened.
    #[test]
    fn shortened_ids_are_unique_in_the_table() {
        let (a, b) = ("e36ea923124a3636b26069df", "e36ea923124a7636b26069df");
        let rows = vec![
            row("a", a, ""),
            row("b", b, ""),
            row("a", a, ""),
            row("c", "-", ""),
        ];
        let table = format(&COLUMNS, rows, Some(DEFAULT_WIDTH));
        assert_eq!(table.matches("e36ea923124a3…").count(), 2, "{table}");
        assert_eq!(table.matches("e36ea923124a7…").count(), 1, "{table}");
    }
}
