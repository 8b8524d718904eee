//! Properties that hold for every input.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use offboard_plugin::{
    action,
    answer::{self, Answer, Failure},
    json::Members,
    machine,
    offboarding::OffboardError,
    page, request,
    tagging::TagError,
    tracking::ActionFilter,
    types::{ActionStatus, ActionType, MachineAction, ReadError, ServiceError},
};
use percent_encoding::percent_decode_str;
use proptest::{collection::vec, option, prelude::*};
use serde_json::{Map, Value, json};

const MACHINE: &str = "0123456789abcdef0123456789abcdef01234567";
const ACTION: &str = "11111111-2222-3333-4444-555555555555";

/// The optional strings of an action, and the fields they are read into.
type Text = (&'static str, fn(&MachineAction) -> &Option<String>);

const TEXTS: [Text; 14] = [
    ("title", |action| &action.title),
    ("requestor", |action| &action.requestor),
    ("requestorComment", |action| &action.requestor_comment),
    ("machineId", |action| &action.machine_id),
    ("computerDnsName", |action| &action.computer_dns_name),
    ("creationDateTimeUtc", |action| {
        &action.creation_date_time_utc
    }),
    ("lastUpdateDateTimeUtc", |action| {
        &action.last_update_date_time_utc
    }),
    ("cancellationRequestor", |action| {
        &action.cancellation_requestor
    }),
    ("cancellationComment", |action| &action.cancellation_comment),
    ("cancellationDateTimeUtc", |action| {
        &action.cancellation_date_time_utc
    }),
    ("error", |action| &action.error),
    ("scope", |action| &action.scope),
    ("externalId", |action| &action.external_id),
    ("requestSource", |action| &action.request_source),
];

/// Any text, with control characters and quotes more often than by chance.
fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => any::<char>(),
        2 => prop::char::range(' ', '~'),
        1 => prop::sample::select(vec!['\'', '"', '\\', '&', '#', '%', '+', '\r', '\n', '\0', '.']),
    ];
    vec(character, 0..40).prop_map(String::from_iter)
}

/// The member names that the parsers read, so that values of a wrong type occur.
fn member() -> impl Strategy<Value = String> {
    let known = vec![
        "id",
        "ID",
        "type",
        "status",
        "machineId",
        "errorHResult",
        "commands",
        "relatedFileInfo",
        "fileIdentifier",
        "troubleshootInfo",
        "osBuild",
        "ipAddresses",
        "ipAddress",
        "machineTags",
        "rbacGroupId",
        "isExcluded",
        "value",
        "@odata.nextLink",
        "error",
        "code",
        "message",
        "target",
    ];
    prop_oneof![
        4 => prop::sample::select(known).prop_map(str::to_owned),
        1 => text(),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((member(), inner), 0..8).prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

/// A body: any bytes, any text, any JSON, or JSON that ends too early.
fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..200),
        text().prop_map(String::into_bytes),
        value().prop_map(|value| value.to_string().into_bytes()),
        (value(), any::<prop::sample::Index>()).prop_map(|(value, end)| {
            let mut body = value.to_string().into_bytes();
            body.truncate(end.index(body.len()));
            body
        }),
    ]
}

/// The error of an answer that is not a success.
fn words(sent: Result<Answer, Failure>) -> Vec<String> {
    let of = |error: ServiceError| {
        vec![error.code, error.message, error.target]
            .into_iter()
            .flatten()
            .collect()
    };
    match answer::offboard(MACHINE, sent) {
        Ok(_) => Vec::new(),
        Err(
            OffboardError::Unauthorized(error)
            | OffboardError::Forbidden(error)
            | OffboardError::MachineNotFound(error)
            | OffboardError::UnsupportedMachine(error)
            | OffboardError::AlreadyInProgress(error)
            | OffboardError::Rejected(error)
            | OffboardError::ServiceFailure(error),
        ) => of(error),
        Err(OffboardError::Throttled(throttled)) => of(throttled.answer),
        Err(OffboardError::OutcomeUnknown(unknown)) => unknown.answer.map(of).unwrap_or_default(),
        Err(OffboardError::UnreadableAnswer(answer)) => vec![answer.reason],
        Err(other) => panic!("no answer gives {other:?}"),
    }
}

