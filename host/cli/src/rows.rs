//! Rows on standard output: a table for people, JSON and CSV for programs.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    advice,
    args::Format,
    csv_output::print_csv,
    table::{Column, table},
    terminal::Terminal,
};
use offboard::{
    contract::Machine,
    ledger::OrderRecord,
    order::{Order, State},
    output::CsvRow,
    text::clean_json,
};

pub(super) use offboard::output::remarks::{detail, words};

/// Prints rows in the chosen format, a page at a time.
pub(super) struct Rows {
    terminal: Terminal,
    format: Format,
    has_rows: bool,
    /// The last element of an array, which is printed when it is known whether a comma follows:
    /// each line is complete, whatever is printed on standard error meanwhile.
    last: Option<String>,
    /// The hashes of the rows that were printed before all rows were known.
    streamed: HashSet<u64>,
}

impl Rows {
    pub(super) fn new(terminal: Terminal, format: Format) -> Self {
        Self {
            terminal,
            format,
            has_rows: false,
            last: None,
            streamed: HashSet::new(),
        }
    }

    /// Whether a row may be printed before all rows are known: each line is complete by itself.
    pub(super) fn can_stream(&self) -> bool {
        self.format == Format::Jsonl
    }

    /// Prints a row before all rows are known. If it is added again, it is not printed again.
    pub(super) fn stream<T: Serialize>(&mut self, row: &T) {
        if let Ok(json) = serde_json::to_string(row)
            && self.can_stream()
            && self.streamed.insert(hash(&json))
        {
            self.terminal.print_data(&clean_json(&json));
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
            .filter(|json| !self.streamed.contains(&hash(json)))
            .map(|json| clean_json(&json));
        match self.format {
            Format::Jsonl => objects.for_each(|object| self.terminal.print_data(&object)),
            _ => {
                let mut text = String::from(if is_first { "[\n" } else { "" });
                for object in objects {
                    if let Some(last) = self.last.replace(object) {
                        text.push_str(&format!("  {last},\n"));
                    }
                }
                self.terminal.write_data(&text);
            }
        }
    }

    /// Begins another table for people. Rows for programs stay one array.
    pub(super) fn begin_table(&mut self) {
        self.has_rows &= !self.is_table();
    }

    /// Prints rows for people. Only the first call for a table prints the header.
    pub(super) fn table(&mut self, head: &[Column], rows: impl IntoIterator<Item = Vec<String>>) {
        let is_first = !std::mem::replace(&mut self.has_rows, true);
        let table = table(&self.terminal, head, rows);
        match table.split_once('\n') {
            Some((_, rows)) if !is_first => self.terminal.print_data(rows),
            _ => self.terminal.print_data(&table),
        }
    }

    /// Ends the output.
    pub(super) fn end(&mut self) {
        match (self.format, self.has_rows) {
            (Format::Json, true) => {
                let last = self.last.take();
                let last = last.map_or_else(String::new, |last| format!("  {last}\n"));
                self.terminal.write_data(&format!("{last}]\n"));
            }
            (Format::Json, false) => self.terminal.print_data("[]"),
            _ => {}
        }
    }
}

fn hash(json: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    json.hash(&mut hasher);
    hasher.finish()
}

/// Prints all rows at once.
pub(super) fn data<T: Serialize + CsvRow>(terminal: &Terminal, format: Format, rows: &[T]) {
    let mut all = Rows::new(*terminal, format);
    if !rows.is_empty() || format == Format::Csv {
        all.add(rows);
    }
    all.end();
}

/// The columns of machines.
const MACHINE_COLUMNS: [Column; 6] = [
    Column::Name("NAME"),
    Column::Id("MACHINE"),
    Column::Text("SYSTEM"),
    Column::Text("HEALTH"),
    Column::Text("ONBOARDING"),
    Column::Word("LAST SEEN (UTC)"),
];

/// Formats machines as a table.
pub(super) fn machines(terminal: &Terminal, machines: &[&Machine]) -> String {
    let rows = machines.iter().map(|machine| {
        vec![
            or_dash(machine.computer_dns_name.as_deref()),
            machine.id.clone(),
            system(machine.os_platform.as_deref(), machine.version.as_deref()),
            or_dash(machine.health_status.as_deref()),
            or_dash(machine.onboarding_status.as_deref()),
            last_seen(machine.last_seen.as_deref()),
        ]
    });
    table(terminal, &MACHINE_COLUMNS, rows)
}

/// Formats the machines of planned orders as a table.
pub(super) fn planned(terminal: &Terminal, entries: &[&OrderRecord]) -> String {
    let rows = entries.iter().map(|entry| {
        let order = &entry.order;
        let device = order.device().cloned().unwrap_or_default();
        vec![
            or_dash(order.name()),
            or_dash(order.machine().map(|id| id.as_str())),
            system(device.platform.as_deref(), device.version.as_deref()),
            or_dash(device.health.as_deref()),
            or_dash(device.onboarding.as_deref()),
            last_seen(device.last_seen.as_deref()),
        ]
    });
    table(terminal, &MACHINE_COLUMNS, rows)
}

fn or_dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

/// An operating system and its version, as far as they are known.
fn system(platform: Option<&str>, version: Option<&str>) -> String {
    let known: Vec<&str> = [platform, version].into_iter().flatten().collect();
    known.join(" ")
}

/// A time to the minute, in UTC.
pub(super) fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M").to_string()
}

/// A time of the service to the minute, in UTC. Another text stays as it is.
fn last_seen(time: Option<&str>) -> String {
    let time = time.unwrap_or("-");
    time.parse().map_or_else(|_| time.to_owned(), minute)
}

/// The columns of orders and of actions.
pub(super) const ORDER_COLUMNS: [Column; 5] = [
    Column::Name("NAME"),
    Column::Id("MACHINE"),
    Column::Word("STATE"),
    Column::Id("ACTION"),
    Column::Text("DETAIL"),
];

/// The cells of an order, with one more warning if it is planned.
pub(super) fn cells(order: &Order, warning: Option<&str>) -> Vec<String> {
    vec![
        or_dash(order.name()),
        or_dash(order.machine().map(|id| id.as_str())),
        order.state().to_string(),
        or_dash(order.action().map(|action| action.id.as_str())),
        if order.state() == State::Planned {
            let warnings = advice::warnings(order).into_iter();
            let warnings = warnings.chain(warning.map(ToOwned::to_owned));
            warnings.collect::<Vec<_>>().join("; ")
        } else {
            detail(order.action(), order.problem())
        },
    ]
}
