//! The rows of a list, whichever of the three forms it has.

use std::{iter, sync::Arc};

use serde_json::value::RawValue;

use super::{
    ListError, ListOptions,
    columns::{Columns, Heading, find, headings, is_known},
    list::{ListFault, RowError},
    reference::has_id,
    table::{Line, Table, is_line_break, lines, trim},
};
use crate::members::members;

/// The rows of a list, read one after the other; none is kept.
pub(super) type Rows<'a> = Box<dyn Iterator<Item = Result<Row, ListFault>> + 'a>;

/// The content of one line.
#[derive(Debug)]
pub(super) enum Row {
    /// A remark, which is skipped.
    Remark,
    /// A machine alone.
    Machine(u64, String),
    /// A machine with more beside it.
    Columns(u64, Columns),
}

/// What separates a table's columns, unless its first line names another separator.
const DELIMITERS: [char; 3] = [',', ';', '\t'];

/// The most lines after the first one in which a header is searched.
const MAX_TITLE: usize = 10;

/// Reads a list: JSON Lines if the first line begins an object, a table if it is a
/// header, and otherwise one machine per line.
pub(super) fn read<'a>(text: &'a str, options: &ListOptions) -> Result<Rows<'a>, ListError> {
    // Excel's own line before the header.
    if let Some((_, first)) = lines(text).next()
        && let Some(delimiter) = separator_line(first)
    {
        return table(Table::new(&text[first.len()..], delimiter, 1), options);
    }
    let first = lines(text).find(|(_, line)| is_line(trim(line)));
    let Some((number, first)) = first else {
        return Err(ListError::Empty);
    };
    match trim(first) {
        first if first.starts_with('{') && !is_document(text) => return Ok(objects(text)),
        first if first.starts_with('{') => return Err(ListError::Array),
        first if first.starts_with('[') => return Err(ListError::Array),
        _ => (),
    }
    let is_asked_for = options.id_column.is_some() || options.name_column.is_some();
    let has_known = |line: &str, least: usize| {
        let cells = delimiter(line).map(|delimiter| cells(line, delimiter));
        cells.is_some_and(|cells| cells.len() >= least && cells.iter().any(|cell| is_known(cell)))
    };
    if has_known(unquoted(first), 2) && !has_known(first, 1) {
        return Err(ListError::Quoted(number));
    }
    let is_asked = |line: &str| {
        let asked = [&options.id_column, &options.name_column]
            .into_iter()
            .flatten();
        let cells: Vec<Heading> = delimiter(line)
            .map(|delimiter| cells(line, delimiter))
            .unwrap_or_default()
            .iter()
            .map(|cell| Heading::new(cell))
            .collect();
        asked
            .into_iter()
            .any(|name| matches!(find(&cells, name), Ok(Some(_))))
    };
    // A title, as reports have it.
    if !has_known(first, 1) && !is_asked(first) {
        let after = lines(text).map(|(number, line)| (number, trim(line)));
        let after = after.filter(|(at, line)| *at > number && is_line(line));
        let mut after = after.take(MAX_TITLE);
        if let Some((header, _)) = after.find(|(_, line)| has_known(line, 2) || is_asked(line)) {
            return Err(ListError::Title(header));
        }
    }
    match delimiter(first) {
        Some(delimiter) => table(Table::new(text, delimiter, 1), options),
        None if is_asked_for => table(Table::new(text, ',', 1), options),
        None => Ok(machines(text)),
    }
}

/// Whether a text of several lines is one JSON value.
fn is_document(text: &str) -> bool {
    let is_json = serde_json::from_str::<&RawValue>(text).is_ok();
    is_json && lines(text).filter(|(_, line)| is_line(trim(line))).count() > 1
}

/// Not blank, and not a remark.
pub(super) fn is_line(line: &str) -> bool {
    !line.is_empty() && !line.starts_with('#')
}

/// The separator that `sep=;` names.
fn separator_line(first: &str) -> Option<char> {
    let first = first.trim().trim_matches('"');
    let (name, separator) = first.split_at_checked(4)?;
    let mut separator = separator.chars();
    match (
        name.eq_ignore_ascii_case("sep="),
        separator.next(),
        separator.next(),
    ) {
        (true, Some(separator), None) if separator != '"' => Some(separator),
        _ => None,
    }
}

/// What separates the columns of a header; `None` if this is not a header. One column is
/// a header if it has a known name.
fn delimiter(first: &str) -> Option<char> {
    let heads = DELIMITERS.map(|delimiter| (delimiter, cells(first, delimiter)));
    let known = |head: &[String]| head.iter().any(|heading| is_known(heading));
    let heads = heads
        .iter()
        .filter(|(_, head)| head.len() > 1 || known(head));
    let best = heads.max_by_key(|(_, head)| (head.len(), known(head)));
    best.map(|(delimiter, _)| *delimiter)
}

fn cells(line: &str, delimiter: char) -> Vec<String> {
    match Table::new(line, delimiter, 1).next() {
        Some(Ok((_, Line::Cells(cells)))) => cells,
        // A quotation that is open here ends in a later line.
        _ => line.split(delimiter).map(ToOwned::to_owned).collect(),
    }
}

fn machines(text: &str) -> Rows<'_> {
    let rows = lines(text).map(|(number, line)| (number, trim(line)));
    let rows = rows.filter(|(_, line)| !line.is_empty());
    Box::new(rows.map(|(number, line)| {
        Ok(match line.starts_with('#') {
            true => Row::Remark,
            false => Row::Machine(number, unquoted(line).to_owned()),
        })
    }))
}

