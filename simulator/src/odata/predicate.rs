//! A filter that is valid for its list: names exist and can be filtered, and types match.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Value;

use super::filter::{Comparison, Expression, Literal, Operand, TextFunction, parse};
use super::schema::{Kind, Row, Schema};

/// A filter that was validated against a list's properties.
#[derive(Debug)]
pub(crate) struct Predicate(Expression);

impl Predicate {
    /// Parses a `$filter`; the error is a text for the caller.
    pub(crate) fn new(text: &str, schema: &Schema) -> Result<Self, String> {
        let mut expression = parse(text)?;
        Checker {
            schema,
            variables: Vec::new(),
        }
        .check(&mut expression)?;
        Ok(Self(expression))
    }

    pub(crate) fn matches(&self, row: &Row) -> bool {
        Scope {
            row,
            variables: Vec::new(),
        }
        .holds(&self.0)
    }
}

/// Checks a filter, and writes its names as the list does.
struct Checker<'a> {
    schema: &'a Schema,
    variables: Vec<String>,
}

impl Checker<'_> {
    fn check(&mut self, expression: &mut Expression) -> Result<(), String> {
        match expression {
            Expression::All(parts) | Expression::Either(parts) => {
                parts.iter_mut().try_for_each(|part| self.check(part))
            }
            Expression::Not(inner) => self.check(inner),
            Expression::Compare { left, right, .. } => {
                self.rename(left);
                self.rename(right);
                self.comparable(left, right)
            }
            Expression::In { operand, list } => {
                self.rename(operand);
                list.iter().try_for_each(|literal| {
                    self.comparable(operand, &Operand::Literal(literal.clone()))
                })
            }
            Expression::Text { whole, part, .. } => {
                for operand in [whole, part] {
                    self.rename(operand);
                    if self.kind(operand)? != Some(Kind::Text) {
                        return Err(format!("{} isn't a text.", show(operand)));
                    }
                }
                Ok(())
            }
            Expression::Any {
                collection,
                condition,
            } => {
                if self.property(collection)? != Kind::Texts {
                    return Err(format!("The property '{collection}' isn't a collection."));
                }
                self.rename_property(collection);
                let Some((variable, condition)) = condition else {
                    return Ok(());
                };
                self.variables.push(variable.clone());
                let checked = self.check(condition);
                self.variables.pop();
                checked
            }
        }
    }

    fn rename(&self, operand: &mut Operand) {
        match operand {
            Operand::Name(name) if !self.variables.contains(name) => self.rename_property(name),
            _ => {}
        }
    }

    fn rename_property(&self, name: &mut String) {
        if let Some(property) = self.schema.property(name) {
            property.name.clone_into(name);
        }
    }

    fn comparable(&self, left: &Operand, right: &Operand) -> Result<(), String> {
        let mismatch = || {
            Err(format!(
                "{} and {} can't be compared.",
                show(left),
                show(right)
            ))
        };
        match (self.kind(left)?, self.kind(right)?) {
            (Some(Kind::Texts | Kind::Opaque), _) | (_, Some(Kind::Texts | Kind::Opaque)) => {
                mismatch()
            }
            (None, _) | (_, None) => Ok(()),
            (Some(left), Some(right)) if left == right => Ok(()),
            // The device group's id is documented as a text and returned as a
            // number, so both are accepted.
            (Some(Kind::Number), Some(Kind::Text)) if as_number(right).is_some() => Ok(()),
            (Some(Kind::Text), Some(Kind::Number)) if as_number(left).is_some() => Ok(()),
            _ => mismatch(),
        }
    }

    /// The kind of an operand; null matches any kind.
    fn kind(&self, operand: &Operand) -> Result<Option<Kind>, String> {
        Ok(match operand {
            Operand::Name(name) if self.variables.contains(name) => Some(Kind::Text),
            Operand::Name(name) => Some(self.property(name)?),
            Operand::Literal(Literal::Null) => None,
            Operand::Literal(Literal::Truth(_)) => Some(Kind::Truth),
            Operand::Literal(Literal::Number(_)) => Some(Kind::Number),
            Operand::Literal(Literal::Text(_)) => Some(Kind::Text),
            Operand::Literal(Literal::Time(_)) => Some(Kind::Time),
        })
    }

    fn property(&self, name: &str) -> Result<Kind, String> {
        match self.schema.property(name) {
            Some(property) if property.filterable => Ok(property.kind),
            Some(_) => Err(format!("The property '{name}' can't be used in $filter.")),
            None => Err(format!(
                "Could not find a property named '{name}' on '{}'.",
                self.schema.set
            )),
        }
    }
}

fn show(operand: &Operand) -> String {
    match operand {
        Operand::Name(name) => format!("'{name}'"),
        Operand::Literal(Literal::Text(text)) => format!("the text '{text}'"),
        Operand::Literal(Literal::Number(number)) => format!("the number {number}"),
        Operand::Literal(Literal::Time(time)) => format!("the time {time}"),
        Operand::Literal(Literal::Truth(truth)) => truth.to_string(),
        Operand::Literal(Literal::Null) => "null".to_owned(),
    }
}

