//! A comment for many machines, in which `{ticket}` stands for what each row has
//! in that column.

use std::collections::HashMap;

use super::plain;

/// A comment with gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Column(String),
}

impl Template {
    /// Takes `{column}` apart; `{{` and `}}` are braces.
    ///
    /// # Errors
    /// A brace that is open, or that closes nothing.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut written = String::new();
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '{' | '}' if letters.peek() == Some(&letter) => {
                    letters.next();
                    written.push(letter);
                }
                '{' => {
                    let mut column = String::new();
                    loop {
                        match letters.next() {
                            Some('}') => break,
                            Some('{') | None => {
                                return Err(format!(
                                    "{{{column} has no end; a brace is written {{{{"
                                ));
                            }
                            Some(letter) => column.push(letter),
                        }
                    }
                    if plain(&column).is_empty() {
                        return Err("{} names no column; a brace is written {{".to_owned());
                    }
                    parts.push(Part::Text(std::mem::take(&mut written)));
                    parts.push(Part::Column(column));
                }
                '}' => return Err("a } closes nothing; a brace is written }}".to_owned()),
                letter => written.push(letter),
            }
        }
        parts.push(Part::Text(written));
        Ok(Self(parts))
    }

    /// The comment for a row, whose columns are known by their plain names.
    ///
    /// # Errors
    /// The row has no such column, or nothing in it.
    pub(super) fn fill(&self, columns: &HashMap<String, String>) -> Result<String, String> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Column(column) => match columns.get(&plain(column)) {
                    Some(value) if !value.is_empty() => filled.push_str(value),
                    Some(_) => return Err(format!("it has nothing in the column {column:?}")),
                    None => {
                        let mut known: Vec<&str> = columns.keys().map(String::as_str).collect();
                        known.sort_unstable();
                        return Err(format!(
                            "--comment names {{{column}}}, and there is no such column, but {}",
                            match known.is_empty() {
                                true => "none at all".to_owned(),
                                false => known.join(", "),
                            }
                        ));
                    }
                },
            }
        }
        Ok(filled)
    }
}
