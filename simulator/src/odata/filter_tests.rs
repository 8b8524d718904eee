#![allow(clippy::unwrap_used)]

use proptest::prelude::{prop, prop_assert_eq, proptest};

use super::*;

fn named(name: &str) -> Operand {
    Operand::Name(name.to_owned())
}

fn equals(name: &str, value: Literal) -> Expression {
    Expression::Compare {
        left: named(name),
        comparison: Comparison::Equal,
        right: Operand::Literal(value),
    }
}

fn text(value: &str) -> Literal {
    Literal::Text(value.to_owned())
}

#[test]
fn and_binds_tighter_than_or() {
    let [a, b, c] = ["a", "b", "c"].map(|name| equals(name, Literal::Number(1.0)));
    let expected = Expression::Either(vec![a.clone(), Expression::All(vec![b.clone(), c.clone()])]);
    assert_eq!(parse("a eq 1 or b eq 1 and c eq 1").unwrap(), expected);
    let expected = Expression::All(vec![Expression::Either(vec![a, b]), c]);
    assert_eq!(parse("(a eq 1 or b eq 1) and c eq 1").unwrap(), expected);
}

#[test]
fn literals_have_their_types() {
    let time = |text: &str| Literal::Time(text.parse().unwrap());
    for (written, expected) in [
        ("'x'", text("x")),
        ("''", text("")),
        ("'O''Neil'", text("O'Neil")),
        ("''''", text("'")),
        ("'a and (b'", text("a and (b")),
        ("null", Literal::Null),
        ("true", Literal::Truth(true)),
        ("false", Literal::Truth(false)),
        ("5", Literal::Number(5.0)),
        ("-2.5", Literal::Number(-2.5)),
        ("2018-08-01Z", time("2018-08-01T00:00:00Z")),
        ("2018-08-01", time("2018-08-01T00:00:00Z")),
        ("2018-08-01T00:00:00Z", time("2018-08-01T00:00:00Z")),
        (
            "2018-08-01T00:00:00.1234567Z",
            time("2018-08-01T00:00:00.1234567Z"),
        ),
        ("2018-08-01T02:00:00+02:00", time("2018-08-01T00:00:00Z")),
        (
            "ABCDEF00-1111-2222-3333-444444444444",
            text("abcdef00-1111-2222-3333-444444444444"),
        ),
        (
            "11111111-1111-2222-3333-444444444444",
            text("11111111-1111-2222-3333-444444444444"),
        ),
    ] {
        assert_eq!(
            parse(&format!("p eq {written}")),
            Ok(equals("p", expected)),
            "{written}"
        );
    }
}

#[test]
fn functions_lists_and_lambdas() {
    let starts = Expression::Text {
        function: TextFunction::StartsWith,
        whole: named("p"),
        part: Operand::Literal(text("x")),
    };
    assert_eq!(parse("startswith(p,'x')").unwrap(), starts);
    assert_eq!(parse("startswith( p , 'x' ) eq true").unwrap(), starts);
    let negated = Expression::Not(Box::new(starts));
    for written in [
        "not startswith(p,'x')",
        "not(startswith(p,'x'))",
        "startswith(p,'x') eq false",
        "startswith(p,'x') ne true",
    ] {
        assert_eq!(parse(written).unwrap(), negated, "{written}");
    }
    let list = Expression::In {
        operand: named("p"),
        list: vec![text("a"), text("b")],
    };
    assert_eq!(parse("p in ('a','b')").unwrap(), list);
    assert_eq!(parse("p in( 'a' , 'b' )").unwrap(), list);
    let any = Expression::Any {
        collection: "tags".to_owned(),
        condition: Some(("t".to_owned(), Box::new(equals("t", text("x"))))),
    };
    for written in [
        "tags/any(t: t eq 'x')",
        "tags/any(t:t eq 'x')",
        "tags/any( t : t eq 'x' )",
    ] {
        assert_eq!(parse(written).unwrap(), any, "{written}");
    }
    assert_eq!(
        parse("tags/any()").unwrap(),
        Expression::Any {
            collection: "tags".to_owned(),
            condition: None
        }
    );
}

#[test]
fn names_may_begin_like_keywords() {
    for name in [
        "nullable",
        "order",
        "notes",
        "inside",
        "trueName",
        "eqal",
        "startswithX",
        "id",
    ] {
        assert_eq!(
            parse(&format!("{name} eq 1")),
            Ok(equals(name, Literal::Number(1.0)))
        );
    }
}

#[test]
fn an_invalid_filter_is_refused() {
    for written in [
        "",
        " ",
        "p",
        "p eq",
        "p eq ",
        "eq 'x'",
        "p = 'x'",
        "p == 'x'",
        "p EQ 'x'",
        "p eq 'x",
        "p eq x'",
        "p eq \"x\"",
        "p eq'x'",
        "p eq 'x' and",
        "p eq 'x' and ",
        "p eq 'x' andq eq 'y'",
        "p eq 'x' q eq 'y'",
        "p eq 'x' xor q eq 'y'",
        "(p eq 'x'",
        "p eq 'x')",
        "()",
        "not p eq 'x'",
        "notp eq 'x' or",
        "p in ()",
        "p in 'a'",
        "p in ('a',)",
        "startswith(p)",
        "startswith(p,'x','y')",
        "startsWith(p,'x')",
        "matches(p,'x')",
        "p/any(t: )",
        "p/all(t: t eq 'x')",
        "p/any(t eq 'x')",
        "p eq 5x",
        "p eq 1.",
        "p eq 0123456789abcdef0123456789abcdef01234567",
        "p eq 2018-13-01Z",
        "p eq 2018-08-01T25:00:00Z",
        "p eq 2018-08-01T00:00:00",
        "p eq 'x' ;",
        "p eq 'x'y",
    ] {
        assert!(
            parse(written).is_err(),
            "{written:?} gave {:?}",
            parse(written)
        );
    }
}

#[test]
fn the_error_says_where() {
    assert_eq!(
        parse("p eq 'x' nonsense").unwrap_err(),
        "Syntax error at position 9 in 'p eq 'x' nonsense'."
    );
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{}p eq 1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(10)).is_ok());
    for depth in [100, 30_000] {
        assert!(parse(&nested(depth)).is_err(), "{depth}");
        assert!(
            parse(&format!("{}startswith(p,'x')", "not ".repeat(depth))).is_err(),
            "{depth}"
        );
        assert!(parse(&"(".repeat(depth)).is_err(), "{depth}");
        assert!(
            parse(&format!("{}p eq 1", "t/any(t: ".repeat(depth))).is_err(),
            "{depth}"
        );
    }
    assert!(parse(&vec!["p eq 1"; 2_000].join(" and ")).is_ok());
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,80}") {
        let _ = parse(&text);
    }

    #[test]
    fn no_row_of_words_panics(words in prop::collection::vec(prop::sample::select(vec![
        "(", ")", "not", "and", "or", "eq", "in", "p", "'x'", "5", "null", ",", "startswith(", "p/any(t:", "2018-08-01Z",
    ]), 0..24)) {
        let _ = parse(&words.join(" "));
    }

    #[test]
    fn any_text_survives_quoting(value in "\\PC{0,40}") {
        let written = format!("p eq '{}'", value.replace('\'', "''"));
        prop_assert_eq!(parse(&written), Ok(equals("p", text(&value))));
    }
}
