//! Rows on standard output: a table for people, JSON and CSV for programs.

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::{args::Format, hint, screen::Screen, sheet::csv};
use offboard::{
    contract::Machine,
    ledger::OrderRecord,
    order::{Order, State},
    output::CsvRow,
    text::{clean, clean_json},
};

pub(super) use offboard::output::remarks::{detail, words};

/// Rows for programs, or a table for people, a page at a time.
pub(super) struct Rows {
    screen: Screen,
    format: Format,
    written: bool,
}

impl Rows {
    pub(super) fn new(screen: Screen, format: Format) -> Self {
        Self {
            screen,
            format,
            written: false,
        }
    }

    pub(super) fn is_table(&self) -> bool {
        self.format == Format::Table
    }

    /// One JSON array, one object a line, or CSV.
    pub(super) fn add<T: Serialize + CsvRow>(&mut self, rows: &[T]) {
        let is_first = !std::mem::replace(&mut self.written, true);
        if self.format == Format::Csv {
            return csv(&self.screen, rows, is_first);
        }
        let objects = rows
            .iter()
            .filter_map(|row| serde_json::to_string(row).ok())
            .map(|json| clean_json(&json));
        match self.format {
            Format::Jsonl => objects.for_each(|object| self.screen.line(&object)),
            _ => {
                let begin = if is_first { "[\n  " } else { ",\n  " };
                let objects: Vec<String> = objects.collect();
                self.screen
                    .data(&format!("{begin}{}", objects.join(",\n  ")));
            }
        }
    }

    /// A table; its head stands once.
    pub(super) fn table(&mut self, head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        let is_first = !std::mem::replace(&mut self.written, true);
        let table = table(head, rows);
        match table.split_once('\n') {
            Some((_, rows)) if !is_first => self.screen.line(rows),
            _ => self.screen.line(&table),
        }
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self) {
        match (self.format, self.written) {
            (Format::Json, true) => self.screen.data("\n]\n"),
            (Format::Json, false) => self.screen.line("[]"),
            _ => {}
        }
    }
}

/// All rows at once.
pub(super) fn data<T: Serialize + CsvRow>(screen: &Screen, format: Format, rows: &[T]) {
    let mut all = Rows::new(*screen, format);
    if !rows.is_empty() || format == Format::Csv {
        all.add(rows);
    }
    all.end();
}

/// A table without lines, its cells cleaned.
pub(super) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(head.iter().copied());
    for row in rows {
        table.add_row(row.iter().map(|cell| clean(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// The columns of machines.
const MACHINE_HEAD: [&str; 6] = [
    "MACHINE",
    "NAME",
    "SYSTEM",
    "HEALTH",
    "ONBOARDING",
    "LAST SEEN",
];

/// Machines as people read them.
pub(super) fn machines(machines: &[&Machine]) -> String {
    let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    table(
        &MACHINE_HEAD,
        machines.iter().map(|machine| {
            let system = [machine.os_platform.as_deref(), machine.version.as_deref()];
            vec![
                machine.id.clone(),
                word(&machine.computer_dns_name),
                system
                    .iter()
                    .flatten()
                    .copied()
                    .collect::<Vec<_>>()
                    .join(" "),
                word(&machine.health_status),
                word(&machine.onboarding_status),
                word(&machine.last_seen),
            ]
        }),
    )
}

/// The columns of orders and of actions.
pub(super) const ORDER_HEAD: [&str; 5] = ["MACHINE", "NAME", "STATE", "ACTION", "DETAIL"];

/// Machines that are to be offboarded, as people read them.
pub(super) fn planned(entries: &[&OrderRecord]) -> String {
    let word = |text: Option<&str>| text.unwrap_or("-").to_owned();
    let rows = entries.iter().map(|entry| {
        let order = &entry.order;
        let seen = order.device().cloned().unwrap_or_default();
        let system = [seen.platform.as_deref(), seen.version.as_deref()];
        vec![
            word(order.machine().map(|id| id.as_str())),
            word(order.name()),
            system
                .iter()
                .flatten()
                .copied()
                .collect::<Vec<_>>()
                .join(" "),
            word(seen.health.as_deref()),
            word(seen.onboarding.as_deref()),
            word(seen.last_seen.as_deref()),
        ]
    });
    table(&MACHINE_HEAD, rows)
}

/// An order as people read it.
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
        match order.state() {
            State::Planned => hint::warnings(order).join("; "),
            _ => detail(order.action(), order.problem()),
        },
    ]
}
