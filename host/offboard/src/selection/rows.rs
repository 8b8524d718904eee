//! The rows of a list, in any of its forms.

use std::{iter, sync::Arc};

use super::{
    LineError, ListError, ListOptions, RowError,
    columns::{Columns, Heading, find, headings, is_known},
    documents, json,
    lines::{is_line, is_line_break, lines, trim},
    machine_id::has_id,
    table::{Table, TableLine},
};

/// The rows of a list, read one after the other.
pub(super) type ListRows<'a> = Box<dyn Iterator<Item = Result<ListRow, LineError>> + 'a>;

/// The content of one line.
#[derive(Debug)]
pub(super) enum ListRow {
    /// A remark, which is skipped.
    Remark,
    /// Only a machine.
    Machine(u64, String),
    /// A row with several columns.
    Columns(u64, Columns),
}

/// The possible separators of a table, unless its first line names another one.
const DELIMITERS: [char; 3] = [',', ';', '\t'];

/// The most lines after the first one in which a header is searched.
const MAX_TITLE: usize = 10;

/// Reads a list: JSON if the first line begins an object or an array, a table if it is a
/// header, and otherwise one machine per line.
pub(super) fn read<'a>(text: &'a str, options: &ListOptions) -> Result<ListRows<'a>, ListError> {
    // Excel's separator line, before the header.
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
        first if documents::is_json_lines(first) => return Ok(objects(text)),
        first if first.starts_with(['{', '[']) => return documents::read(text),
        _ => (),
    }
    let has_known = |line: &str, least: usize| {
        let cells = delimiter(line).map(|delimiter| cells(line, delimiter));
        cells.is_some_and(|cells| cells.len() >= least && cells.iter().any(|cell| is_known(cell)))
    };
    if has_known(unquoted(first), 2) && !has_known(first, 1) {
        return Err(ListError::Quoted(number));
    }
    let is_selected = |line: &str| {
        let cells: Vec<Heading> = delimiter(line)
            .map(|delimiter| cells(line, delimiter))
            .unwrap_or_default()
            .iter()
            .map(|cell| Heading::new(cell))
            .collect();
        let mut selected = options.selected();
        selected.any(|name| matches!(find(&cells, name), Ok(Some(_))))
    };
    // A title before the header, as in reports.
    if !has_known(first, 1) && !is_selected(first) {
        let after = lines(text).map(|(number, line)| (number, trim(line)));
        let after = after.filter(|(at, line)| *at > number && is_line(line));
        let mut after = after.take(MAX_TITLE);
        if let Some((header, _)) = after.find(|(_, line)| has_known(line, 2) || is_selected(line)) {
            return Err(ListError::Title(header));
        }
    }
    match delimiter(first) {
        Some(delimiter) => table(Table::new(text, delimiter, 1), options),
        None if options.has_column() => table(Table::new(text, ',', 1), options),
        None => Ok(machines(text)),
    }
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

/// The separator of a header; `None` if this is not a header. A single column is a header if
/// it has a known name.
fn delimiter(first: &str) -> Option<char> {
    let headers = DELIMITERS.map(|delimiter| (delimiter, cells(first, delimiter)));
    let known = |header: &[String]| header.iter().any(|heading| is_known(heading));
    let headers = headers
        .iter()
        .filter(|(_, header)| header.len() > 1 || known(header));
    let best = headers.max_by_key(|(_, header)| (header.len(), known(header)));
    best.map(|(delimiter, _)| *delimiter)
}

fn cells(line: &str, delimiter: char) -> Vec<String> {
    match Table::new(line, delimiter, 1).next() {
        Some(Ok((_, TableLine::Cells(cells)))) => cells,
        // A quoted cell that ends in a later line.
        _ => line.split(delimiter).map(ToOwned::to_owned).collect(),
    }
}

fn machines(text: &str) -> ListRows<'_> {
    let rows = lines(text).map(|(number, line)| (number, trim(line)));
    let rows = rows.filter(|(_, line)| !line.is_empty());
    Box::new(rows.map(|(number, line)| {
        Ok(if line.starts_with('#') {
            ListRow::Remark
        } else {
            ListRow::Machine(number, unquoted(line).to_owned())
        })
    }))
}