fn as_number(operand: &Operand) -> Option<f64> {
    match operand {
        Operand::Literal(Literal::Number(number)) => Some(*number),
        Operand::Literal(Literal::Text(text)) => text.parse().ok(),
        _ => None,
    }
}

/// A value while a filter is evaluated.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Datum<'a> {
    Null,
    Truth(bool),
    Number(f64),
    Text(&'a str),
    Time(Timestamp),
}

struct Scope<'a> {
    row: &'a Row,
    variables: Vec<(&'a str, &'a str)>,
}

impl<'a> Scope<'a> {
    fn holds(&mut self, expression: &'a Expression) -> bool {
        match expression {
            Expression::All(parts) => parts.iter().all(|part| self.holds(part)),
            Expression::Either(parts) => parts.iter().any(|part| self.holds(part)),
            Expression::Not(inner) => !self.holds(inner),
            Expression::Compare {
                left,
                comparison,
                right,
            } => compare(self.datum(left), *comparison, self.datum(right)),
            Expression::In { operand, list } => {
                let value = self.datum(operand);
                list.iter()
                    .any(|literal| compare(value, Comparison::Equal, literal_datum(literal)))
            }
            Expression::Text {
                function,
                whole,
                part,
            } => match (self.datum(whole), self.datum(part)) {
                (Datum::Text(whole), Datum::Text(part)) => match function {
                    TextFunction::StartsWith => whole.starts_with(part),
                    TextFunction::EndsWith => whole.ends_with(part),
                    TextFunction::Contains => whole.contains(part),
                },
                _ => false,
            },
            Expression::Any {
                collection,
                condition,
            } => {
                let items = self.row.get(collection).and_then(Value::as_array);
                items
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .any(|item| {
                        let Some((variable, condition)) = condition else {
                            return true;
                        };
                        self.variables.push((variable, item));
                        let holds = self.holds(condition);
                        self.variables.pop();
                        holds
                    })
            }
        }
    }

    fn datum(&self, operand: &'a Operand) -> Datum<'a> {
        let name = match operand {
            Operand::Literal(literal) => return literal_datum(literal),
            Operand::Name(name) => name,
        };
        // The innermost variable of a name hides the others.
        if let Some((_, item)) = self
            .variables
            .iter()
            .rev()
            .find(|(variable, _)| variable == name)
        {
            return Datum::Text(item);
        }
        match self.row.get(name) {
            Some(Value::Bool(truth)) => Datum::Truth(*truth),
            Some(Value::Number(number)) => number.as_f64().map_or(Datum::Null, Datum::Number),
            Some(Value::String(text)) => Datum::Text(text),
            _ => Datum::Null,
        }
    }
}

fn literal_datum(literal: &Literal) -> Datum<'_> {
    match literal {
        Literal::Null => Datum::Null,
        Literal::Truth(truth) => Datum::Truth(*truth),
        Literal::Number(number) => Datum::Number(*number),
        Literal::Text(text) => Datum::Text(text),
        Literal::Time(time) => Datum::Time(*time),
    }
}

/// Null equals only null, and is neither less nor greater, as in OData.
fn compare(left: Datum<'_>, comparison: Comparison, right: Datum<'_>) -> bool {
    let order = order(left, right);
    match comparison {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        _ if left == Datum::Null || right == Datum::Null => false,
        Comparison::Greater => order.is_some_and(Ordering::is_gt),
        Comparison::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
        Comparison::Less => order.is_some_and(Ordering::is_lt),
        Comparison::LessOrEqual => order.is_some_and(Ordering::is_le),
    }
}

fn order(left: Datum<'_>, right: Datum<'_>) -> Option<Ordering> {
    match (left, right) {
        (Datum::Null, Datum::Null) => Some(Ordering::Equal),
        (Datum::Truth(left), Datum::Truth(right)) => Some(left.cmp(&right)),
        (Datum::Number(left), Datum::Number(right)) => left.partial_cmp(&right),
        (Datum::Time(left), Datum::Time(right)) => Some(left.cmp(&right)),
        // Rows have times as texts with a varying number of digits: compared as text, 05.1Z
        // would come after 05.12Z.
        (Datum::Text(left), Datum::Time(right)) => {
            Some(left.parse::<Timestamp>().ok()?.cmp(&right))
        }
        (Datum::Time(left), Datum::Text(right)) => Some(left.cmp(&right.parse().ok()?)),
        (Datum::Text(left), Datum::Number(right)) => left.parse::<f64>().ok()?.partial_cmp(&right),
        (Datum::Number(left), Datum::Text(right)) => left.partial_cmp(&right.parse().ok()?),
        (Datum::Text(left), Datum::Text(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

#[cfg(test)]
#[path = "predicate_tests.rs"]
mod tests;
