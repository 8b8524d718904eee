//! Plugins that are to tag one machine, and try something else with that; and
//! one that tags where it is to offboard.

use offboard::{
    component::Component,
    contract::TagError,
    egress::Delivery,
    grant::Refusal,
    sandbox::{CallOutcome, Limits, Sandbox},
};
use serde_json::{Value, json};

use super::{
    MACHINE, Reply, Scripted, assert_denied, attack, connection, machine, module, sandbox,
    sandbox_of, service, wrapped_for, written,
};

const TAG: &str = "Retired";

type Tagging = CallOutcome<Result<(), TagError>>;

fn tagger(guest: &str) -> Sandbox {
    let bytes = wrapped_for("tagging-plugin", module(guest));
    sandbox_of(&Component::from_bytes(bytes).unwrap(), Limits::default())
}

async fn tag(sandbox: &Sandbox, server: &Scripted) -> Tagging {
    let tag = TAG.parse().unwrap();
    sandbox
        .tag_machine(&connection(server.root()), &machine(), &tag)
        .await
}

/// A guest's `tag`, called for the one machine and the one tag.
async fn attack_by_tag(guest: &str, server: &Scripted) -> Tagging {
    tag(&tagger(guest), server).await
}

/// What the guest reports that it saw.
fn told(called: &Tagging) -> &str {
    match &called.result {
        Ok(Err(TagError::Denied(text))) => text,
        other => panic!("the guest reports nothing: {other:?}"),
    }
}

/// Nothing left, for this reason, and the guest was told so.
#[track_caller]
fn assert_refused(called: &Tagging, server: &Scripted, reason: Refusal) {
    assert_eq!(called.record.refusals, [reason], "{called:?}");
    assert_eq!(told(called), "HttpRequestDenied");
    assert_eq!(called.record.delivery(), Delivery::NotSent);
    assert!(server.seen().is_empty(), "{:?}", server.received());
}

#[tokio::test]
async fn a_tag_does_not_offboard() {
    let server = service();
    let called = attack_by_tag("tag_that_offboards", &server).await;
    let path = format!("/api/machines/{MACHINE}/offboard");
    assert_refused(&called, &server, Refusal::Path(path));
}

#[tokio::test]
async fn another_machine_is_not_tagged() {
    let server = service();
    let called = attack_by_tag("tags_another_machine", &server).await;
    let path = format!("/api/machines/{}/tags", MACHINE.replace('0', "f"));
    assert_refused(&called, &server, Refusal::Path(path));
}

#[tokio::test]
async fn another_tag_is_refused() {
    let server = service();
    let called = attack_by_tag("tags_otherwise", &server).await;
    assert_refused(&called, &server, Refusal::Body);
}

#[tokio::test]
async fn a_tag_is_not_removed() {
    let server = service();
    let called = attack_by_tag("removes_the_tag", &server).await;
    assert_refused(&called, &server, Refusal::Body);
}

#[tokio::test]
async fn no_more_machines_are_tagged_than_the_one() {
    let server = service();
    let called = attack_by_tag("tags_more_machines", &server).await;
    assert_refused(&called, &server, Refusal::Body);
}

#[tokio::test]
async fn a_machine_is_tagged_once() {
    let answer = json!({"id": MACHINE}).to_string();
    let server = Scripted::posting(Reply::new(200, &answer));
    let called = attack_by_tag("tags_twice", &server).await;
    let (first, second) = told(&called).split_once("\n--\n").unwrap();
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
    assert_eq!(body, json!({"Value": TAG, "Action": "Add"}));
}

#[tokio::test]
async fn an_offboarding_does_not_tag() {
    let server = service();
    let called = attack("offboard_that_tags", &server).await;
    let path = format!("/api/machines/{MACHINE}/tags");
    assert_denied(&called, &server, &Refusal::Path(path));
}

/// Whatever it says, the record has what happened.
#[tokio::test]
async fn a_tag_that_is_only_claimed_is_on_record_as_not_sent() {
    let server = service();
    let called = attack_by_tag("claims_a_tag", &server).await;
    assert!(matches!(called.result, Ok(Ok(()))), "{called:?}");
    assert_eq!(called.record.delivery(), Delivery::NotSent);
    assert!(server.seen().is_empty());
}

/// The very same module, of the world that has no tags.
#[tokio::test]
async fn a_plugin_that_does_not_say_that_it_tags_is_not_asked_to() {
    let server = service();
    let sandbox = sandbox("tags_twice");
    assert!(!sandbox.can_tag());
    let called = tag(&sandbox, &server).await;
    assert!(called.result.is_err(), "{called:?}");
    assert_eq!(called.record.delivery(), Delivery::NotSent);
    assert!(server.seen().is_empty());
}

/// An idle plugin with this in the place of the interface that tags.
fn with_tagging(version: &str, export: &str) -> Component {
    let idle = wasmprinter::print_bytes(written::plugin("")).unwrap();
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

/// It says that it tags, so it has to.
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
