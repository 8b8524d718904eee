//! The grant that adds a tag, and what it does not permit.

use super::*;

const TAGS: &str = "/api/machines/0123456789abcdef0123456789abcdef01234567/tags";

fn tagging() -> Grant {
    Grant::tag(
        &api(),
        &MACHINE.parse().unwrap(),
        &"retired".parse().unwrap(),
    )
}

fn asked_to_tag() -> RequestView<'static> {
    RequestView {
        path: TAGS,
        body: br#"{"Value":"retired","Action":"Add"}"#,
        ..ordered()
    }
}

#[test]
fn the_ordered_tag_may_be_added_once() {
    let mut grant = tagging();
    let permit = grant.spend(&asked_to_tag()).unwrap();
    assert_eq!(permit.route(), Route::TagMachine);
    let body: serde_json::Value = serde_json::from_str(&permit.body().unwrap()).unwrap();
    assert_eq!(
        body,
        serde_json::json!({"Value": "retired", "Action": "Add"})
    );
    assert_eq!(spend(&mut grant, &asked_to_tag()), Err(Refusal::Spent));
    let body = b" { \"Action\" : \"\\u0041dd\", \"Value\" : \"retired\" } ";
    let again = RequestView {
        body,
        ..asked_to_tag()
    };
    assert_eq!(spend(&mut tagging(), &again), Ok(Route::TagMachine));
    assert!(
        tagging()
            .to_string()
            .ends_with("/tags, once, with exactly this tag")
    );
}

#[test]
fn another_tag_or_tag_action_is_refused() {
    for body in [
        "",
        "{}",
        r#""retired""#,
        r#"{"Value":"retired"}"#,
        r#"{"Action":"Add"}"#,
        r#"{"Value":"retired","Action":"Remove"}"#,
        r#"{"Value":"retired","Action":"add"}"#,
        r#"{"Value":"retired","Action":null}"#,
        r#"{"Value":"Retired","Action":"Add"}"#,
        r#"{"Value":"retired ","Action":"Add"}"#,
        r#"{"Value":["retired"],"Action":"Add"}"#,
        r#"{"value":"retired","action":"Add"}"#,
        r#"["retired","Add"]"#,
        r#"{"Value":"retired","Action":"Add","Action":"Remove"}"#,
        r#"{"Value":"retired","Action":"Remove","Action":"Add"}"#,
        r#"{"Value":"x","Value":"retired","Action":"Add"}"#,
        r#"{"Value":"retired","Action":"Add","MachineIds":[]}"#,
        r#"{"Value":"retired","Action":"Add"}{"Value":"x","Action":"Add"}"#,
        r#"{"Comment":"retired"}"#,
    ] {
        let refused = tagging().spend(&RequestView {
            body: body.as_bytes(),
            ..asked_to_tag()
        });
        assert_eq!(refused, Err(Refusal::Body), "{body}");
    }
}

#[test]
fn a_tag_grant_permits_neither_another_machine_nor_an_offboarding() {
    let other = TAGS.replace('0', "1");
    for path in [
        PATH,
        &other,
        "/api/machines/AddOrRemoveTagForMultipleMachines",
    ] {
        let refused = tagging().spend(&RequestView {
            path,
            ..asked_to_tag()
        });
        assert_eq!(refused, Err(Refusal::Path(path.to_owned())));
    }
    for method in ["GET", "DELETE", "PUT"] {
        let refused = tagging().spend(&RequestView {
            method,
            ..asked_to_tag()
        });
        assert_eq!(refused, Err(Refusal::Method(method.to_owned())));
    }
    let query = tagging().spend(&RequestView {
        query: Some("x=y"),
        ..asked_to_tag()
    });
    assert_eq!(query, Err(Refusal::Query));
    // The reverse is refused, too.
    let refused = grant().spend(&asked_to_tag());
    assert_eq!(refused, Err(Refusal::Path(TAGS.to_owned())));
    assert_eq!(
        spend(&mut tagging(), &asked_to_tag()),
        Ok(Route::TagMachine)
    );
}
