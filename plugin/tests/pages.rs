//! Pages and searches: a list is read to its end, and a name is searched in each of its
//! spellings.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use offboard_plugin::{
    answer::{self, Answer},
    request::{self, Request},
    tracking::ActionFilter,
    types::ReadError,
};
use percent_encoding::percent_decode_str;
use serde_json::json;

fn no_filter() -> ActionFilter {
    ActionFilter {
        machine_ids: Vec::new(),
        action_type: None,
        statuses: Vec::new(),
        created_after: None,
    }
}

/// The value of a query's parameter, decoded.
fn parameter(request: &Request, name: &str) -> Option<String> {
    let (_, query) = request.target.split_once('?').unwrap();
    query.split('&').find_map(|pair| {
        let value = pair.strip_prefix(name)?.strip_prefix('=')?;
        Some(
            percent_decode_str(value)
                .decode_utf8()
                .unwrap()
                .into_owned(),
        )
    })
}

fn is_invalid_argument<T>(result: Result<T, ReadError>) -> bool {
    matches!(result, Err(ReadError::InvalidArgument(why)) if !why.is_empty())
}

#[test]
fn a_page_has_1_to_10000_entries() {
    let ask = |limit, cursor| {
        [
            request::list_machines(cursor, limit),
            request::list_actions(&no_filter(), cursor, limit),
            request::find_machines("host1", cursor.map(|_| "0:$skip=1"), limit)
                .map(|step| step.request),
        ]
    };
    for limit in [1, 10_000] {
        for request in ask(limit, None) {
            assert_eq!(
                parameter(&request.unwrap(), "$top"),
                Some(limit.to_string())
            );
        }
    }
    for limit in [0, 10_001, u32::MAX] {
        for cursor in [None, Some("$skip=1")] {
            assert!(
                ask(limit, cursor).into_iter().all(is_invalid_argument),
                "{limit}"
            );
        }
    }
}

#[test]
fn a_next_link_comes_back_as_the_next_request() {
    let query = "$filter=type%20eq%20'Offboard'&$top=2&$skiptoken=a+b%2F%3D~:1";
    let page = |entity: &str| {
        Ok(Answer {
        status: 200,
        retry_after: None,
        body: json!({"value": [], "@odata.nextLink": format!("https://elsewhere.test/api/{entity}?{query}")})
            .to_string()
            .into_bytes(),
    })
    };
    let next = answer::list_actions(page("machineactions")).unwrap().next;
    let request = request::list_actions(&no_filter(), next.as_deref(), 10).unwrap();
    assert_eq!(request.target, format!("/api/machineactions?{query}"));

    let next = answer::list_machines(page("machines")).unwrap().next;
    let request = request::list_machines(next.as_deref(), 10).unwrap();
    assert_eq!(request.target, format!("/api/machines?{query}"));

    let first = request::find_machines("host1", None, 10).unwrap();
    let next = answer::find_machines(&first, page("machines"))
        .unwrap()
        .next;
    let step = request::find_machines("host1", next.as_deref(), 10).unwrap();
    assert_eq!(step.request.target, format!("/api/machines?{query}"));
    assert_eq!((step.number, step.count), (first.number, first.count));
}

#[test]
fn a_foreign_cursor_is_refused() {
    let long = "x".repeat(16 * 1024);
    let too_long = "x".repeat(16 * 1024 + 1);
    assert!(request::list_machines(Some(&long), 10).is_ok());
    for cursor in [
        "",
        " ",
        "$top=1#x",
        "a b",
        "a\r\nX: y",
        "\0",
        "\u{7f}",
        "é",
        &too_long,
    ] {
        assert!(
            is_invalid_argument(request::list_machines(Some(cursor), 10)),
            "{cursor:?}"
        );
        assert!(
            is_invalid_argument(request::list_actions(&no_filter(), Some(cursor), 10)),
            "{cursor:?}"
        );
        if !cursor.is_empty() {
            let cursor = format!("0:{cursor}");
            assert!(is_invalid_argument(request::find_machines(
                "host1",
                Some(&cursor),
                10
            )));
        }
    }
    for cursor in [
        "",
        "0",
        "x",
        ":",
        ":$skip=1",
        "-1:",
        "0x0:",
        "2:",
        "9:",
        "18446744073709551616:",
    ] {
        assert!(
            is_invalid_argument(request::find_machines("host1", Some(cursor), 10)),
            "{cursor:?}"
        );
    }
}

