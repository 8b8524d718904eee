//! Orders as data: a table for people, JSON and CSV for programs. The JSON's schema is
//! in `docs/schema/order.json`, and only ever grows.

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    args::Format,
    hint,
    screen::Screen,
    sheet::{Cells, csv},
    target::Subject,
};
use offboard::{
    connection::TokenClaims,
    contract::{ActionType, Machine, MachineAction, Problem, Retry},
    ledger::Entry,
    order::{Look, Order, State},
    text::{clean, clean_json},
};

/// One order, as programs see it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row<'a> {
    /// What the user named.
    asked: String,
    machine_id: Option<&'a str>,
    name: Option<&'a str>,
    comment: Option<&'a str>,
    state: &'a str,
    action: Option<Box<RawValue>>,
    error: Option<ErrorRow<'a>>,
    /// What was known before: `ok`, `unavailable`, or none where it was not
    /// asked.
    preflight: Option<&'a str>,
    note: Option<&'a str>,
    /// What speaks against it, before it is sent.
    warnings: Vec<String>,
    /// The action's id and status, for a form that cannot hold it whole.
    #[serde(skip)]
    brief: Option<(&'a str, &'a str)>,
}

impl Cells for Row<'_> {
    const HEAD: &'static [&'static str] = &[
        "asked",
        "machineId",
        "name",
        "comment",
        "state",
        "actionId",
        "actionStatus",
        "errorKind",
        "errorCode",
        "errorMessage",
        "errorTarget",
        "retry",
        "preflight",
        "note",
        "warnings",
    ];

    fn cells(&self) -> Vec<String> {
        let error = self.error.as_ref();
        let retry = error.map(|error| error.retry.name());
        let warnings = self.warnings.join("; ");
        [
            Some(self.asked.as_str()),
            self.machine_id,
            self.name,
            self.comment,
            Some(self.state),
            self.brief.map(|(id, _)| id),
            self.brief.map(|(_, status)| status),
            error.map(|error| error.kind),
            error.and_then(|error| error.code),
            error.and_then(|error| error.message),
            error.and_then(|error| error.target),
            retry,
            self.preflight,
            self.note,
            Some(&warnings),
        ]
        .map(|cell| cell.unwrap_or_default().to_owned())
        .to_vec()
    }
}

#[derive(Serialize)]
struct ErrorRow<'a> {
    kind: &'a str,
    code: Option<&'a str>,
    message: Option<&'a str>,
    target: Option<&'a str>,
    hint: String,
    retry: Retry,
}

impl<'a> Row<'a> {
    pub(super) fn new(order: &'a Order, claims: Option<&TokenClaims>) -> Self {
        let platform = order.seen().and_then(|seen| seen.platform.as_deref());
        Self {
            asked: order.target().to_string(),
            machine_id: order.machine().map(|id| id.as_str()),
            name: order.name(),
            comment: Some(order.comment().as_str()),
            state: order.state().name(),
            action: order.action().and_then(raw),
            error: order
                .problem()
                .map(|problem| error_row(problem, hint::hint(problem, claims))),
            preflight: order.look().map(|look| match look {
                Look::Seen(_) => "ok",
                Look::Unavailable => "unavailable",
            }),
            note: match order.is_joined() {
                true => Some(hint::JOINED),
                // The error says more.
                false if order.is_not_listed() => None,
                false => note(order.state(), platform),
            },
            warnings: hint::warnings(order),
            brief: order.action().map(brief),
        }
    }

    /// An action that no order of this run stands behind.
    pub(super) fn of_action(
        asked: &Subject,
        action: &'a MachineAction,
        comment: Option<&'a str>,
        state: State,
        doubt: Option<(&'a Problem, String)>,
    ) -> Self {
        Self {
            asked: asked.to_string(),
            machine_id: action.machine_id.as_deref(),
            name: action.computer_dns_name.as_deref(),
            comment: comment.or(action.requestor_comment.as_deref()),
            state: state.name(),
            action: raw(action),
            // The error says more.
            note: match action.action_type {
                ActionType::Offboard if doubt.is_none() => note(state, None),
                _ => None,
            },
            error: doubt.map(|(problem, hint)| error_row(problem, hint)),
            preflight: None,
            warnings: Vec::new(),
            brief: Some(brief(action)),
        }
    }

    /// Something that was asked for and cannot be shown.
    pub(super) fn of_problem(
        asked: &'a Subject,
        comment: Option<&'a str>,
        problem: &'a Problem,
        state: State,
        hint: String,
    ) -> Self {
        let (machine_id, name) = asked.machine();
        Self {
            asked: asked.to_string(),
            machine_id,
            name,
            comment,
            state: state.name(),
            action: None,
            error: Some(error_row(problem, hint)),
            preflight: None,
            note: None,
            warnings: Vec::new(),
            brief: None,
        }
    }
}

fn note(state: State, platform: Option<&str>) -> Option<&'static str> {
    match state {
        State::Succeeded => Some(hint::aftermath(platform)),
        State::Pending => Some(hint::PENDING),
        _ => None,
    }
}

fn error_row(problem: &Problem, hint: String) -> ErrorRow<'_> {
    ErrorRow {
        kind: &problem.kind,
        code: problem.code.as_deref(),
        message: problem.message.as_deref(),
        target: problem.target.as_deref(),
        hint,
        retry: problem.retry,
    }
}

fn brief(action: &MachineAction) -> (&str, &str) {
    (&action.id, action.status.name())
}

fn raw(action: &MachineAction) -> Option<Box<RawValue>> {
    RawValue::from_string(action.json.clone()).ok()
}

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
    pub(super) fn add<T: Serialize + Cells>(&mut self, rows: &[T]) {
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
pub(super) fn data<T: Serialize + Cells>(screen: &Screen, format: Format, rows: &[T]) {
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
pub(super) fn planned(entries: &[&Entry]) -> String {
    let word = |text: Option<&str>| text.unwrap_or("-").to_owned();
    let rows = entries.iter().map(|entry| {
        let order = &entry.order;
        let seen = order.seen().cloned().unwrap_or_default();
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

/// The last column: what went wrong, or the service's own status.
pub(super) fn detail(action: Option<&MachineAction>, problem: Option<&Problem>) -> String {
    match (problem, action) {
        (Some(problem), _) => words(problem),
        (None, Some(action)) => action.status.name().to_owned(),
        (None, None) => String::new(),
    }
}

/// The service's words and its tracking id.
pub(super) fn words(problem: &Problem) -> String {
    let mut words = vec![problem.kind.to_string()];
    if let Some(status) = problem.status {
        words.push(format!("({status})"));
    }
    if let Some(code) = &problem.code {
        words.push(format!("{code}:"));
    }
    words.extend(problem.message.clone());
    if let Some(target) = &problem.target {
        words.push(format!("[tracking id {target}]"));
    }
    clean(&words.join(" "))
}
