//! The error table, row by row.

use offboard_simulator::{Config, EmptyList};
use serde_json::json;

use crate::client::{call, filter, find, get, offboard, post, ready, start, start_slow};

#[tokio::test]
async fn a_comment_is_required_by_its_exact_name() {
    let simulator = start_slow().await;
    let path = format!("/api/machines/{}/offboard", ready(&simulator).id);
    for body in [
        json!({}),
        json!({"comment": "why"}),
        json!({"COMMENT": "why"}),
        json!({"Comment": null}),
    ] {
        let answer = post(&simulator, &path, &body).await;
        assert_eq!(answer.error(), (400, "MissingRequiredParameter"), "{body}");
        assert!(answer.message().contains("Comment"), "{answer:?}");
    }
    let empty = call(&simulator, "POST", &path)
        .token(simulator.token())
        .header("content-type", "application/json");
    assert_eq!(
        empty.send().await.error(),
        (400, "MissingRequiredParameter")
    );
    assert!(
        simulator
            .machines()
            .iter()
            .all(|machine| machine.pending_action_id.is_none())
    );
}

#[tokio::test]
async fn an_unreadable_body_is_refused() {
    let simulator = start_slow().await;
    let path = format!("/api/machines/{}/offboard", ready(&simulator).id);
    let too_long = format!(r#"{{"Comment":"{}"}}"#, "x".repeat(1024 * 1024));
    for (content_type, body) in [
        (Some("application/json"), "{"),
        (Some("application/json"), "[]"),
        (Some("application/json"), r#"{"Comment":5}"#),
        (Some("application/json"), r#"{"Comment":{"text":"why"}}"#),
        (Some("application/json"), &too_long),
        (Some("text/plain"), r#"{"Comment":"why"}"#),
        (Some("application/x-www-form-urlencoded"), "Comment=why"),
        (None, r#"{"Comment":"why"}"#),
        (None, ""),
    ] {
        let mut call = call(&simulator, "POST", &path)
            .token(simulator.token())
            .text(body);
        if let Some(content_type) = content_type {
            call = call.header("content-type", content_type);
        }
        assert_eq!(
            call.send().await.error(),
            (400, "InvalidRequestBody"),
            "{content_type:?} {body:.40}"
        );
    }
    assert!(
        simulator
            .machines()
            .iter()
            .all(|machine| machine.pending_action_id.is_none())
    );
}

#[tokio::test]
async fn ids_that_are_none() {
    let simulator = start_slow().await;
    let id = ready(&simulator).machine.id;
    for bad in [
        "x",
        "host1.contoso.test",
        &id[1..],
        &format!("{id}0"),
        &format!("g{}", &id[1..]),
        "%FF",
    ] {
        assert_eq!(
            offboard(&simulator, bad).await.error(),
            (400, "InvalidInput"),
            "{bad}"
        );
    }
    for path in ["/api/machineactions/x", "/api/machineactions/%FF"] {
        assert_eq!(
            get(&simulator, path).await.error(),
            (400, "InvalidInput"),
            "{path}"
        );
        let cancel = post(
            &simulator,
            &format!("{path}/cancel"),
            &json!({"Comment": "no"}),
        )
        .await;
        assert_eq!(cancel.error(), (400, "InvalidInput"), "{path}");
    }
}

#[tokio::test]
async fn what_does_not_exist() {
    let simulator = start_slow().await;
    let nobody = "0123456789abcdef0123456789abcdef01234567";
    let nothing = "11111111-2222-3333-4444-555555555555";
    assert_eq!(
        offboard(&simulator, nobody).await.error(),
        (404, "ResourceNotFound")
    );
    assert_eq!(
        get(&simulator, &format!("/api/machines/{nobody}"))
            .await
            .error(),
        (404, "ResourceNotFound")
    );
    assert_eq!(
        get(&simulator, "/api/machines/nobody.contoso.test")
            .await
            .error(),
        (404, "ResourceNotFound")
    );
    assert_eq!(
        get(&simulator, &format!("/api/machineactions/{nothing}"))
            .await
            .error(),
        (404, "ResourceNotFound")
    );
    let cancel = post(
        &simulator,
        &format!("/api/machineactions/{nothing}/cancel"),
        &json!({"Comment": "no"}),
    )
    .await;
    assert_eq!(cancel.error(), (404, "ResourceNotFound"));
}

#[tokio::test]
async fn routes_that_are_none() {
    let simulator = start_slow().await;
    let id = ready(&simulator).machine.id;
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/api"),
        ("GET", "/api/machine"),
        ("GET", "/api/machines//"),
        ("GET", "/api/v2.0/machines"),
        ("GET", "/machines"),
        ("GET", "/api/incidents"),
        ("PATCH", "/api/alerts/da637000000000000000_1"),
        ("POST", "/api/machines"),
        ("DELETE", &format!("/api/machines/{id}")),
        ("GET", &format!("/api/machines/{id}/offboard")),
        ("PUT", &format!("/api/machines/{id}/offboard")),
        ("GET", &format!("/api/machines/{id}/tags")),
        ("DELETE", &format!("/api/machines/{id}/tags")),
        ("GET", &format!("/api/machines/{id}/isolate")),
        ("POST", &format!("/api/machines/{id}/logonusers")),
        ("POST", &format!("/api/machines/{id}/offboard/now")),
    ] {
        let answer = call(&simulator, method, path)
            .token(simulator.token())
            .send()
            .await;
        assert_eq!(answer.error(), (404, "NotFound"), "{method} {path}");
    }
}

#[tokio::test]
async fn bad_queries() {
    let simulator = start_slow().await;
    for query in [
        "$top=10001",
        "$top=x",
        "$skip=-1",
        "$stop=2",
        "$expand=x",
        "$orderby=x",
        "$select=x",
        "$count=1",
    ] {
        for list in ["machines", "machineactions"] {
            let answer = get(&simulator, &format!("/api/{list}?{query}")).await;
            assert_eq!(answer.error(), (400, "ODataError"), "{list} {query}");
        }
    }
    for bad in [
        "hostname eq 'x'",
        "id eq",
        "osBuild eq 5",
        "id = 'x'",
        "lastSeen gt '2018-08-01'",
    ] {
        assert_eq!(
            filter(&simulator, "machines", bad).await.error(),
            (400, "ODataError"),
            "{bad}"
        );
    }
    for bad in [
        "computerDnsName eq 'x'",
        "status eq",
        "creationDateTimeUtc gt 'now'",
    ] {
        assert_eq!(
            filter(&simulator, "machineactions", bad).await.error(),
            (400, "ODataError"),
            "{bad}"
        );
    }
    let nested = filter(&simulator, "machines", &"(".repeat(20_000)).await;
    assert_eq!(nested.error(), (400, "ODataError"));
}

#[tokio::test]
async fn devices_that_cannot_be_offboarded() {
    let simulator = start_slow().await;
    for (platforms, onboarding, code) in [
        (
            &["Windows7", "WindowsXp"][..],
            "Onboarded",
            "OsPlatformNotSupported",
        ),
        (&["iOS"], "Onboarded", "OsPlatformNotSupported"),
        (&["Android"], "Onboarded", "OsPlatformNotSupported"),
        (&["Other"], "Unsupported", "OsPlatformNotSupported"),
        (&["macOS"], "Onboarded", "ClientVersionNotSupported"),
        (&["Windows10"], "Onboarded", "ClientVersionNotSupported"),
    ] {
        let machine = find(&simulator, |machine| {
            !machine.supported
                && platforms.contains(&&*machine.os_platform)
                && machine.onboarding_status == onboarding
        });
        assert_eq!(
            offboard(&simulator, &machine.id).await.error(),
            (400, code),
            "{machine:?}"
        );
    }
    for onboarding in ["CanBeOnboarded", "InsufficientInfo"] {
        let machine = find(&simulator, |machine| {
            machine.onboarding_status == onboarding
        });
        assert_eq!(
            offboard(&simulator, &machine.id).await.error(),
            (400, "BadRequest"),
            "{machine:?}"
        );
    }
}

#[tokio::test]
async fn an_empty_machine_list_is_200_or_404() {
    let empty = start(Config {
        machines: 0,
        ..Config::default()
    })
    .await;
    assert!(get(&empty, "/api/machines").await.value().is_empty());

    let simulator = start(Config {
        empty_list: EmptyList::NotFound,
        ..Config::default()
    })
    .await;
    assert_eq!(get(&simulator, "/api/machines").await.status, 200);
    let nothing = filter(&simulator, "machines", "computerDnsName eq 'nobody'").await;
    assert_eq!(nothing.error(), (404, "ResourceNotFound"));
    assert!(
        get(&simulator, "/api/machineactions")
            .await
            .value()
            .is_empty()
    );
}