/// Follows the cursor to the end. The service answers with these statuses and next links.
/// Returns the filters that were sent, or the queries of the next links.
fn walk(name: &str, answers: &[(u16, Option<&str>)]) -> Vec<String> {
    let mut asked = Vec::new();
    let mut cursor: Option<String> = None;
    for (status, link) in answers {
        let step = request::find_machines(name, cursor.as_deref(), 10).unwrap();
        let (_, query) = step.request.target.split_once('?').unwrap();
        asked.push(parameter(&step.request, "$filter").unwrap_or(query.to_owned()));
        let page = answer::find_machines(
            &step,
            Ok(Answer {
                status: *status,
                retry_after: None,
                body: match status {
                    404 => json!({"error": {"code": "ResourceNotFound"}}),
                    _ => json!({"value": [], "@odata.nextLink": link}),
                }
                .to_string()
                .into_bytes(),
            }),
        );
        cursor = page.unwrap().next;
    }
    assert_eq!(cursor, None, "the walk has an end");
    asked
}

#[test]
fn trap_only_the_first_page_searched() {
    assert_eq!(
        walk(
            "Host1",
            &[
                (200, Some("https://h.test/x?$skip=1")),
                (200, Some("?$skip=2")),
                (200, None),
                (200, None),
                (404, None),
                (200, Some("?$skip=3")),
                (404, None)
            ],
        ),
        [
            "computerDnsName eq 'Host1'",
            "$skip=1",
            "$skip=2",
            "computerDnsName eq 'host1'",
            "startswith(computerDnsName,'Host1.')",
            "startswith(computerDnsName,'host1.')",
            "$skip=3",
        ]
    );
}

#[test]
fn a_name_is_asked_for_in_no_more_spellings_than_it_has() {
    let none = (404, None);
    assert_eq!(
        walk("host1", &[none, none]),
        [
            "computerDnsName eq 'host1'",
            "startswith(computerDnsName,'host1.')"
        ]
    );
    assert_eq!(
        walk("Host1.Example.test", &[none, none]),
        [
            "computerDnsName eq 'Host1.Example.test'",
            "computerDnsName eq 'host1.example.test'"
        ]
    );
    assert_eq!(
        walk("host1.example.test", &[none]),
        ["computerDnsName eq 'host1.example.test'"]
    );
}

#[test]
fn a_name_cannot_say_more_than_a_name() {
    let rows = [
        ("o'brien.", "o%27%27brien."),
        ("a&$top=1.", "a%26%24top%3D1."),
        ("a#b?c/d.", "a%23b%3Fc%2Fd."),
        ("100%.", "100%25."),
        ("a+b c.", "a%2Bb%20c."),
        ("ré.東京", "r%C3%A9.%E6%9D%B1%E4%BA%AC"),
        (
            "x' or 'a' eq 'a.",
            "x%27%27%20or%20%27%27a%27%27%20eq%20%27%27a.",
        ),
    ];
    for (name, encoded) in rows {
        let step = request::find_machines(name, None, 10).unwrap();
        assert_eq!(
            step.request.target,
            format!("/api/machines?$filter=computerDnsName%20eq%20%27{encoded}%27&$top=10")
        );
    }
}

#[test]
fn nothing_is_sent_for_an_invalid_name() {
    let full = "é".repeat(253);
    assert!(request::find_machines(&full, None, 10).is_ok());
    for name in [
        "",
        "a\nb",
        "\0",
        "a\u{7f}",
        "a\u{85}",
        &"x".repeat(254),
        &format!("{full}é"),
    ] {
        assert!(
            is_invalid_argument(request::find_machines(name, None, 10)),
            "{name:?}"
        );
    }
}
