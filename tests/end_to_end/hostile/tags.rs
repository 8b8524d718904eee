//! Plugins that use the grant of a tag for something else, and one that tags with the grant
//! of an offboarding.

use std::sync::LazyLock;

use offboard::{
    component::Component,
    contract::TagError,
    egress::Delivery,
    grant::Refusal,
    sandbox::{CallOutcome, Limits},
};
use serde_json::{Value, json};

use super::{
    Attack, MACHINE, Reply, Scripted, assert_denied, attack, connection, module, raw_components,
    sandbox_of, service, wrapped_for,
};

type Tagging = CallOutcome<Result<(), TagError>>;

/// Calls `tag` for the tag that selects the case.
async fn tag(attack: &Attack, server: &Scripted) -> Tagging {
    let tag = attack.comment.parse().unwrap();
    attack
        .sandbox
        .tag_machine(&connection(server.root()), &attack.machine, &tag)
        .await
}

/// The same with the guest in the world `tagging-plugin`.
async fn attack_by_tag(name: &str, server: &Scripted) -> Tagging {
    static TAGGER: LazyLock<Component> = LazyLock::new(|| {
        let bytes = wrapped_for("tagging-plugin", module("tags"));
        Component::from_bytes(bytes).unwrap()
    });
    let attack = Attack {
        sandbox: sandbox_of(&TAGGER, Limits::default()),
        ..Attack::new(name)
    };
    tag(&attack, server).await
}

/// What the guest reports.
fn report(called: &Tagging) -> &str {
    match &called.result {
        Ok(Err(TagError::Denied(text))) => text,
        other => panic!("the guest reports nothing: {other:?}"),
    }
}

/// Nothing was sent, for this reason, and the guest got the error.
#[track_caller]
fn assert_refused(called: &Tagging, server: &Scripted, reason: Refusal) {
    assert_eq!(called.record.refusals, [reason], "{called:?}");
    assert_eq!(report(called), "HttpRequestDenied");
    assert_eq!(called.record.delivery(), Delivery::NotSent);
    assert!(server.seen().is_empty(), "{:?}", server.received());
}

#[tokio::test]
async fn a_tag_does_not_offboard() {
    let server = service();
    let called = attack_by_tag("tags/tag_that_offboards", &server).await;
    let path = format!("/api/machines/{MACHINE}/offboard");
    assert_refused(&called, &server, Refusal::Path(path));
}

#[tokio::test]
async fn another_machine_is_not_tagged() {
    let server = service();
    let called = attack_by_tag("tags/another_machine", &server).await;
    let path = format!("/api/machines/{}/tags", MACHINE.replace('0', "f"));
    assert_refused(&called, &server, Refusal::Path(path));
}

#[tokio::test]
async fn another_tag_is_refused() {
    let server = service();
    let called = attack_by_tag("tags/another_tag", &server).await;
    assert_refused(&called, &server, Refusal::Body);
}

#[tokio::test]
async fn a_tag_is_not_removed() {
    let server = service();
    let called = attack_by_tag("tags/removes_the_tag", &server).await;
    assert_refused(&called, &server, Refusal::Body);
}

#[tokio::test]
async fn no_more_machines_are_tagged_than_the_one() {
    let server = service();
    let called = attack_by_tag("tags/more_machines", &server).await;
    assert_refused(&called, &server, Refusal::Body);
}

#[tokio::test]
async fn a_machine_is_tagged_once() {
    let answer = json!({"id": MACHINE}).to_string();
    let server = Scripted::posting(Reply::new(200, &answer));
    let called = attack_by_tag("tags/tags_twice", &server).await;
    let (first, second) = report(&called).split_once("\n--\n").unwrap();
    assert!(first.starts_with("answered:"), "{first}");
    assert_eq!(second, "HttpRequestDenied");
    assert_eq!(called.record.refusals, [Refusal::Spent]);
    let received = server.received();
    let [post] = received.as_slice() else {
        panic!("not one request: {received:?}");
    };
    let line = format!("POST /api/machines/{MACHINE}/tags HTTP/1.1");
    assert_eq!(post.head.lines().next(), Some(line.as_str()));
    let body: Value = serde_json::from_str(&post.body).unwrap();
    assert_eq!(body, json!({"Value": "tags_twice", "Action": "Add"}));
}

#[tokio::test]
async fn an_offboarding_does_not_tag() {
    let server = service();
    let called = attack("tags/offboarding_that_tags", &server).await;
    let path = format!("/api/machines/{MACHINE}/tags");
    assert_denied(&called, &server, &Refusal::Path(path));
}

/// The record shows what happened, regardless of the guest's claims.
#[tokio::test]
async fn a_tag_that_is_only_claimed_is_on_record_as_not_sent() {
    let server = service();
    let called = attack_by_tag("tags/claims_a_tag", &server).await;
    assert!(matches!(called.result, Ok(Ok(()))), "{called:?}");
    assert_eq!(called.record.delivery(), Delivery::NotSent);
    assert!(server.seen().is_empty());
}

/// The same module, in the world without tags.
#[tokio::test]
async fn a_plugin_that_does_not_say_that_it_tags_is_not_asked_to() {
    let server = service();
    let attack = Attack::new("tags/tags_twice");
    assert!(!attack.sandbox.can_tag());
    let called = tag(&attack, &server).await;
    assert!(called.result.is_err(), "{called:?}");
    assert_eq!(called.record.delivery(), Delivery::NotSent);
    assert!(server.seen().is_empty());
}

/// An idle plugin with this in place of the interface `tagging`.
fn with_tagging(version: &str, export: &str) -> Component {
    let idle = wasmprinter::print_bytes(raw_components::plugin("")).unwrap();
    let (idle, end) = idle.split_at(idle.rfind(')').unwrap());
    let text = format!(
        r#"{idle}
        (core module $m (func (export "f") (result i32) i32.const 0))
        (core instance $c (instantiate $m))
        (func $f (result u32) (canon lift (core func $c "f")))
        (instance $none)
        (instance $wrong (export "tag" (func $f)))
        (export "defender:offboard/tagging@{version}" {export})
        {end}"#
    );
    Component::from_bytes(wat::parse_str(text).unwrap()).unwrap()
}

#[test]
fn a_tag_of_another_type_is_refused() {
    let component = with_tagging("1.0.0", "(instance $wrong)");
    let complaint = "its tag of defender:offboard/tagging@1.0 has another type";
    assert_eq!(component.violations(), [complaint]);
    assert!(super::refused(&component).contains(complaint));
}

/// It exports the interface, so it must export the function.
#[test]
fn a_tagging_without_a_tag_is_refused() {
    for export in ["(instance $none)", "(func $f)"] {
        let component = with_tagging("1.0.0", export);
        let refused = super::refused(&component);
        assert!(refused.contains("tagging"), "{refused}");
    }
}

#[test]
fn a_tagging_of_another_version_is_none_of_ours() {
    let component = with_tagging("2.0.0", "(instance $wrong)");
    assert!(!sandbox_of(&component, Limits::default()).can_tag());
}
