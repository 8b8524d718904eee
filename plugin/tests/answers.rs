//! The result of each answer of the service: one promise for each test, checked for every
//! call of the contract.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod outcome;

use offboard_plugin::{
    answer::{self, Answer, Failure},
    types::ServiceError,
};
use outcome::{
    ACTION, MACHINE, MACHINE_LISTS, Outcome, POSTS, READS, Sent, TARGET, cancel, everything,
    from_service, get_action, get_machine, list_actions, list_machines, offboard, reason, tag,
};
use serde_json::json;

fn answered(status: u16, body: impl Into<Vec<u8>>) -> Sent {
    Ok(Answer {
        status,
        retry_after: None,
        body: body.into(),
    })
}

fn error(status: u16, code: &str, message: &str, target: &str) -> ServiceError {
    let kept = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    ServiceError {
        status,
        code: kept(code),
        message: kept(message),
        target: kept(target),
    }
}

fn action() -> serde_json::Value {
    json!({"id": ACTION, "type": "Offboard", "status": "Pending", "machineId": MACHINE})
}

/// Code, status and message, then the errors: of `offboard`, of `cancel-action` and `tag`,
/// and of the reads.
type Row = (&'static str, u16, &'static str, [&'static str; 3]);

#[rustfmt::skip]
const ERROR_TABLE: [Row; 20] = [
    ("BadRequest", 400, "Bad request", ["rejected"; 3]),
    ("ODataError", 400, "Invalid query", ["rejected"; 3]),
    ("InvalidInput", 400, "Invalid value", ["rejected"; 3]),
    ("InvalidRequestBody", 400, "Cannot read the body", ["rejected"; 3]),
    ("InvalidHashValue", 400, "Invalid hash", ["rejected"; 3]),
    ("InvalidDomainName", 400, "Invalid domain", ["rejected"; 3]),
    ("InvalidIpAddress", 400, "Invalid address", ["rejected"; 3]),
    ("InvalidUrl", 400, "Invalid URL", ["rejected"; 3]),
    ("MaximumBatchSizeExceeded", 400, "Too many", ["rejected"; 3]),
    ("MissingRequiredParameter", 400, "Comment is missing", ["rejected"; 3]),
    ("OsPlatformNotSupported", 400, "Not on this system", ["unsupported-machine", "rejected", "rejected"]),
    ("ClientVersionNotSupported", 400, "Sensor too old", ["unsupported-machine", "rejected", "rejected"]),
    ("Unauthorized", 401, "Token expired", ["unauthorized"; 3]),
    ("Forbidden", 403, "Missing permission", ["forbidden"; 3]),
    ("DisabledFeature", 403, "Feature is off", ["forbidden"; 3]),
    ("DisallowedOperation", 403, "Not allowed", ["forbidden"; 3]),
    ("NotFound", 404, "No such route", ["not-found"; 3]),
    ("ResourceNotFound", 404, "No such machine", ["not-found"; 3]),
    ("TooManyRequests", 429, "Quota is used up", ["throttled"; 3]),
    ("InternalServerError", 500, "", ["service-failure"; 3]),
];

/// Not in the documented table, but observed.
#[rustfmt::skip]
const SEEN_OUTSIDE_THE_TABLE: [Row; 8] = [
    ("ActiveRequestAlreadyExists", 400, "Action is already in progress", ["already-in-progress", "rejected", "rejected"]),
    ("ActiveRequestAlreadyExists", 400, "", ["already-in-progress", "rejected", "rejected"]),
    ("BadRequest", 400, "Action is already in progress", ["already-in-progress", "rejected", "rejected"]),
    ("Forbidden", 403, "Missing application roles. API required roles: Machine.Offboard, application roles: Machine.Read.All.", ["forbidden"; 3]),
    ("Forbidden", 403, "The application does not have any of the required application permissions", ["forbidden"; 3]),
    ("Forbidden", 403, "Invalid audience", ["forbidden"; 3]),
    ("Unauthorized", 401, "Account mode is inactive", ["unauthorized"; 3]),
    ("Unauthorized", 401, "No TVM license", ["unauthorized"; 3]),
];

#[test]
fn each_refusal_of_the_service_has_its_case_and_keeps_its_words() {
    for (code, status, message, cases) in ERROR_TABLE.into_iter().chain(SEEN_OUTSIDE_THE_TABLE) {
        let body = json!({"error": {"code": code, "message": message, "target": TARGET}});
        let sent = || answered(status, body.to_string());
        let kept = error(status, code, message, TARGET);
        assert_eq!(
            offboard(sent()),
            from_service(cases[0], kept.clone()),
            "offboard, {code}"
        );
        assert_eq!(
            cancel(sent()),
            from_service(cases[1], kept.clone()),
            "cancel, {code}"
        );
        assert_eq!(
            tag(sent()),
            from_service(cases[1], kept.clone()),
            "tag, {code}"
        );
        for (call, read) in READS {
            assert_eq!(
                read(sent()),
                from_service(cases[2], kept.clone()),
                "{call}, {code}"
            );
        }
        for (call, read) in MACHINE_LISTS {
            let expected = match status {
                404 => Outcome::OK,
                _ => from_service(cases[2], kept.clone()),
            };
            assert_eq!(read(sent()), expected, "{call}, {code}");
        }
    }
}

#[test]
fn an_action_in_progress_is_recognised_in_any_case() {
    let body = json!({"error": {"code": "BadRequest", "message": "ALREADY IN PROGRESS."}});
    assert_eq!(
        offboard(answered(400, body.to_string())).case,
        "already-in-progress"
    );
}

#[test]
fn trap_error_body_dropped() {
    // The answers of proxies and gateways reach the caller, in any format.
    #[rustfmt::skip]
    let rows: [(&str, &str, &str, &str); 11] = [
        ("<html><h1>Bad gateway</h1></html>", "", "<html><h1>Bad gateway</h1></html>", ""),
        ("  \r\n upstream timed out \n", "", "upstream timed out", ""),
        ("", "", "", ""),
        (" \n", "", "", ""),
        ("{", "", "{", ""),
        ("[]", "", "[]", ""),
        (r#"{"error":"invalid_token"}"#, "", r#"{"error":"invalid_token"}"#, ""),
        (r#"{"message":"Rate limit is exceeded"}"#, "", r#"{"message":"Rate limit is exceeded"}"#, ""),
        (r#"{"error":{"code":"BadRequest"}}"#, "BadRequest", "", ""),
        (r#"{"error":{"code":null,"message":"why","target":"t","innerError":{}}}"#, "", "why", "t"),
        (r#"{"Error":{"Code":"BadRequest","Message":"why","Target":"t"}}"#, "BadRequest", "why", "t"),
    ];
    for (body, code, message, target) in rows {
        for (call, ask) in everything() {
            for status in [400, 401, 502] {
                assert_eq!(
                    ask(answered(status, body)).service_error,
                    Some(error(status, code, message, target)),
                    "{call}, {status}, {body}"
                );
            }
        }
    }
}

#[test]
fn a_refusal_in_no_known_encoding_keeps_what_can_be_read() {
    let outcome = offboard(answered(502, b"proxy \xff".to_vec()));
    assert_eq!(
        outcome,
        from_service("service-failure", error(502, "", "proxy \u{fffd}", ""))
    );
}

#[test]
fn the_services_words_are_cut_at_4096_bytes_and_never_inside_a_character() {
    // The first letter puts byte 4096 into the middle of an é.
    let long = format!("a{}", "é".repeat(5000));
    let cut = format!("a{}", "é".repeat(2047));
    let structured = json!({"error": {"code": long, "message": long, "target": long}});
    assert_eq!(
        offboard(answered(400, structured.to_string())).service_error,
        Some(error(400, &cut, &cut, &cut))
    );
    assert_eq!(
        offboard(answered(400, long)).service_error,
        Some(error(400, "", &cut, ""))
    );
}

#[test]
fn what_is_wrong_with_an_answer_is_said_in_4096_bytes_too() {
    let text = json!("é".repeat(100_000)).to_string();
    for body in [text.clone(), format!(r#"{{"value":{text}}}"#)] {
        for (call, ask) in everything() {
            let outcome = ask(answered(200, body.clone()));
            assert_eq!(outcome.case, "unreadable-answer", "{call}");
            assert!(outcome.reason.unwrap().len() <= 4096, "{call}");
        }
    }
}

#[test]
fn a_redirect_is_a_refusal() {
    for status in [300, 301, 302, 303, 304, 307, 308, 399] {
        for (call, ask) in everything() {
            assert_eq!(
                ask(answered(status, "Moved")),
                from_service("rejected", error(status, "", "Moved", "")),
                "{call}, {status}"
            );
        }
    }
}

#[test]
fn any_other_4xx_is_a_refusal() {
    for status in [
        400, 402, 405, 406, 409, 410, 413, 415, 422, 423, 431, 451, 499,
    ] {
        for (call, ask) in everything() {
            assert_eq!(
                ask(answered(status, "")),
                from_service("rejected", error(status, "", "", "")),
                "{call}, {status}"
            );
        }
    }
}

#[test]
fn any_5xx_is_a_failure_of_the_service() {
    for status in [500, 501, 502, 503, 504, 511, 599] {
        for (call, ask) in everything() {
            assert_eq!(
                ask(answered(status, "")),
                from_service("service-failure", error(status, "", "", "")),
                "{call}, {status}"
            );
        }
    }
}

#[test]
fn a_status_from_which_nothing_follows_leaves_the_outcome_open() {
    for status in [0, 100, 199, 408, 600, 999, u16::MAX] {
        let kept = Some(error(status, "", "Sorry", ""));
        for (call, post) in POSTS {
            let outcome = post(answered(status, "Sorry"));
            assert_eq!(outcome.case, "outcome-unknown", "{call}, {status}");
            assert_eq!(outcome.service_error, kept, "{call}, {status}");
            assert!(outcome.reason.unwrap().contains(&status.to_string()));
        }
        // A read changes nothing, so it may be retried, as after a 5xx.
        for (call, read) in READS.into_iter().chain(MACHINE_LISTS) {
            let outcome = read(answered(status, "Sorry"));
            assert_eq!(outcome.case, "service-failure", "{call}, {status}");
            assert_eq!(outcome.service_error, kept, "{call}, {status}");
        }
    }
}

#[test]
fn throttling_says_how_long_to_wait_where_the_service_says_it_in_seconds() {
    let rows = [
        (Some("30"), Some(30)),
        (Some(" 30 "), Some(30)),
        (Some("0"), Some(0)),
        (Some("18446744073709551615"), Some(u64::MAX)),
        (Some("18446744073709551616"), None),
        (Some("Wed, 02 Jan 2030 03:04:05 GMT"), None),
        (Some("soon"), None),
        (Some("1.5"), None),
        (Some("-1"), None),
        (Some(""), None),
        (None, None),
    ];
    for (header, seconds) in rows {
        for (call, ask) in everything() {
            let outcome = ask(Ok(Answer {
                status: 429,
                retry_after: header.map(str::to_owned),
                body: b"Slow down".to_vec(),
            }));
            assert_eq!(outcome.case, "throttled", "{call}, {header:?}");
            assert_eq!(outcome.retry_after, seconds, "{call}, {header:?}");
            assert_eq!(outcome.service_error, Some(error(429, "", "Slow down", "")));
        }
    }
}

#[test]
fn trap_only_201_taken_for_success() {
    for status in [200, 201, 202, 203, 206, 299] {
        let sent = || answered(status, action().to_string());
        assert_eq!(answer::offboard(MACHINE, sent()).unwrap().id, ACTION);
        assert_eq!(answer::cancel_action(ACTION, sent()).unwrap().id, ACTION);
        assert_eq!(answer::get_action(ACTION, sent()).unwrap().id, ACTION);
        let machine = json!({"id": MACHINE, "machineTags": []}).to_string();
        assert_eq!(tag(answered(status, machine)), Outcome::OK);
    }
}

#[test]
fn ids_are_compared_without_their_case() {
    let action = action().to_string();
    let machine = json!({"id": MACHINE}).to_string();
    let upper = MACHINE.to_uppercase();
    assert!(answer::offboard(&upper, answered(200, action)).is_ok());
    assert!(answer::get_machine(&upper, answered(200, machine.clone())).is_ok());
    assert!(answer::tag(&upper, answered(200, machine)).is_ok());
    let action = json!({"id": "ABCDEFAB-2222-3333-4444-555555555555", "type": "Offboard", "status": "Pending"});
    let id = "abcdefab-2222-3333-4444-555555555555";
    assert!(answer::get_action(id, answered(200, action.to_string())).is_ok());
}

#[test]
fn an_offboarding_that_names_no_machine_is_accepted() {
    // The captured answer of 2022 has null as the machine id.
    let mut action = action();
    action["machineId"] = json!(null);
    assert_eq!(offboard(answered(200, action.to_string())).case, "ok");
    action.as_object_mut().unwrap().remove("machineId");
    assert_eq!(offboard(answered(200, action.to_string())).case, "ok");
}

#[test]
fn an_accepted_request_whose_answer_makes_no_sense_is_never_called_a_success() {
    #[rustfmt::skip]
    let bodies: [(u16, &[u8]); 14] = [
        (204, b""), (200, b""), (202, b" \r\n"), (200, b"\xff\xfe"), (200, b"null"), (200, b"[]"),
        (200, b"{}"), (200, b"1"), (200, b"\"Pending\""), (200, b"<html>Sign in</html>"),
        (200, br#"{"value":{}}"#), (200, br#"{"error":{"code":"BadRequest"}}"#),
        (200, br#"{"id":"1","id":"2"}"#), (201, br#"{"id":"1","type":"#),
    ];
    for (status, body) in bodies {
        for (call, ask) in everything() {
            let outcome = ask(answered(status, body));
            let body = String::from_utf8_lossy(body);
            assert_eq!(outcome.case, "unreadable-answer", "{call}, {body}");
            assert_eq!(outcome.status, Some(status), "{call}, {body}");
            assert_ne!(outcome.reason.as_deref(), Some(""), "{call}, {body}");
        }
    }
}

#[test]
fn an_answer_about_something_else_is_unreadable() {
    let with = |name: &str, value: &str| {
        let mut action = action();
        action[name] = json!(value);
        answered(200, action.to_string())
    };
    let other_machine = "f".repeat(40);
    let other_action = "99999999-2222-3333-4444-555555555555";
    let another = || answered(200, json!({"id": other_machine}).to_string());
    let rows = [
        (
            offboard(with("machineId", &other_machine)),
            "another machine",
        ),
        (offboard(with("type", "Isolate")), "not an offboarding"),
        (cancel(with("id", other_action)), "another action"),
        (get_action(with("id", other_action)), "another action"),
        (get_machine(another()), "another machine"),
        (tag(another()), "another machine"),
    ];
    for (outcome, why) in rows {
        assert_eq!(outcome.case, "unreadable-answer", "{why}");
        assert!(outcome.reason.unwrap().contains(why), "{why}");
    }
}

#[test]
fn a_machine_that_makes_no_sense_does_not_hide_the_others() {
    let page = json!({"value": [{"id": null}, {"id": "AB"}, "x", {"status": "Pending"}]});
    let page = answer::list_machines(answered(200, page.to_string())).unwrap();
    assert_eq!(page.machines.len(), 1);
    assert_eq!(page.machines[0].id, "ab");
}

#[test]
fn an_action_that_makes_no_sense_does_not_hide_the_others() {
    let page = json!({"value": [{"status": "Pending"}, action(), 7]}).to_string();
    let page = answer::list_actions(answered(200, page)).unwrap();
    assert_eq!(page.actions.len(), 1);
}

#[test]
fn no_machines_may_be_said_with_a_404_and_no_actions_may_not() {
    let body = r#"{"error":{"code":"ResourceNotFound","message":"none","target":"t"}}"#;
    let page = answer::list_machines(answered(404, body)).unwrap();
    assert!(page.machines.is_empty());
    assert_eq!(page.next, None);
    assert_eq!(
        list_actions(answered(404, body)),
        from_service("not-found", error(404, "ResourceNotFound", "none", "t"))
    );
}

#[test]
fn a_proxy_s_404_is_not_an_empty_fleet() {
    for body in ["<html>Not here</html>", "", "{}", r#"{"error":"none"}"#] {
        assert_eq!(
            list_machines(answered(404, body)).case,
            "not-found",
            "{body}"
        );
    }
}

#[test]
fn each_way_to_have_no_answer_has_its_case() {
    let why = || "because".to_owned();
    let rows = [
        (
            Failure::NoCredential(why()),
            "no-credential",
            "no-credential",
        ),
        (Failure::Denied(why()), "denied", "denied"),
        (Failure::NotSent(why()), "not-sent", "no-answer"),
        (Failure::NoAnswer(why()), "outcome-unknown", "no-answer"),
    ];
    for (failure, post, read) in rows {
        for (call, ask) in everything() {
            let case = if POSTS.iter().any(|(name, _)| *name == call) {
                post
            } else {
                read
            };
            assert_eq!(
                ask(Err(failure.clone())),
                reason(case, why()),
                "{call}, {failure:?}"
            );
        }
    }
}

#[test]
fn a_broken_body_leaves_the_status_its_meaning() {
    #[rustfmt::skip]
    let rows = [
        (200, "unreadable-answer"), (201, "unreadable-answer"), (299, "unreadable-answer"),
        (302, "rejected"), (400, "rejected"), (401, "unauthorized"), (403, "forbidden"),
        (404, "not-found"), (408, "outcome-unknown"), (429, "throttled"), (503, "service-failure"),
    ];
    for (status, case) in rows {
        let outcome = offboard(Err(Failure::Broken {
            status,
            retry_after: Some("30".to_owned()),
            reason: "cut off".to_owned(),
        }));
        assert_eq!(outcome.case, case, "{status}");
        match outcome.service_error {
            None => assert_eq!(outcome.reason.as_deref(), Some("cut off"), "{status}"),
            Some(kept) => assert_eq!(kept, error(status, "", "cut off", ""), "{status}"),
        }
        assert_eq!(
            outcome.retry_after,
            (status == 429).then_some(30),
            "{status}"
        );
    }
}
