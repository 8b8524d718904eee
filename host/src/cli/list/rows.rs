//! The rows of a list, whichever of the three forms it has.

use std::{collections::HashSet, iter, sync::Arc};

use serde_json::Value;

use super::{COMMENT, ListError, machine, names_machines, plain};
use crate::members::members;

/// The rows of a list, one after the other: none is kept.
pub(super) type Rows<'a> = Box<dyn Iterator<Item = Row> + 'a>;

/// What one line says.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) line: u64,
    /// What names the machine, or why nothing does.
    pub(super) machine: Result<String, String>,
    /// The name beside an id.
    pub(super) called: Option<String>,
    pub(super) comment: Option<String>,
    /// Everything in it.
    pub(super) columns: Columns,
}

/// The cells of a row, by the plain names of their columns.
#[derive(Debug, Default)]
pub(super) struct Columns {
    /// Those of a table are all its rows'.
    names: Arc<[String]>,
    cells: Vec<String>,
}

impl Columns {
    /// What stands in this column.
    pub(super) fn get(&self, plain: &str) -> Option<&str> {
        let mut cells = self.names.iter().zip(&self.cells);
        cells
            .find(|(name, _)| *name == plain)
            .map(|(_, cell)| cell.as_str())
    }

    /// The columns that there are.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }
}

/// What separates a table's columns.
const DELIMITERS: [char; 3] = [',', ';', '\t'];

/// Reads a list: JSON Lines where the first line begins an object, a table
/// where it is a head, else a machine a line.
pub(super) fn read<'a>(text: &'a str, name: &str) -> Result<Rows<'a>, ListError> {
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

fn machines(text: &str) -> Rows<'_> {
    let lines = text.lines().map(str::trim).zip(1..);
    Box::new(
        lines
            .filter(|(line, _)| is_line(line))
            .map(|(machine, line)| Row {
                line,
                machine: Ok(machine.to_owned()),
                called: None,
                comment: None,
                columns: Columns::default(),
            }),
    )
}

fn table<'a>(text: &'a str, delimiter: char, name: &str) -> Result<Rows<'a>, ListError> {
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
    let names: Arc<[String]> = head.iter().map(plain).collect();
    let mut record = csv::StringRecord::new();
    let next = move || {
        let line = match reader.read_record(&mut record) {
            Ok(false) => return None,
            Ok(true) => record.position().map_or(0, |at| line(text, at)),
            Err(error) => {
                let line = error.position().map_or(0, |at| line(text, at));
                return Some(Some(fault(line, error.to_string())));
            }
        };
        if record.iter().all(str::is_empty) {
            return Some(None);
        }
        if record.len() != names.len() {
            let reason = format!(
                "it has {} columns, and the head {} (is a quotation open?)",
                record.len(),
                names.len()
            );
            return Some(Some(fault(line, reason)));
        }
        let columns = Columns {
            names: Arc::clone(&names),
            cells: record.iter().map(ToOwned::to_owned).collect(),
        };
        Some(Some(filled(line, columns)))
    };
    Ok(Box::new(iter::from_fn(next).flatten()))
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
fn object(text: &str) -> Result<Columns, String> {
    let members = members(text, |_| true).ok_or_else(|| "it is no JSON object".to_owned())?;
    let (mut names, mut cells) = (Vec::new(), Vec::new());
    for (name, value) in members {
        let value = match serde_json::from_str(value.get()) {
            Ok(Value::String(text)) => text.trim().to_owned(),
            Ok(Value::Null) => String::new(),
            Ok(value @ (Value::Bool(_) | Value::Number(_))) => value.to_string(),
            Ok(Value::Array(_) | Value::Object(_)) => continue,
            Err(_) => return Err(format!("{name:?} cannot be read")),
        };
        let plain = plain(&name);
        if names.contains(&plain) {
            return Err(format!("it has {name:?} twice"));
        }
        names.push(plain);
        cells.push(value);
    }
    Ok(Columns {
        names: names.into(),
        cells,
    })
}

fn objects(text: &str) -> Rows<'_> {
    let lines = text.lines().map(str::trim).zip(1..);
    Box::new(
        lines
            .filter(|(line, _)| is_line(line))
            .map(|(text, line)| match object(text) {
                Err(reason) => fault(line, reason),
                Ok(columns) => filled(line, columns),
            }),
    )
}

fn filled(line: u64, columns: Columns) -> Row {
    let (machine, called) = machine(&columns);
    let comment = columns.get(COMMENT).filter(|comment| !comment.is_empty());
    Row {
        line,
        machine,
        called,
        comment: comment.map(ToOwned::to_owned),
        columns,
    }
}

fn fault(line: u64, reason: String) -> Row {
    Row {
        line,
        machine: Err(reason),
        called: None,
        comment: None,
        columns: Columns::default(),
    }
}