/// As `jq` writes texts, in quotation marks.
fn unquoted(line: &str) -> &str {
    let inner = line
        .strip_prefix('"')
        .and_then(|line| line.strip_suffix('"'));
    inner.unwrap_or(line)
}

fn table<'a>(mut table: Table<'a>, options: &ListOptions) -> Result<Rows<'a>, ListError> {
    let mut remarks = 0;
    let (number, head) = loop {
        match table.next() {
            None => return Err(ListError::Empty),
            Some(Err(fault)) => return Err(ListError::Faults(vec![fault])),
            Some(Ok((number, Line::Cells(cells)))) => break (number, cells),
            Some(Ok((_, Line::Remark))) => remarks += 1,
            Some(Ok((_, Line::Blank))) => (),
        }
    };
    if head.iter().any(|heading| has_id(heading, None)) {
        return Err(ListError::NoHead(number));
    }
    if let Some(heading) = head.iter().find(|head| head.contains(is_line_break)) {
        let error = RowError::LineBreak(heading.clone());
        return Err(ListError::Faults(vec![ListFault {
            line: number,
            error,
        }]));
    }
    let head: Arc<[Heading]> = head.iter().map(|heading| Heading::new(heading)).collect();
    let is_asked_for = options.id_column.is_some() || options.name_column.is_some();
    if !is_asked_for && !head.iter().any(|heading| is_known(&heading.written)) {
        return Err(ListError::Columns(headings(&head)));
    }
    let empty = Columns {
        head: Arc::clone(&head),
        cells: Vec::new(),
    };
    empty.select(options).map_err(|error| match error {
        RowError::NoColumn(name, columns) => ListError::NoColumn(name, columns),
        error => ListError::Head(error),
    })?;
    empty.comment().map_err(ListError::Head)?;
    let delimiter = table.delimiter();
    let next = move || {
        let (line, cells) = match table.next()? {
            Ok((_, Line::Blank)) => return Some(None),
            Ok((_, Line::Remark)) => return Some(Some(Ok(Row::Remark))),
            Ok((line, Line::Cells(cells))) => (line, cells),
            Err(fault) => return Some(Some(Err(fault))),
        };
        let fault = |error| Some(Some(Err(ListFault { line, error })));
        if let [cell] = cells.as_slice()
            && head.len() > 1
            && cell.contains(delimiter)
        {
            return fault(RowError::Quoted);
        }
        if cells.len() != head.len() {
            return fault(RowError::Cells(cells.len(), head.len()));
        }
        let mut columns = head.iter().zip(&cells);
        if let Some((heading, _)) = columns.find(|(_, cell)| may_hold_rows(cell, delimiter)) {
            return fault(RowError::Swallowed(heading.written.clone()));
        }
        let head = Arc::clone(&head);
        Some(Some(Ok(Row::Columns(line, Columns { head, cells }))))
    };
    let remarks = iter::repeat_with(|| Ok(Row::Remark)).take(remarks);
    Ok(Box::new(remarks.chain(iter::from_fn(next).flatten())))
}

/// Whether a cell has other lines that may be rows: if the quotation mark at its end
/// is missing, the next one in the file ends it.
fn may_hold_rows(cell: &str, delimiter: char) -> bool {
    lines(cell)
        .skip(1)
        .any(|(_, line)| line.contains(delimiter))
}

/// An object's members. Those of an object or an array in it are columns, too, with
/// their path as their name.
fn object(text: &str) -> Result<Columns, RowError> {
    let (mut head, mut cells) = (Vec::new(), Vec::new());
    let read = members(text, |_| true).ok_or(RowError::NotObject)?;
    let mut names: Vec<&str> = read.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|names| names[0] == names[1]) {
        return Err(RowError::Twice(twice[0].to_owned()));
    }
    for (name, value) in &read {
        value_of(Heading::new(name), value, &mut head, &mut cells)?;
    }
    Ok(Columns {
        head: head.into(),
        cells,
    })
}

fn value_of(
    heading: Heading,
    value: &RawValue,
    head: &mut Vec<Heading>,
    cells: &mut Vec<String>,
) -> Result<(), RowError> {
    let unreadable = || RowError::Member(heading.written.clone());
    let json = value.get();
    let cell = match json.as_bytes().first() {
        Some(b'{') => {
            for (name, value) in members(json, |_| true).ok_or_else(unreadable)? {
                value_of(heading.member(&name), value, head, cells)?;
            }
            return Ok(());
        }
        Some(b'[') => {
            let values: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| unreadable())?;
            for (number, value) in values.into_iter().enumerate() {
                value_of(heading.element(number), value, head, cells)?;
            }
            return Ok(());
        }
        Some(b'"') => {
            let text: String = serde_json::from_str(json).map_err(|_| unreadable())?;
            trim(&text).to_owned()
        }
        _ if json == "null" => String::new(),
        // As it is written: a number may have more digits than are read.
        _ => json.to_owned(),
    };
    head.push(heading);
    cells.push(cell);
    Ok(())
}

fn objects(text: &str) -> Rows<'_> {
    let rows = lines(text).map(|(number, line)| (number, trim(line)));
    let rows = rows.filter(|(_, line)| !line.is_empty());
    Box::new(rows.map(|(line, text)| match text.starts_with('#') {
        true => Ok(Row::Remark),
        false => match object(text) {
            Ok(columns) => Ok(Row::Columns(line, columns)),
            Err(error) => Err(ListFault { line, error }),
        },
    }))
}
