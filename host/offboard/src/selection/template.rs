//! A comment for many machines, in which `{ticket}` is replaced by each row's text in
//! that column.

use std::sync::Arc;

use super::{RowError, columns::Columns};
use crate::contract::{Comment, InvalidComment};

/// The reason why a machine is offboarded. If many machines share a comment, only the
/// differences are kept for each of them.
#[derive(Debug, Clone)]
pub struct MachineComment(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Own(Comment),
    /// The shared comment, and the texts for its placeholders.
    Filled(Arc<Template>, Box<[Box<str>]>),
}

impl From<Comment> for MachineComment {
    fn from(comment: Comment) -> Self {
        Self(Kind::Own(comment))
    }
}

impl MachineComment {
    /// The comment.
    ///
    /// # Errors
    /// With its placeholders filled in, it is not a valid comment.
    pub fn comment(&self) -> Result<Comment, InvalidComment> {
        match &self.0 {
            Kind::Own(comment) => Ok(comment.clone()),
            Kind::Filled(template, values) => template.filled(values).parse(),
        }
    }

    pub(super) fn filled(template: &Arc<Template>, columns: &Columns) -> Result<Self, RowError> {
        let values = template.values(columns)?;
        let filled = Self(Kind::Filled(Arc::clone(template), values));
        filled.comment()?;
        Ok(filled)
    }
}

/// A comment with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Column(String),
}

impl Template {
    /// Parses placeholders such as `{column}`; `{{` and `}}` are braces.
    ///
    /// # Errors
    /// A brace without its counterpart, or a placeholder without a name.
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
                                    "the placeholder {{{column} has no end; write a brace as {{{{"
                                ));
                            }
                            Some(letter) => column.push(letter),
                        }
                    }
                    if !column.contains(char::is_alphanumeric) {
                        return Err(
                            "the placeholder {} names no column; write a brace as {{".to_owned()
                        );
                    }
                    parts.push(Part::Text(std::mem::take(&mut written)));
                    parts.push(Part::Column(column));
                }
                '}' => return Err("a } has no opening brace; write a brace as }}".to_owned()),
                letter => written.push(letter),
            }
        }
        parts.push(Part::Text(written));
        Ok(Self(parts))
    }

    /// The texts of a row for the placeholders, in their order.
    ///
    /// # Errors
    /// The row has no such column, or the column is empty.
    fn values(&self, columns: &Columns) -> Result<Box<[Box<str>]>, RowError> {
        let column = |part: &Part| match part {
            Part::Text(_) => None,
            Part::Column(column) => Some(match columns.get(column) {
                Ok(Some(value)) if !value.is_empty() => Ok(value.into()),
                Ok(Some(_)) => Err(RowError::Empty(column.clone())),
                Ok(None) => Err(RowError::NoColumn(column.clone(), columns.headings())),
                Err(error) => Err(error),
            }),
        };
        self.0.iter().filter_map(column).collect()
    }

    /// The text with these values for the placeholders.
    fn filled(&self, values: &[Box<str>]) -> String {
        let mut values = values.iter();
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Column(_) => values.next().map_or("", |value| value),
        });
        parts.collect()
    }
}
