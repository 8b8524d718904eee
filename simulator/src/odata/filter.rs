//! The grammar of `$filter`: text to syntax tree. [`super::predicate`] checks that names exist
//! and types match.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use uuid::Uuid;
use winnow::ModalResult;
use winnow::Parser;
use winnow::combinator::{
    alt, cut_err, delimited, fail, not, opt, preceded, repeat, separated, terminated,
};
use winnow::error::{ContextError, ErrMode};
use winnow::stream::Stateful;
use winnow::token::{literal, one_of, take_while};

/// The maximum depth of parentheses, `not` and `any`: without this limit, many parentheses
/// would overflow the stack.
const MAX_DEPTH: usize = 32;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    All(Vec<Expression>),
    Either(Vec<Expression>),
    Not(Box<Expression>),
    Compare {
        left: Operand,
        comparison: Comparison,
        right: Operand,
    },
    In {
        operand: Operand,
        list: Vec<Literal>,
    },
    Text {
        function: TextFunction,
        whole: Operand,
        part: Operand,
    },
    Any {
        collection: String,
        condition: Option<(String, Box<Expression>)>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextFunction {
    StartsWith,
    EndsWith,
    Contains,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Name(String),
    Literal(Literal),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Truth(bool),
    Number(f64),
    /// Also a bare GUID, in lower case as the service writes them.
    Text(String),
    Time(Timestamp),
}

type Input<'i> = Stateful<&'i str, Depth>;

#[derive(Debug, Clone, Copy, Default)]
struct Depth(usize);

/// Parses the text of a `$filter`. The error names the character at which it is invalid.
pub(crate) fn parse(text: &str) -> Result<Expression, String> {
    let input = Stateful {
        input: text,
        state: Depth::default(),
    };
    delimited(space, either, space)
        .parse(input)
        .map_err(|error| {
            let position = text
                .get(..error.offset())
                .map_or(0, |before| before.chars().count());
            format!("Syntax error at position {position} in '{text}'.")
        })
}

fn space(input: &mut Input<'_>) -> ModalResult<()> {
    take_while(0.., [' ', '\t']).void().parse_next(input)
}

fn gap(input: &mut Input<'_>) -> ModalResult<()> {
    take_while(1.., [' ', '\t']).void().parse_next(input)
}

fn either(input: &mut Input<'_>) -> ModalResult<Expression> {
    separated(1.., all, (gap, keyword("or"), gap_or_parenthesis))
        .map(|parts| join(parts, Expression::Either))
        .parse_next(input)
}

fn all(input: &mut Input<'_>) -> ModalResult<Expression> {
    separated(1.., term, (gap, keyword("and"), gap_or_parenthesis))
        .map(|parts| join(parts, Expression::All))
        .parse_next(input)
}

fn join(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}

fn gap_or_parenthesis(input: &mut Input<'_>) -> ModalResult<()> {
    alt((gap, winnow::combinator::peek('(').void())).parse_next(input)
}

fn term(input: &mut Input<'_>) -> ModalResult<Expression> {
    if input.state.0 >= MAX_DEPTH {
        return cut_err(fail).parse_next(input);
    }
    input.state.0 += 1;
    let term = alt((negation, group, any, text_function, membership, comparison)).parse_next(input);
    input.state.0 -= 1;
    term
}

/// `not` binds more tightly than a comparison, so it needs a group or a function.
fn negation(input: &mut Input<'_>) -> ModalResult<Expression> {
    preceded(
        (keyword("not"), space),
        alt((group, any, text_function, nested_negation)),
    )
    .map(|inner| Expression::Not(Box::new(inner)))
    .parse_next(input)
}

fn nested_negation(input: &mut Input<'_>) -> ModalResult<Expression> {
    preceded(winnow::combinator::peek(keyword("not")), term).parse_next(input)
}

fn group(input: &mut Input<'_>) -> ModalResult<Expression> {
    delimited(('(', space), either, (space, ')')).parse_next(input)
}

/// `machineTags/any(tag: tag eq 'x')`, or `machineTags/any()` for "has some".
fn any(input: &mut Input<'_>) -> ModalResult<Expression> {
    let lambda = (terminated(name, (space, ':', space)), either.map(Box::new));
    (
        terminated(name, "/any"),
        delimited(('(', space), opt(lambda), (space, ')')),
    )
        .map(|(collection, condition)| Expression::Any {
            collection,
            condition,
        })
        .parse_next(input)
}

/// A function that is a boolean by itself, or is compared with one.
fn text_function(input: &mut Input<'_>) -> ModalResult<Expression> {
    let function = alt((
        literal("startswith").value(TextFunction::StartsWith),
        literal("endswith").value(TextFunction::EndsWith),
        literal("contains").value(TextFunction::Contains),
    ));
    let arguments = delimited(
        ('(', space),
        (operand, preceded((space, ',', space), operand)),
        (space, ')'),
    );
    let (function, (whole, part), expected) =
        (function, preceded(space, arguments), opt(truth)).parse_next(input)?;
    let call = Expression::Text {
        function,
        whole,
        part,
    };
    Ok(if expected.unwrap_or(true) {
        call
    } else {
        Expression::Not(Box::new(call))
    })
}

fn truth(input: &mut Input<'_>) -> ModalResult<bool> {
    let equal = delimited(
        gap,
        alt((keyword("eq").value(true), keyword("ne").value(false))),
        gap,
    );
    let value = alt((keyword("true").value(true), keyword("false").value(false)));
    (equal, value)
        .map(|(equal, value)| equal == value)
        .parse_next(input)
}

fn membership(input: &mut Input<'_>) -> ModalResult<Expression> {
    let list = separated(1.., value, (space, ',', space));
    (
        terminated(operand, (gap, keyword("in"), space)),
        delimited(('(', space), list, (space, ')')),
    )
        .map(|(operand, list)| Expression::In { operand, list })
        .parse_next(input)
}

fn comparison(input: &mut Input<'_>) -> ModalResult<Expression> {
    let comparison = alt((
        keyword("eq").value(Comparison::Equal),
        keyword("ne").value(Comparison::NotEqual),
        keyword("gt").value(Comparison::Greater),
        keyword("ge").value(Comparison::GreaterOrEqual),
        keyword("lt").value(Comparison::Less),
        keyword("le").value(Comparison::LessOrEqual),
    ));
    (operand, delimited(gap, comparison, gap), operand)
        .map(|(left, comparison, right)| Expression::Compare {
            left,
            comparison,
            right,
        })
        .parse_next(input)
}

fn operand(input: &mut Input<'_>) -> ModalResult<Operand> {
    alt((value.map(Operand::Literal), name.map(Operand::Name))).parse_next(input)
}

fn value(input: &mut Input<'_>) -> ModalResult<Literal> {
    terminated(
        alt((
            text.map(Literal::Text),
            guid,
            time.map(Literal::Time),
            number.map(Literal::Number),
            keyword("null").value(Literal::Null),
            keyword("true").value(Literal::Truth(true)),
            keyword("false").value(Literal::Truth(false)),
        )),
        not(one_of(is_word)),
    )
    .parse_next(input)
}

/// A string in single quotes, in which quotes are doubled.
fn text(input: &mut Input<'_>) -> ModalResult<String> {
    let part = alt((take_while(1.., |c| c != '\''), literal("''").value("'")));
    delimited('\'', repeat(0.., part), '\'').parse_next(input)
}

fn guid(input: &mut Input<'_>) -> ModalResult<Literal> {
    take_while(36..=36, |c: char| c.is_ascii_hexdigit() || c == '-')
        .verify_map(|text: &str| Some(Literal::Text(Uuid::try_parse(text).ok()?.to_string())))
        .parse_next(input)
}

/// `2018-08-01T00:00:00.1234567Z`, or with an offset, or only a date, which Microsoft's API
/// documentation writes with a `Z`.
fn time(input: &mut Input<'_>) -> ModalResult<Timestamp> {
    take_while(10.., |c: char| c.is_ascii_digit() || "-:+.TZ".contains(c))
        .verify_map(|text: &str| {
            if text.contains('T') {
                return text.parse().ok();
            }
            let date: Date = text.strip_suffix('Z').unwrap_or(text).parse().ok()?;
            Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
        })
        .parse_next(input)
}

fn number(input: &mut Input<'_>) -> ModalResult<f64> {
    let digits = |input: &mut Input<'_>| -> ModalResult<()> {
        take_while(1.., '0'..='9').void().parse_next(input)
    };
    (opt('-'), digits, opt(('.', digits)))
        .take()
        .verify_map(|text: &str| text.parse().ok())
        .parse_next(input)
}

fn name(input: &mut Input<'_>) -> ModalResult<String> {
    (
        one_of(|c: char| c.is_ascii_alphabetic() || c == '_'),
        take_while(0.., is_word),
    )
        .take()
        .map(String::from)
        .parse_next(input)
}

fn keyword<'i>(word: &'static str) -> impl Parser<Input<'i>, (), ErrMode<ContextError>> {
    (literal(word), not(one_of(is_word))).void()
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
