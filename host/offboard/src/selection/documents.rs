//! JSON that is not one object per line: an array of machines, a saved answer of an API, and
//! values of several lines.

use serde_json::{Deserializer, value::RawValue};

use super::{
    LineError, ListError, RowError,
    columns::is_known,
    json,
    lines::{is_line, line_breaks, lines, trim},
    rows::{ListRow, ListRows},
};
use crate::members::{Members, members};

/// The members of an answer that have its entries: those of the service's API and of Microsoft
/// Graph, and those of advanced hunting (Microsoft's API documentation).
const ENTRIES: [&str; 2] = ["value", "results"];

/// The link to the next page of an answer (OData).
const NEXT_PAGE: &str = "@odata.nextLink";

/// Whether a list that begins with this line is JSON Lines: the line is a whole object that is
/// not an answer, or is intended as one.
pub(super) fn is_json_lines(first: &str) -> bool {
    first.starts_with('{')
        && first.ends_with('}')
        && members(first, |_| true).is_none_or(|members| entries(&members).is_none())
}

/// The rows of the values in a text.
///
/// # Errors
/// The text is not JSON, has an array that is not the list of the machines, or ends with an
/// answer that is not the last page.
pub(super) fn read(text: &str) -> Result<ListRows<'_>, ListError> {
    let remarks = lines(text).take_while(|(_, line)| !is_line(trim(line)));
    let remarks = remarks.filter(|(_, line)| !trim(line).is_empty()).count();
    let first = lines(text).find(|(_, line)| is_line(trim(line)));
    let start = first.map_or(text.len(), |(_, line)| position(text, line));
    let mut values = Vec::new();
    for value in Deserializer::from_str(&text[start..]).into_iter::<&RawValue>() {
        values.push(value.map_err(|error| {
            let line = error.line() as u64 + line_breaks(&text[..start]);
            ListError::Json(line)
        })?);
    }
    let has_more = values.len() > 1;
    let mut has_next_page = false;
    let mut rows = Vec::new();
    for value in values {
        let json = value.get();
        has_next_page = false;
        let read = members(json, |_| true);
        if let Some((entries, next)) = read.as_ref().and_then(entries) {
            has_next_page = next;
            rows.extend(elements(entries.get())?);
        } else if json.starts_with('[') {
            let elements = elements(json)?;
            // Each array may be the cells of a row.
            if has_more
                && !elements
                    .iter()
                    .all(|element| element.get().starts_with('{'))
            {
                return Err(ListError::Array);
            }
            rows.extend(elements);
        } else {
            rows.push(value);
        }
    }
    if has_next_page {
        return Err(ListError::NextPage);
    }
    let mut at = (0, 1);
    let rows = rows.into_iter().map(move |value| {
        let position = position(text, value.get());
        at = (position, at.1 + line_breaks(&text[at.0..position]));
        row(at.1, value)
    });
    let remarks = (0..remarks).map(|_| Ok(ListRow::Remark));
    Ok(Box::new(remarks.chain(rows)))
}

/// Where a part of a text begins.
fn position(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

fn elements(json: &str) -> Result<Vec<&RawValue>, ListError> {
    serde_json::from_str(json).map_err(|_| ListError::Array)
}

/// The entries of an answer, and whether it has a next page. An object that names a machine is
/// not an answer.
fn entries<'a>(members: &Members<'a>) -> Option<(&'a RawValue, bool)> {
    if members.iter().any(|(name, _)| is_known(name)) {
        return None;
    }
    let mut entries = members.iter().filter(|(name, value)| {
        ENTRIES.iter().any(|entry| name.eq_ignore_ascii_case(entry)) && value.get().starts_with('[')
    });
    let (Some((_, value)), None) = (entries.next(), entries.next()) else {
        return None;
    };
    let next = members.iter().find(|(name, _)| name == NEXT_PAGE);
    let has_next = next.is_some_and(|(_, link)| !["null", "\"\""].contains(&link.get()));
    Some((*value, has_next))
}

fn row(line: u64, value: &RawValue) -> Result<ListRow, LineError> {
    let json = value.get();
    if json.starts_with('"') {
        let text: Result<String, _> = serde_json::from_str(json);
        let text = text.map_err(|_| RowError::NotObject);
        return text
            .map(|text| ListRow::Machine(line, trim(&text).to_owned()))
            .map_err(|error| LineError { line, error });
    }
    json::columns(json)
        .map(|columns| ListRow::Columns(line, columns))
        .map_err(|error| LineError { line, error })
}
