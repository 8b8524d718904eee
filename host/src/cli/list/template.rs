//! A comment for many machines, in which `{ticket}` stands for what each row has
//! in that column.

use std::sync::Arc;

use super::{plain, rows::Columns};
use crate::contract::{Comment, InvalidComment};

/// Why a machine is offboarded, in as few words as it takes to say it later: of
/// a comment that is many machines', what is this one's.
#[derive(Debug, Clone)]
pub(in crate::cli) enum Wording {
    /// Its own comment.
    Own(Comment),
    /// That of all, and what fills its gaps.
    Filled(Arc<Template>, Box<[Box<str>]>),
}

impl Wording {
    /// The comment.
    ///
    /// # Errors
    /// What was filled in made it none.
    pub(in crate::cli) fn comment(&self) -> Result<Comment, InvalidComment> {
        match self {
            Self::Own(comment) => Ok(comment.clone()),
            Self::Filled(template, values) => template.filled(values).parse(),
        }
    }
}

/// A comment with gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Template(Vec<Part>);

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

    /// What a row has for the gaps, in their order.
    ///
    /// # Errors
    /// The row has no such column, or nothing in it.
    pub(super) fn values(&self, columns: &Columns) -> Result<Box<[Box<str>]>, String> {
        let column = |part: &Part| match part {
            Part::Text(_) => None,
            Part::Column(column) => Some(match columns.get(&plain(column)) {
                Some(value) if !value.is_empty() => Ok(value.into()),
                Some(_) => Err(format!("it has nothing in the column {column:?}")),
                None => {
                    let mut known: Vec<&str> = columns.names().iter().map(|n| n.as_str()).collect();
                    known.sort_unstable();
                    Err(format!(
                        "--comment names {{{column}}}, and there is no such column, but {}",
                        match known.is_empty() {
                            true => "none at all".to_owned(),
                            false => known.join(", "),
                        }
                    ))
                }
            }),
        };
        self.0.iter().filter_map(column).collect()
    }

    /// The text with these in its gaps.
    fn filled(&self, values: &[Box<str>]) -> String {
        let mut values = values.iter();
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Column(_) => values.next().map_or("", |value| value),
        });
        parts.collect()
    }
}
