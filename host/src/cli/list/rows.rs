//! The rows of a list, whichever of the three forms it has.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::{COMMENT, ListError, machine, names_machines, plain};
use crate::members::members;

/// What one line says.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) line: u64,
    /// What names the machine, or why nothing does.
    pub(super) machine: Result<String, String>,
    /// The name beside an id.
    pub(super) called: Option<String>,
    pub(super) comment: Option<String>,
    /// Everything in it, by the plain names of its columns.
    pub(super) columns: HashMap<String, String>,
}

/// What separates a table's columns.
const DELIMITERS: [char; 3] = [',', ';', '\t'];

/// Reads a list: JSON Lines where the first line begins an object, a table
/// where it is a head, else a machine a line.
pub(super) fn read(text: &str, name: &str) -> Result<Vec<Row>, ListError> {
    let first = text.lines().map(str::trim).find(|line| is_line(line));
    let Some(first) = first else {
        return Err(ListError::Empty(name.to_owned()));
    };
    if first.starts_with('{') {
        return Ok(objects(text));
    }
    if first.starts_with('[') {
        return Err(ListError::Array(name.to_owned()));
    }
    match delimiter(first) {
        Some(delimiter) => table(text, delimiter, name),
        None => Ok(machines(text)),
    }
}

/// Not blank, and not a remark.
fn is_line(line: &str) -> bool {
    !line.is_empty() && !line.starts_with('#')
}

/// What separates the columns of a head; none where this is no head. One
/// column is a head if it is called so.
fn delimiter(first: &str) -> Option<char> {
    let cells = |delimiter| {
        let cells = first.split(delimiter);
        cells.map(|cell: &str| cell.trim().trim_matches('"'))
    };
    let found = DELIMITERS
        .into_iter()
        .max_by_key(|delimiter| cells(*delimiter).count())?;
    let is_table = cells(found).count() > 1;
    let names_machines = cells(found).any(names_machines);
    (is_table || names_machines).then_some(found)
}

fn machines(text: &str) -> Vec<Row> {
    let lines = text.lines().map(str::trim).zip(1..);
    lines
        .filter(|(line, _)| is_line(line))
        .map(|(machine, line)| Row {
            line,
            machine: Ok(machine.to_owned()),
            called: None,
            comment: None,
            columns: HashMap::new(),
        })
        .collect()
}

fn table(text: &str, delimiter: char, name: &str) -> Result<Vec<Row>, ListError> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(u8::try_from(delimiter).unwrap_or(b','))
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .flexible(true)
        .from_reader(text.as_bytes());
    let head = reader.headers().cloned().unwrap_or_default();
    let mut known = HashSet::new();
    let mut named = head.iter().filter(|column| !column.is_empty());
    if let Some(twice) = named.find(|column| !known.insert(plain(column))) {
        return Err(ListError::Twice(name.to_owned(), twice.to_owned()));
    }
    if !head.iter().any(names_machines) {
        let columns = head.iter().collect::<Vec<_>>().join(", ");
        return Err(ListError::Columns(name.to_owned(), columns));
    }
    let row = |record: Result<csv::StringRecord, csv::Error>| {
        let (record, line) = match record {
            Ok(record) => {
                let line = record.position().map_or(0, |at| line(text, at));
                (record, line)
            }
            Err(error) => {
                let line = error.position().map_or(0, |at| line(text, at));
                return Some(fault(line, error.to_string()));
            }
        };
        if record.iter().all(str::is_empty) {
            return None;
        }
        if record.len() != head.len() {
            let reason = format!(
                "it has {} columns, and the head {} (is a quotation open?)",
                record.len(),
                head.len()
            );
            return Some(fault(line, reason));
        }
        let columns: HashMap<String, String> = head
            .iter()
            .zip(record.iter())
            .map(|(column, cell)| (plain(column), cell.to_owned()))
            .collect();
        Some(filled(line, columns))
    };
    Ok(reader.records().filter_map(row).collect())
}

/// The line of a record: what is passed over before it is counted to it.
fn line(text: &str, at: &csv::Position) -> u64 {
    let rest = usize::try_from(at.byte())
        .ok()
        .and_then(|at| text.get(at..));
    let passed = rest.unwrap_or_default().split('\n').take_while(|line| {
        let line = line.trim_end_matches('\r');
        line.is_empty() || line.starts_with('#')
    });
    at.line() + passed.count() as u64
}

/// An object's members by their plain names. What is no text, number or word is
/// nothing that a list says.
fn object(text: &str) -> Result<HashMap<String, String>, String> {
    let members = members(text, |_| true).ok_or_else(|| "it is no JSON object".to_owned())?;
    let mut columns = HashMap::new();
    for (name, value) in members {
        let value = match serde_json::from_str(value.get()) {
            Ok(Value::String(text)) => text.trim().to_owned(),
            Ok(Value::Null) => String::new(),
            Ok(value @ (Value::Bool(_) | Value::Number(_))) => value.to_string(),
            Ok(Value::Array(_) | Value::Object(_)) => continue,
            Err(_) => return Err(format!("{name:?} cannot be read")),
        };
        if columns.insert(plain(&name), value).is_some() {
            return Err(format!("it has {name:?} twice"));
        }
    }
    Ok(columns)
}

fn objects(text: &str) -> Vec<Row> {
    let lines = text.lines().map(str::trim).zip(1..);
    lines
        .filter(|(line, _)| is_line(line))
        .map(|(text, line)| match object(text) {
            Err(reason) => fault(line, reason),
            Ok(columns) => filled(line, columns),
        })
        .collect()
}

fn filled(line: u64, columns: HashMap<String, String>) -> Row {
    let (machine, called) = machine(&columns);
    let comment = columns.get(COMMENT).filter(|comment| !comment.is_empty());
    Row {
        line,
        machine,
        called,
        comment: comment.cloned(),
        columns,
    }
}

fn fault(line: u64, reason: String) -> Row {
    Row {
        line,
        machine: Err(reason),
        called: None,
        comment: None,
        columns: HashMap::new(),
    }
}
