//! Plugins that use the grant of an offboarding with an external id for something else, and one
//! that sends an external id that was not ordered.

use std::sync::LazyLock;

use offboard::{component::Component, egress::Delivery, grant::Refusal, sandbox::Limits};
use serde_json::{Value, json};

use super::{
    Attack, MACHINE, Offboarding, Scripted, assert_denied, attack, connection, module,
    raw_components, report, sandbox_of, service, wrapped_for,
};

const ID: &str = "7e4a4700-0000-4000-8000-00000000000b-12";

/// Calls `offboard-with-external-id` for the comment that selects the case.
async fn offboard(attack: &Attack, server: &Scripted) -> Offboarding {
    let connection = connection(server.root());
    let (comment, id) = (attack.comment.parse().unwrap(), ID.parse().unwrap());
    let sandbox = &attack.sandbox;
    let called =
        sandbox.offboard_with_external_id(&connection, &attack.machine, &comment, &id, None);
    Offboarding {
        comment: attack.comment.clone(),
        outcome: called.await,
    }
}

/// The same with the guest in the world `external-id-plugin`.
async fn attack_by_id(name: &str, server: &Scripted) -> Offboarding {
    static IDENTIFIER: LazyLock<Component> = LazyLock::new(|| {
        let bytes = wrapped_for("external-id-plugin", module("external_ids"));
        Component::from_bytes(bytes).unwrap()
    });
    let attack = Attack {
        sandbox: sandbox_of(&IDENTIFIER, Limits::default()),
        ..Attack::new(name)
    };
    offboard(&attack, server).await
}

#[tokio::test]
async fn the_ordered_id_is_sent_in_the_host_s_own_body() {
    let server = service();
    let called = attack_by_id("external_ids/as_ordered", &server).await;
    assert!(report(&called).starts_with("answered:"), "{called:?}");
    let received = server.received();
    let [post] = received.as_slice() else {
        panic!("not one request: {received:?}");
    };
    let line = format!("POST /api/machines/{MACHINE}/offboard HTTP/1.1");
    assert_eq!(post.head.lines().next(), Some(line.as_str()));
    let body: Value = serde_json::from_str(&post.body).unwrap();
    assert_eq!(body, json!({"Comment": "as_ordered", "ExternalId": ID}));
}

#[tokio::test]
async fn another_id_is_refused() {
    for attack in [
        "external_ids/another_id",
        "external_ids/id_in_another_case",
        "external_ids/no_id",
        "external_ids/null_id",
        "external_ids/two_ids",
    ] {
        let server = service();
        let called = attack_by_id(attack, &server).await;
        assert_denied(&called, &server, &Refusal::Body);
    }
}

#[tokio::test]
async fn nothing_is_sent_beside_the_id() {
    let server = service();
    let called = attack_by_id("external_ids/a_title_beside_the_id", &server).await;
    assert_denied(&called, &server, &Refusal::Body);
}

#[tokio::test]
async fn another_machine_is_not_offboarded_with_the_id() {
    let server = service();
    let called = attack_by_id("external_ids/another_machine_with_the_id", &server).await;
    let path = format!("/api/machines/{}/offboard", MACHINE.replace('0', "f"));
    assert_denied(&called, &server, &Refusal::Path(path));
}

#[tokio::test]
async fn an_id_is_sent_once() {
    let server = service();
    let called = attack_by_id("external_ids/twice_with_the_id", &server).await;
    let (first, second) = report(&called).split_once("\n--\n").unwrap();
    assert!(first.starts_with("answered:"), "{first}");
    assert_eq!(second, "HttpRequestDenied");
    assert_eq!(called.record.refusals, [Refusal::Spent]);
    assert_eq!(server.posts(), 1);
}

#[tokio::test]
async fn an_offboarding_without_an_id_sends_none() {
    let server = service();
    let called = attack("external_ids/id_that_was_not_ordered", &server).await;
    assert_denied(&called, &server, &Refusal::Body);
}

/// The same module, in the world without external ids.
#[tokio::test]
async fn a_plugin_that_does_not_say_that_it_sends_ids_is_not_asked_to() {
    let server = service();
    let attack = Attack::new("external_ids/as_ordered");
    assert!(!attack.sandbox.can_send_external_id());
    let called = offboard(&attack, &server).await;
    assert!(called.result.is_err(), "{called:?}");
    assert_eq!(called.record.delivery(), Delivery::NotSent);
    assert!(server.seen().is_empty());
}

/// An idle plugin with this in place of the interface `external-id`.
fn with_external_id(version: &str, export: &str) -> Component {
    let idle = wasmprinter::print_bytes(raw_components::plugin("")).unwrap();
    let (idle, end) = idle.split_at(idle.rfind(')').unwrap());
    let text = format!(
        r#"{idle}
        (core module $m (func (export "f") (result i32) i32.const 0))
        (core instance $c (instantiate $m))
        (func $f (result u32) (canon lift (core func $c "f")))
        (instance $none)
        (instance $wrong (export "offboard-with-external-id" (func $f)))
        (export "defender:offboard/external-id@{version}" {export})
        {end}"#
    );
    Component::from_bytes(wat::parse_str(text).unwrap()).unwrap()
}

#[test]
fn an_external_id_of_another_type_is_refused() {
    let component = with_external_id("1.0.0", "(instance $wrong)");
    let complaint =
        "its offboard-with-external-id of defender:offboard/external-id@1.0 has another type";
    assert_eq!(component.violations(), [complaint]);
    assert!(super::refused(&component).contains(complaint));
}

/// It exports the interface, so it must export the function.
#[test]
fn an_external_id_without_its_function_is_refused() {
    for export in ["(instance $none)", "(func $f)"] {
        let component = with_external_id("1.0.0", export);
        let refused = super::refused(&component);
        assert!(refused.contains("external-id"), "{refused}");
    }
}

#[test]
fn an_external_id_of_another_version_is_none_of_ours() {
    let component = with_external_id("2.0.0", "(instance $wrong)");
    assert!(!sandbox_of(&component, Limits::default()).can_send_external_id());
}