proptest! {
    // A failure prints its input, so no file with failing inputs is kept.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_answer_makes_a_parser_panic(
        status: u16, retry_after in option::of(text()), body in body()
    ) {
        let text = String::from_utf8_lossy(&body).into_owned();
        let _ = (action::parse(&text), machine::parse(&text), page::parse(&text).is_ok());
        let _ = page::next_query(&text);
        let step = request::find_machines("host1", None, 10).unwrap();
        for status in [200, status] {
            let sent = || Ok(Answer { status, retry_after: retry_after.clone(), body: body.clone() });
            let _ = answer::offboard(MACHINE, sent());
            let _ = answer::cancel_action(ACTION, sent());
            let _ = answer::tag(MACHINE, sent());
            let _ = answer::get_action(ACTION, sent());
            let _ = answer::get_machine(MACHINE, sent());
            let _ = answer::list_actions(sent());
            let _ = answer::list_machines(sent());
            let _ = answer::find_machines(&step, sent());
        }
    }

    #[test]
    fn no_argument_makes_a_request_panic(text in text(), limit: u32) {
        let filter = ActionFilter {
            machine_ids: vec![text.clone()],
            action_type: None,
            statuses: Vec::new(),
            created_after: Some(text.clone()),
        };
        let _ = request::offboard(&text, &text);
        let _ = request::cancel_action(&text, &text);
        let _ = (request::tag(&text, &text), request::tag(MACHINE, &text));
        let _ = (request::get_action(&text), request::get_machine(&text));
        let _ = request::list_actions(&filter, Some(&text), limit);
        let _ = request::list_actions(&filter, None, limit);
        let _ = request::list_machines(Some(&text), limit);
        let _ = request::find_machines(&text, Some(&text), limit);
    }

    #[test]
    fn an_action_is_read_as_it_was_written(
        kind in text().prop_filter("needed", |kind| !kind.is_empty()),
        status in text().prop_filter("needed", |status| !status.is_empty()),
        // Absent, null, or a string.
        texts in vec(option::of(option::of(text())), TEXTS.len()),
        hresult in option::of(any::<i64>()),
        file in option::of((option::of(text()), option::of(text()))),
        commands in vec(value(), 0..4),
        troubleshooting in value(),
    ) {
        let mut members = json!({
            "id": ACTION, "type": kind, "status": status, "errorHResult": hresult,
            "commands": commands, "troubleshootInfo": troubleshooting,
            "relatedFileInfo": file.as_ref().map(|(identifier, identifier_type)| json!({
                "fileIdentifier": identifier, "fileIdentifierType": identifier_type,
            })),
        });
        for ((name, _), written) in TEXTS.iter().zip(&texts) {
            if let Some(written) = written {
                members[*name] = json!(written);
            }
        }
        let written = members.to_string();
        let action = action::parse(&written).unwrap();
        prop_assert_eq!(&action.id, ACTION);
        prop_assert_eq!(action::type_name(&action.action_type), kind);
        prop_assert_eq!(action::status_name(&action.status), status);
        for ((name, read), written) in TEXTS.iter().zip(texts) {
            let mut written = written.flatten();
            if *name == "machineId" {
                // An empty id names no machine.
                written = written
                    .map(|id| id.to_ascii_lowercase())
                    .filter(|id| !id.is_empty());
            }
            prop_assert_eq!(read(&action), &written, "{}", name);
        }
        prop_assert_eq!(action.error_hresult, hresult);
        prop_assert_eq!(
            action.related_file_info.map(|file| (file.identifier, file.identifier_type)),
            file
        );
        let commands: Vec<String> = commands.iter().map(Value::to_string).collect();
        prop_assert_eq!(action.commands, commands);
        let troubleshooting = (!troubleshooting.is_null()).then(|| troubleshooting.to_string());
        prop_assert_eq!(action.troubleshoot_info, troubleshooting);
        prop_assert_eq!(action.json, written);
    }

    #[test]
    fn a_machine_id_is_40_hexadecimal_digits_or_refused(
        id in prop_oneof!["[0-9a-fA-F]{40}", "[0-9a-fA-F]{38,42}", "[0-9a-g\u{ff10}-\u{ff19}]{40}", text()]
    ) {
        let valid = id.len() == 40 && id.chars().all(|c| c.is_ascii_hexdigit());
        let lower = id.to_lowercase();
        match (request::offboard(&id, "why"), request::get_machine(&id)) {
            (Ok(offboard), Ok(get)) => {
                prop_assert!(valid);
                prop_assert_eq!(offboard.target, format!("/api/machines/{lower}/offboard"));
                prop_assert_eq!(get.target, format!("/api/machines/{lower}"));
            }
            (Err(OffboardError::InvalidMachineId(_)), Err(ReadError::InvalidArgument(_))) => {
                prop_assert!(!valid);
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn a_comment_arrives_as_it_was_given(comment in text()) {
        match (request::offboard(MACHINE, &comment), request::cancel_action(ACTION, &comment)) {
            (Ok(offboard), Ok(cancel)) => {
                let body = offboard.body.unwrap();
                prop_assert_eq!(cancel.body.as_ref(), Some(&body));
                prop_assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), json!({"Comment": comment}));
            }
            _ => prop_assert!(comment.trim().is_empty()),
        }
    }

    #[test]
    fn a_tag_arrives_as_it_was_given_or_not_at_all(
        tag in prop_oneof![text(), "[ -~]{1,12}", "[a-z]{199,202}"]
    ) {
        match request::tag(MACHINE, &tag) {
            Ok(request) => {
                let body: Value = serde_json::from_str(&request.body.unwrap()).unwrap();
                prop_assert_eq!(body, json!({"Value": tag, "Action": "Add"}));
                prop_assert!(tag.chars().count() <= 200);
                prop_assert_eq!(tag.trim(), tag.as_str());
                prop_assert!(!tag.is_empty() && !tag.chars().any(char::is_control));
            }
            Err(TagError::InvalidTag(_)) => prop_assert!(
                tag.trim().is_empty()
                    || tag.trim() != tag
                    || tag.chars().count() > 200
                    || tag.chars().any(char::is_control)
            ),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn a_name_stays_inside_its_quotes(name in text()) {
        let Ok(first) = request::find_machines(&name, None, 10) else {
            prop_assert!(name.is_empty() || name.chars().any(char::is_control));
            return Ok(());
        };
        for number in 0..first.count {
            let step = request::find_machines(&name, Some(&format!("{number}:")), 10).unwrap();
            let value = step.request.target
                .strip_prefix("/api/machines?$filter=").unwrap()
                .strip_suffix("&$top=10").unwrap();
            prop_assert!(value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
            let filter = percent_decode_str(value).decode_utf8().unwrap();
            let quoted = filter
                .strip_prefix("computerDnsName eq '").and_then(|rest| rest.strip_suffix('\''))
                .or_else(|| {
                    filter.strip_prefix("startswith(computerDnsName,'")?.strip_suffix(".')")
                });
            let doubled = |name: &str| name.replace('\'', "''");
            prop_assert!(
                quoted == Some(&doubled(&name)) || quoted == Some(&doubled(&name.to_lowercase())),
                "{}", filter
            );
        }
    }

    #[test]
    fn an_unknown_word_stays_inside_its_quotes(kind in text(), status in text()) {
        let filter = ActionFilter {
            machine_ids: Vec::new(),
            action_type: Some(ActionType::Other(kind.clone())),
            statuses: vec![ActionStatus::Other(status.clone())],
            created_after: None,
        };
        let target = request::list_actions(&filter, None, 10).unwrap().target;
        let value = target
            .strip_prefix("/api/machineactions?$filter=").unwrap()
            .strip_suffix("&$orderby=creationDateTimeUtc%20desc&$top=10").unwrap();
        prop_assert!(value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
        let doubled = |word: &str| word.replace('\'', "''");
        prop_assert_eq!(
            percent_decode_str(value).decode_utf8().unwrap(),
            format!("type eq '{}' and status eq '{}'", doubled(&kind), doubled(&status))
        );
    }

    #[test]
    fn a_time_that_is_let_through_has_a_times_characters_alone(
        time in prop_oneof!["[0-9]{4}-[0-9]{2}-[0-9]{2}[-T:.Z0-9 ']{0,18}Z?", text()]
    ) {
        let filter = ActionFilter {
            machine_ids: Vec::new(),
            action_type: None,
            statuses: Vec::new(),
            created_after: Some(time.clone()),
        };
        if request::list_actions(&filter, None, 10).is_ok() {
            prop_assert!(time.len() <= 28 && time.matches('Z').count() == 1 && time.ends_with('Z'));
            prop_assert!(time.bytes().all(|b| b.is_ascii_digit() || b"-:.TZ".contains(&b)));
        }
    }

    #[test]
    fn a_next_link_never_leaves_the_request_line(
        link in prop_oneof![text(), text().prop_map(|query| format!("https://h.test/api/machines?{query}"))]
    ) {
        match page::next_query(&link) {
            Some(query) => {
                prop_assert!(query.bytes().all(|b| b.is_ascii_graphic() && b != b'#'), "{}", query);
                let next = request::list_machines(Some(&query), 10).unwrap();
                prop_assert_eq!(next.target, format!("/api/machines?{query}"));
            }
            None => {
                let before = link.split('#').next().unwrap();
                prop_assert!(before.split_once('?').is_none_or(|(_, query)| query.is_empty()));
            }
        }
    }

    #[test]
    fn what_is_said_of_an_answer_is_bounded(
        status: u16, part in text(), times in 1_usize..2000, structured: bool, cut: bool
    ) {
        let text = part.repeat(times);
        let body = if structured {
            json!({"error": {"code": text, "message": text, "target": text}}).to_string()
        } else {
            json!(text).to_string()
        };
        for status in [status, 200, 400, 408, 429, 500] {
            let sent = if cut {
                Err(Failure::Broken { status, retry_after: None, reason: text.clone() })
            } else {
                Ok(Answer { status, retry_after: None, body: body.clone().into_bytes() })
            };
            for word in words(sent) {
                prop_assert!(!word.is_empty() || cut);
                prop_assert!(word.len() <= 4096);
            }
        }
    }

    #[test]
    fn a_member_is_found_in_any_case(name in "[a-zA-Z@.]{1,20}", value in text()) {
        let text = json!({name.to_uppercase(): value}).to_string();
        let members = Members::parse(&text).unwrap();
        prop_assert_eq!(members.text(&name), Some(value));
    }
}