/// The text inside quotation marks, as `jq` prints strings.
fn unquoted(line: &str) -> &str {
    let inner = line
        .strip_prefix('"')
        .and_then(|line| line.strip_suffix('"'));
    inner.unwrap_or(line)
}

fn table<'a>(mut table: Table<'a>, options: &ListOptions) -> Result<ListRows<'a>, ListError> {
    let (remarks, header) = header(&mut table, options)?;
    let delimiter = table.delimiter();
    let next = move || {
        let (line, cells) = match table.next()? {
            Ok((_, TableLine::Blank)) => return Some(None),
            Ok((_, TableLine::Remark)) => return Some(Some(Ok(ListRow::Remark))),
            Ok((line, TableLine::Cells(cells))) => (line, cells),
            Err(error) => return Some(Some(Err(error))),
        };
        let unusable = |error| Some(Some(Err(LineError { line, error })));
        if let [cell] = cells.as_slice()
            && header.len() > 1
            && cell.contains(delimiter)
        {
            return unusable(RowError::Quoted);
        }
        if cells.len() != header.len() {
            return unusable(RowError::Cells(cells.len(), header.len()));
        }
        let mut columns = header.iter().zip(&cells);
        if let Some((heading, _)) = columns.find(|(_, cell)| may_hold_rows(cell, delimiter)) {
            return unusable(RowError::Swallowed(heading.written.clone()));
        }
        let header = Arc::clone(&header);
        Some(Some(Ok(ListRow::Columns(line, Columns { header, cells }))))
    };
    let remarks = iter::repeat_with(|| Ok(ListRow::Remark)).take(remarks);
    Ok(Box::new(remarks.chain(iter::from_fn(next).flatten())))
}

/// Reads the lines up to the header. Returns the number of remarks before it, and its headings.
///
/// # Errors
/// The list is empty, or its header has no column that refers to machines.
fn header(
    table: &mut Table<'_>,
    options: &ListOptions,
) -> Result<(usize, Arc<[Heading]>), ListError> {
    let mut remarks = 0;
    let (number, header) = loop {
        match table.next() {
            None => return Err(ListError::Empty),
            Some(Err(error)) => return Err(ListError::Lines(vec![error])),
            Some(Ok((number, TableLine::Cells(cells)))) => break (number, cells),
            Some(Ok((_, TableLine::Remark))) => remarks += 1,
            Some(Ok((_, TableLine::Blank))) => (),
        }
    };
    if header.iter().any(|heading| has_id(heading, None)) {
        return Err(ListError::NoHeader(number));
    }
    if let Some(heading) = header
        .iter()
        .find(|heading| heading.contains(is_line_break))
    {
        let error = RowError::LineBreak(heading.clone());
        return Err(ListError::Lines(vec![LineError {
            line: number,
            error,
        }]));
    }
    let header: Arc<[Heading]> = header.iter().map(|heading| Heading::new(heading)).collect();
    if !options.has_column() && !header.iter().any(|heading| is_known(&heading.written)) {
        return Err(ListError::Columns(headings(&header)));
    }
    let empty = Columns {
        header: Arc::clone(&header),
        cells: Vec::new(),
    };
    empty.select(options).map_err(|error| match error {
        RowError::NoColumn(name, columns) => ListError::NoColumn(name, columns),
        error => ListError::Header(error),
    })?;
    empty.comment().map_err(ListError::Header)?;
    Ok((remarks, header))
}

/// Whether a cell has further lines that may be rows: if its closing quotation mark is
/// missing, the next one in the file ends it.
fn may_hold_rows(cell: &str, delimiter: char) -> bool {
    lines(cell)
        .skip(1)
        .any(|(_, line)| line.contains(delimiter))
}

fn objects(text: &str) -> ListRows<'_> {
    let rows = lines(text).map(|(number, line)| (number, trim(line)));
    let rows = rows.filter(|(_, line)| !line.is_empty());
    Box::new(rows.map(|(line, text)| {
        if text.starts_with('#') {
            return Ok(ListRow::Remark);
        }
        match json::columns(text) {
            Ok(columns) => Ok(ListRow::Columns(line, columns)),
            Err(error) => Err(LineError { line, error }),
        }
    }))
}
