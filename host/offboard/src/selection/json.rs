//! Rows of JSON Lines: the members of an object are columns.

use serde_json::value::RawValue;

use super::{
    RowError,
    columns::{Columns, Heading},
    lines::trim,
};
use crate::members::members;

/// The members of an object as columns. Members of an inner object or array are columns,
/// too, with their path as their name.
pub(super) fn columns(text: &str) -> Result<Columns, RowError> {
    let (mut header, mut cells) = (Vec::new(), Vec::new());
    let read = members(text, |_| true).ok_or(RowError::NotObject)?;
    let mut names: Vec<&str> = read.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|names| names[0] == names[1]) {
        return Err(RowError::Twice(twice[0].to_owned()));
    }
    for (name, value) in &read {
        add_value(Heading::new(name), value, &mut header, &mut cells)?;
    }
    Ok(Columns {
        header: header.into(),
        cells,
    })
}

fn add_value(
    heading: Heading,
    value: &RawValue,
    header: &mut Vec<Heading>,
    cells: &mut Vec<String>,
) -> Result<(), RowError> {
    let unreadable = || RowError::Member(heading.written.clone());
    let json = value.get();
    let cell = match json.as_bytes().first() {
        Some(b'{') => {
            for (name, value) in members(json, |_| true).ok_or_else(unreadable)? {
                add_value(heading.member(&name), value, header, cells)?;
            }
            return Ok(());
        }
        Some(b'[') => {
            let values: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| unreadable())?;
            for (number, value) in values.into_iter().enumerate() {
                add_value(heading.element(number), value, header, cells)?;
            }
            return Ok(());
        }
        Some(b'"') => {
            let text: String = serde_json::from_str(json).map_err(|_| unreadable())?;
            trim(&text).to_owned()
        }
        _ if json == "null" => String::new(),
        // As written: a parsed number could lose digits.
        _ => json.to_owned(),
    };
    header.push(heading);
    cells.push(cell);
    Ok(())
}
