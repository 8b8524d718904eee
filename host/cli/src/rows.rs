//! Rows on standard output: a table for people, JSON and CSV for programs.

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::{advice, args::Format, csv_output::print_csv, terminal::Terminal};
use offboard::{
    contract::Machine,
    ledger::OrderRecord,
    order::{Order, State},
    output::CsvRow,
    text::{clean, clean_json},
};

pub(super) use offboard::output::remarks::{detail, words};

/// Prints rows in the chosen format, a page at a time.
pub(super) struct Rows {
    terminal: Terminal,
    format: Format,
    has_rows: bool,
}

impl Rows {
    pub(super) fn new(terminal: Terminal, format: Format) -> Self {
        Self {
            terminal,
            format,
            has_rows: false,
        }
    }

    pub(super) fn is_table(&self) -> bool {
        self.format == Format::Table
    }

    /// Prints rows for programs: as elements of one JSON array, one object per line, or CSV.
    pub(super) fn add<T: Serialize + CsvRow>(&mut self, rows: &[T]) {
        let is_first = !std::mem::replace(&mut self.has_rows, true);
        if self.format == Format::Csv {
            return print_csv(&self.terminal, rows, is_first);
        }
        let objects = rows
            .iter()
            .filter_map(|row| serde_json::to_string(row).ok())
            .map(|json| clean_json(&json));
        match self.format {
            Format::Jsonl => objects.for_each(|object| self.terminal.print_data(&object)),
            _ => {
                let begin = if is_first { "[\n  " } else { ",\n  " };
                let objects: Vec<String> = objects.collect();
                self.terminal
                    .write_data(&format!("{begin}{}", objects.join(",\n  ")));
            }
        }
    }

    /// Begins another table for people. Rows for programs stay one array.
    pub(super) fn begin_table(&mut self) {
        self.has_rows &= !self.is_table();
    }

    /// Prints rows for people. Only the first call for a table prints the header.
    pub(super) fn table(&mut self, head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        let is_first = !std::mem::replace(&mut self.has_rows, true);
        let table = table(head, rows);
        match table.split_once('\n') {
            Some((_, rows)) if !is_first => self.terminal.print_data(rows),
            _ => self.terminal.print_data(&table),
        }
    }

    /// Ends the output.
    pub(super) fn end(&mut self) {
        match (self.format, self.has_rows) {
            (Format::Json, true) => self.terminal.write_data("\n]\n"),
            (Format::Json, false) => self.terminal.print_data("[]"),
            _ => {}
        }
    }
}

/// Prints all rows at once.
pub(super) fn data<T: Serialize + CsvRow>(terminal: &Terminal, format: Format, rows: &[T]) {
    let mut all = Rows::new(*terminal, format);
    if !rows.is_empty() || format == Format::Csv {
        all.add(rows);
    }
    all.end();
}

/// Formats a table. Control characters are removed from its cells.
pub(super) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header.iter().copied());
    for row in rows {
        table.add_row(row.iter().map(|cell| clean(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// The columns of machines.
const MACHINE_COLUMNS: [&str; 6] = [
    "MACHINE",
    "NAME",
    "SYSTEM",
    "HEALTH",
    "ONBOARDING",
    "LAST SEEN",
];

/// Formats machines as a table.
pub(super) fn machines(machines: &[&Machine]) -> String {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    table(
        &MACHINE_COLUMNS,
        machines.iter().map(|machine| {
            let system = [machine.os_platform.as_deref(), machine.version.as_deref()];
            vec![
                machine.id.clone(),
                or_dash(&machine.computer_dns_name),
                system
                    .iter()
                    .flatten()
                    .copied()
                    .collect::<Vec<_>>()
                    .join(" "),
                or_dash(&machine.health_status),
                or_dash(&machine.onboarding_status),
                or_dash(&machine.last_seen),
            ]
        }),
    )
}

/// The columns of orders and of actions.
pub(super) const ORDER_COLUMNS: [&str; 5] = ["MACHINE", "NAME", "STATE", "ACTION", "DETAIL"];

/// Formats the machines of planned orders as a table.
pub(super) fn planned(entries: &[&OrderRecord]) -> String {
    let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
    let rows = entries.iter().map(|entry| {
        let order = &entry.order;
        let device = order.device().cloned().unwrap_or_default();
        let system = [device.platform.as_deref(), device.version.as_deref()];
        vec![
            or_dash(order.machine().map(|id| id.as_str())),
            or_dash(order.name()),
            system
                .iter()
                .flatten()
                .copied()
                .collect::<Vec<_>>()
                .join(" "),
            or_dash(device.health.as_deref()),
            or_dash(device.onboarding.as_deref()),
            or_dash(device.last_seen.as_deref()),
        ]
    });
    table(&MACHINE_COLUMNS, rows)
}

/// The cells of an order.
pub(super) fn cells(order: &Order) -> Vec<String> {
    vec![
        order
            .machine()
            .map_or_else(|| "-".to_owned(), ToString::to_string),
        order.name().unwrap_or("-").to_owned(),
        order.state().to_string(),
        order
            .action()
            .map_or_else(|| "-".to_owned(), |action| action.id.clone()),
        if order.state() == State::Planned {
            advice::warnings(order).join("; ")
        } else {
            detail(order.action(), order.problem())
        },
    ]
}
