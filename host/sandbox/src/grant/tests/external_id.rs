//! The grant of an offboarding with an external id, and what it does not permit.

use super::*;

fn identified() -> Grant {
    Grant::offboard_with_external_id(
        &"https://api.example.test".parse().unwrap(),
        &MACHINE.parse().unwrap(),
        &"Lost, ticket 1".parse().unwrap(),
        &"run-a-1".parse().unwrap(),
    )
}

fn with_body(body: &[u8]) -> RequestView<'_> {
    RequestView { body, ..ordered() }
}

const ORDERED: &[u8] = br#"{"Comment":"Lost, ticket 1","ExternalId":"run-a-1"}"#;

#[test]
fn the_ordered_id_may_be_sent_once() {
    let mut grant = identified();
    let permit = grant.spend(&with_body(ORDERED)).unwrap();
    assert_eq!(permit.route(), Route::Offboard);
    let body: serde_json::Value = serde_json::from_str(&permit.body().unwrap()).unwrap();
    let expected = serde_json::json!({"Comment": "Lost, ticket 1", "ExternalId": "run-a-1"});
    assert_eq!(body, expected);
    assert_eq!(spend(&mut grant, &with_body(ORDERED)), Err(Refusal::Spent));
    let other_form = b" { \"External\\u0049d\" : \"run-a-1\", \"Comment\": \"Lost, ticket 1\" } ";
    assert!(spend(&mut identified(), &with_body(other_form)).is_ok());
    let text = identified().to_string();
    assert!(
        text.ends_with("/offboard, once, with exactly this comment and external id"),
        "{text}"
    );
    assert_eq!(
        identified().external_id().map(|id| id.as_str()),
        Some("run-a-1")
    );
    assert_eq!(super::grant().external_id(), None);
}

#[test]
fn another_id_or_comment_is_refused() {
    for body in [
        "",
        "{}",
        r#"["Lost, ticket 1","run-a-1"]"#,
        r#"{"Comment":"Lost, ticket 1"}"#,
        r#"{"ExternalId":"run-a-1"}"#,
        r#"{"Comment":"Lost, ticket 1","ExternalId":null}"#,
        r#"{"Comment":"Lost, ticket 1","ExternalId":["run-a-1"]}"#,
        r#"{"Comment":"Lost, ticket 1","ExternalId":"run-a-2"}"#,
        r#"{"Comment":"Lost, ticket 1","ExternalId":"RUN-A-1"}"#,
        r#"{"Comment":"Lost, ticket 1","ExternalId":"run-a-1 "}"#,
        r#"{"Comment":"Lost, ticket 1","externalId":"run-a-1"}"#,
        r#"{"Comment":"Lost","ExternalId":"run-a-1"}"#,
        r#"{"Comment":"Lost, ticket 1","ExternalId":"x","ExternalId":"run-a-1"}"#,
        r#"{"Comment":"Lost, ticket 1","ExternalId":"run-a-1","Title":"x"}"#,
        r#"{"Comment":"Lost, ticket 1","ExternalId":"run-a-1"} {}"#,
    ] {
        let refused = spend(&mut identified(), &with_body(body.as_bytes()));
        assert_eq!(refused, Err(Refusal::Body), "{body}");
    }
}

#[test]
fn an_offboarding_without_an_id_may_not_send_one() {
    assert_eq!(spend(&mut grant(), &with_body(ORDERED)), Err(Refusal::Body));
}

#[test]
fn a_comment_with_a_line_break_is_not_sent_with_an_id_either() {
    let comment = crate::contract::Comment::recorded("a\nb").unwrap();
    let mut grant = Grant::offboard_with_external_id(
        &"https://api.example.test".parse().unwrap(),
        &MACHINE.parse().unwrap(),
        &comment,
        &"run-a-1".parse().unwrap(),
    );
    let body = br#"{"Comment":"a\nb","ExternalId":"run-a-1"}"#;
    assert_eq!(spend(&mut grant, &with_body(body)), Err(Refusal::Comment));
}
