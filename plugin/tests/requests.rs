//! The requests, byte for byte, and the arguments that are refused before anything is
//! sent.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use offboard_plugin::{
    external_id::ExternalIdError,
    offboarding::OffboardError,
    request::{self, ENTITY_LIMIT, MAX_EXTERNAL_ID, MAX_FILTER_MACHINES, PAGE_LIMIT, Request},
    tagging::TagError,
    tracking::{ActionFilter, CancelError},
    types::{ActionStatus, ActionType, ReadError},
};
use percent_encoding::percent_decode_str;

const MACHINE: &str = "0123456789abcdef0123456789abcdef01234567";
const OTHER: &str = "fedcba9876543210fedcba9876543210fedcba98";
const ACTION: &str = "abcdefab-2222-3333-4444-555555555555";

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

fn filter_of(filter: &ActionFilter) -> Option<String> {
    parameter(&request::list_actions(filter, None, 10).unwrap(), "$filter")
}

fn is_invalid_argument<T>(result: Result<T, ReadError>) -> bool {
    matches!(result, Err(ReadError::InvalidArgument(why)) if !why.is_empty())
}

#[test]
fn trap_wrong_route() {
    let get = |target: &str, answer_limit| Request {
        target: target.to_owned(),
        body: None,
        answer_limit,
    };
    let post = |target: &str| Request {
        target: target.to_owned(),
        body: Some(r#"{"Comment":"why"}"#.to_owned()),
        answer_limit: ENTITY_LIMIT,
    };
    assert_eq!(
        request::offboard(MACHINE, "why"),
        Ok(post(
            "/api/machines/0123456789abcdef0123456789abcdef01234567/offboard"
        ))
    );
    assert_eq!(
        request::cancel_action(ACTION, "why"),
        Ok(post(
            "/api/machineactions/abcdefab-2222-3333-4444-555555555555/cancel"
        ))
    );
    assert_eq!(
        request::tag(MACHINE, "retired"),
        Ok(Request {
            body: Some(r#"{"Value":"retired","Action":"Add"}"#.to_owned()),
            ..post("/api/machines/0123456789abcdef0123456789abcdef01234567/tags")
        })
    );
    assert_eq!(
        request::get_action(ACTION),
        Ok(get(
            "/api/machineactions/abcdefab-2222-3333-4444-555555555555",
            ENTITY_LIMIT
        ))
    );
    assert_eq!(
        request::get_machine(MACHINE),
        Ok(get(
            "/api/machines/0123456789abcdef0123456789abcdef01234567",
            ENTITY_LIMIT
        ))
    );
    assert_eq!(
        request::list_machines(None, 500),
        Ok(get("/api/machines?$top=500", PAGE_LIMIT))
    );
    assert_eq!(
        request::list_actions(&no_filter(), None, 500),
        Ok(get(
            "/api/machineactions?$orderby=creationDateTimeUtc%20desc&$top=500",
            PAGE_LIMIT
        ))
    );
    let step = request::find_machines("host1.example.test", None, 500).unwrap();
    let target = "/api/machines?$filter=computerDnsName%20eq%20%27host1.example.test%27&$top=500";
    assert_eq!(step.request, get(target, PAGE_LIMIT));
    assert_eq!((step.number, step.count), (0, 1));
}

#[test]
fn upper_case_ids_are_lowered() {
    let machine = MACHINE.to_uppercase();
    let action = ACTION.to_uppercase();
    assert_eq!(
        request::offboard(&machine, "why"),
        request::offboard(MACHINE, "why")
    );
    assert_eq!(
        request::get_machine(&machine),
        request::get_machine(MACHINE)
    );
    assert_eq!(
        request::tag(&machine, "Retired"),
        request::tag(MACHINE, "Retired")
    );
    assert_eq!(request::get_action(&action), request::get_action(ACTION));
    assert_eq!(
        request::cancel_action(&action, "why"),
        request::cancel_action(ACTION, "why")
    );
    let filter = ActionFilter {
        machine_ids: vec![machine],
        ..no_filter()
    };
    assert_eq!(
        filter_of(&filter),
        Some(format!("machineId eq '{MACHINE}'"))
    );
}

fn refuses_machine(id: &str) {
    assert!(
        matches!(request::offboard(id, "why"), Err(OffboardError::InvalidMachineId(why)) if !why.is_empty()),
        "{id:?}"
    );
    assert!(
        matches!(request::tag(id, "retired"), Err(TagError::InvalidMachineId(why)) if !why.is_empty()),
        "{id:?}"
    );
    assert!(is_invalid_argument(request::get_machine(id)), "{id:?}");
    let filter = ActionFilter {
        machine_ids: vec![MACHINE.to_owned(), id.to_owned()],
        ..no_filter()
    };
    assert!(
        is_invalid_argument(request::list_actions(&filter, None, 10)),
        "{id:?}"
    );
}

#[test]
fn nothing_is_sent_for_an_invalid_machine_id() {
    let hex = "0123456789abcdef";
    for id in [
        "",
        " ",
        "host1.example.test",
        "../../machineactions",
        hex,
        &hex.repeat(2),
        &MACHINE[1..],
        &format!("{MACHINE}0"),
        &format!(" {MACHINE}"),
        &format!("{MACHINE}\n"),
        &format!("0x{}", &MACHINE[2..]),
        &format!("{}g", &MACHINE[1..]),
        &format!("{}/", &MACHINE[1..]),
        &format!("{}'", &MACHINE[1..]),
        &format!("{}%", &MACHINE[1..]),
        // 40 characters, and 40 bytes: neither is 40 digits.
        &format!("{}\u{ff10}", &MACHINE[1..]),
        &format!("{}\u{ff10}", &MACHINE[3..]),
    ] {
        refuses_machine(id);
    }
}

#[test]
fn trap_aad_device_id_used_as_machine_id() {
    refuses_machine("99999999-2222-3333-4444-555555555555");
    refuses_machine("99999999222233334444555555555555");
}

#[test]
fn nothing_is_sent_for_an_invalid_action_id() {
    for id in [
        "",
        "abcdefab222233334444555555555555",
        "{abcdefab-2222-3333-4444-555555555555}",
        "urn:uuid:abcdefab-2222-3333-4444-555555555555",
        "abcdefab-2222-3333-4444-55555555555",
        "abcdefab-2222-3333-4444-5555555555555",
        "abcdefab-2222-3333-4444-555555555555-",
        "abcdefab2-222-3333-4444-555555555555",
        "gbcdefab-2222-3333-4444-555555555555",
        "abcdefab-2222-3333-4444-55555555555/",
        "abcdefab-2222-3333-4444-555555555555 ",
        "abcdefab-2222-3333-4444-555555555\u{ff10}",
        "../machines/x",
        MACHINE,
    ] {
        assert!(is_invalid_argument(request::get_action(id)), "{id:?}");
        assert!(
            matches!(
                request::cancel_action(id, "why"),
                Err(CancelError::InvalidActionId(_))
            ),
            "{id:?}"
        );
    }
}

#[test]
fn trap_a_default_comment() {
    // A blank comment is refused, never replaced by a default.
    for blank in ["", " ", "\t\r\n", "\u{a0}", "\u{2028}", "\u{3000} "] {
        assert!(
            matches!(
                request::offboard(MACHINE, blank),
                Err(OffboardError::InvalidComment(_))
            ),
            "{blank:?}"
        );
        assert!(
            matches!(
                request::cancel_action(ACTION, blank),
                Err(CancelError::InvalidComment(_))
            ),
            "{blank:?}"
        );
    }
}

#[test]
fn trap_body_omitted() {
    let rows = [
        (
            "Decommissioned, ticket 1234",
            r#"{"Comment":"Decommissioned, ticket 1234"}"#,
        ),
        ("  kept as it is \n", r#"{"Comment":"  kept as it is \n"}"#),
        (
            r#"He said "go" \ went"#,
            r#"{"Comment":"He said \"go\" \\ went"}"#,
        ),
        ("one\r\ntwo\tthree", r#"{"Comment":"one\r\ntwo\tthree"}"#),
        (
            "\u{0}\u{1b}\u{7f}",
            "{\"Comment\":\"\\u0000\\u001b\u{7f}\"}",
        ),
        (
            "Abgängig: 廃棄 🗑 \u{202e}",
            "{\"Comment\":\"Abgängig: 廃棄 🗑 \u{202e}\"}",
        ),
        (r#"","Comment":"x"#, r#"{"Comment":"\",\"Comment\":\"x"}"#),
        ("</script>&'%20", r#"{"Comment":"</script>&'%20"}"#),
    ];
    for (comment, body) in rows {
        let offboard = request::offboard(MACHINE, comment).unwrap();
        let cancel = request::cancel_action(ACTION, comment).unwrap();
        assert_eq!(offboard.body.as_deref(), Some(body));
        assert_eq!(cancel.body.as_deref(), Some(body));
    }
}

#[test]
fn a_tag_is_added_as_it_was_given() {
    let longest = "ß".repeat(200);
    for (tag, value) in [
        ("offboarded 2030-01", "offboarded 2030-01"),
        (r#"a "b" \ c"#, r#"a \"b\" \\ c"#),
        (r#"","Action":"Remove"#, r#"\",\"Action\":\"Remove"#),
        ("廃棄 🗑", "廃棄 🗑"),
        (&longest, &longest),
    ] {
        let body = request::tag(MACHINE, tag).unwrap().body;
        let expected = format!(r#"{{"Value":"{value}","Action":"Add"}}"#);
        assert_eq!(body, Some(expected), "{tag}");
    }
}

#[test]
fn nothing_is_sent_for_an_invalid_tag() {
    let too_long = "x".repeat(201);
    for tag in [
        "", " ", "\u{3000}", "a\nb", "a\u{0}", "\u{7f}", "a\u{85}b", " a", "a ", "\u{a0}a",
        &too_long,
    ] {
        assert!(
            matches!(request::tag(MACHINE, tag), Err(TagError::InvalidTag(why)) if !why.is_empty()),
            "{tag:?}"
        );
    }
}

#[test]
fn a_filter_says_what_was_asked_for_and_nothing_else() {
    let machines = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
    assert_eq!(filter_of(&no_filter()), None);
    let rows = [
        (
            ActionFilter {
                machine_ids: machines(&[MACHINE]),
                ..no_filter()
            },
            format!("machineId eq '{MACHINE}'"),
        ),
        (
            ActionFilter {
                machine_ids: machines(&[MACHINE, OTHER]),
                ..no_filter()
            },
            format!("(machineId eq '{MACHINE}' or machineId eq '{OTHER}')"),
        ),
        (
            ActionFilter {
                action_type: Some(ActionType::Offboard),
                ..no_filter()
            },
            "type eq 'Offboard'".to_owned(),
        ),
        (
            ActionFilter {
                statuses: vec![ActionStatus::TimeOut],
                ..no_filter()
            },
            "status eq 'TimeOut'".to_owned(),
        ),
        (
            ActionFilter {
                created_after: Some("2018-08-01Z".to_owned()),
                ..no_filter()
            },
            "creationDateTimeUtc gt 2018-08-01Z".to_owned(),
        ),
        (
            ActionFilter {
                machine_ids: machines(&[MACHINE, OTHER]),
                action_type: Some(ActionType::Offboard),
                statuses: vec![ActionStatus::Pending, ActionStatus::InProgress],
                created_after: Some("2030-01-02T03:04:05.1234567Z".to_owned()),
            },
            format!(
                "(machineId eq '{MACHINE}' or machineId eq '{OTHER}') and type eq 'Offboard' \
                 and (status eq 'Pending' or status eq 'InProgress') \
                 and creationDateTimeUtc gt 2030-01-02T03:04:05.1234567Z"
            ),
        ),
        (
            ActionFilter {
                action_type: Some(ActionType::Other("x' or 'a' eq 'a".to_owned())),
                statuses: vec![ActionStatus::Other("é&#%".to_owned())],
                ..no_filter()
            },
            "type eq 'x'' or ''a'' eq ''a' and status eq 'é&#%'".to_owned(),
        ),
    ];
    for (filter, expected) in rows {
        assert_eq!(filter_of(&filter), Some(expected));
    }
}

#[test]
fn more_machines_than_a_server_takes_in_one_url_are_refused() {
    let filter = |count| ActionFilter {
        machine_ids: vec![MACHINE.to_owned(); count],
        ..no_filter()
    };
    assert_eq!(MAX_FILTER_MACHINES, 100);
    let full = request::list_actions(&filter(100), None, 10).unwrap();
    assert_eq!(full.target.matches(MACHINE).count(), 100);
    // Common servers refuse a request line of 8 KiB.
    assert!(full.target.len() < 7680, "{}", full.target.len());
    assert!(is_invalid_argument(request::list_actions(
        &filter(101),
        None,
        10
    )));
}

#[test]
fn a_time_stands_bare_in_a_filter_so_nothing_but_a_time_may() {
    let after = |time: &str| {
        let filter = ActionFilter {
            created_after: Some(time.to_owned()),
            ..no_filter()
        };
        request::list_actions(&filter, None, 10)
    };
    for time in [
        "2018-08-01Z",
        "2030-01-02T03:04Z",
        "2030-01-02T03:04:05Z",
        "2030-01-02T03:04:05.1Z",
        "2030-01-02T03:04:05.1234567Z",
    ] {
        let filter = parameter(&after(time).unwrap(), "$filter");
        assert_eq!(filter, Some(format!("creationDateTimeUtc gt {time}")));
    }
    for time in [
        "",
        "Z",
        "now()",
        "2030-01-01Z' or 1 eq 1",
        "2030-01-01Z or 1 eq 1 or 2030-01-01Z",
        "2030-01-01Z)Z",
        "'2030-01-01Z'",
        "2030-01-01",
        "2030-01-02T03:04:05",
        "2030-01-02T03:04:05z",
        "2030-01-02T03:04:05+00:00",
        "2030-01-02T03:04:05.12345678Z",
        "2030-01-02T03:04:05.Z",
        "2030-01-02T03:04:05.1.2Z",
        "2030-01-02TZ",
        "2030-01-02T03Z",
        "2030-01-02ZZ",
        "2030-01-02:::Z",
        "2030-01-02.5Z",
        "2030/01/02Z",
        "2030-01-02 03:04:05Z",
        "2030-01-02T03:04:05Z\n",
        " 2030-01-02Z",
        "\u{ff12}030-01-02Z",
    ] {
        assert!(is_invalid_argument(after(time)), "{time:?}");
    }
}

#[test]
fn an_external_id_is_in_the_body_as_it_is() {
    let longest = "x".repeat(MAX_EXTERNAL_ID);
    for id in ["7e4a4700-0000-4000-8000-000000000001-12", "A", &longest] {
        let request = request::offboard_with_external_id(MACHINE, "why", id).unwrap();
        let body = format!(r#"{{"Comment":"why","ExternalId":"{id}"}}"#);
        assert_eq!(request.body.as_deref(), Some(body.as_str()));
        let without = request::offboard(MACHINE, "why").unwrap();
        assert_eq!(request.target, without.target);
    }
}

#[test]
fn an_external_id_that_is_not_plain_is_refused() {
    let too_long = "x".repeat(MAX_EXTERNAL_ID + 1);
    for id in ["", " ", "a b", "a\n", "a\"", "ä", "a/b", &too_long] {
        let refused = request::offboard_with_external_id(MACHINE, "why", id);
        assert!(
            matches!(&refused, Err(ExternalIdError::InvalidExternalId(why)) if !why.is_empty()),
            "{id:?} {refused:?}"
        );
    }
    let refused = request::offboard_with_external_id("pc-1", "why", "a");
    assert!(matches!(refused, Err(ExternalIdError::InvalidMachineId(_))));
    let refused = request::offboard_with_external_id(MACHINE, " ", "a");
    assert!(matches!(refused, Err(ExternalIdError::InvalidComment(_))));
}
