//! Refusals of Entra ID: each has a remedy, and temporary ones are not faults of the credential.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{
    assert_contains,
    hostile_authority::{ScriptedAuthority, answer},
    text,
};

/// Entra ID's answer with this code.
fn refusal(code: u32) -> String {
    let body = format!(
        r#"{{"error":"invalid_request","error_description":"AADSTS{code}: It failed. Trace ID: 11111111-2222-4333-8444-555555555555 Correlation ID: 66666666-7777-4888-8999-aaaaaaaaaaaa Timestamp: 2026-03-02 08:11:54Z","error_codes":[{code}]}}"#
    );
    answer("400 Bad Request", "", &body)
}

#[test]
fn every_code_has_a_remedy() {
    for (code, remedy) in [
        (50_027, "The signed assertion was rejected"),
        (7_000_229, "no service principal (enterprise application)"),
        // Codes that have no remedy of their own.
        (7_000_299, "concerns the client secret"),
        (530_035, "A policy of the tenant"),
        (700_054, "concerns the app registration"),
        (500_121, "concerns the user's sign-in"),
        (900_382, "does not have this tenant"),
    ] {
        let authority = ScriptedAuthority::new(move |_| refusal(code));
        let (outcome, message) = authority.refused();
        assert_eq!(outcome.code, 3, "{outcome:?}");
        let error = &outcome.row()["error"];
        assert_eq!(error["code"], format!("AADSTS{code}"));
        assert_contains(text(error, "hint"), &[remedy]);
        assert_contains(&message, &["It failed.", "Correlation ID: 66666666"]);
    }
}

#[test]
fn a_temporary_failure_is_tried_again_and_is_not_a_fault_of_the_credential() {
    let authority = ScriptedAuthority::new(|_| refusal(90_033));
    let (outcome, _) = authority.refused();
    assert_eq!(outcome.code, 5, "{outcome:?}");
    let error = &outcome.row()["error"];
    assert_eq!(text(error, "kind"), "no-authority");
    assert_eq!(text(error, "code"), "AADSTS90033");
    assert_contains(text(error, "hint"), &["temporary", "Try again"]);
    let seen = authority.server.seen();
    assert_eq!(seen.matches("grant_type=client_credentials").count(), 3);

    // The second attempt succeeds.
    let attempts = AtomicUsize::new(0);
    let authority = ScriptedAuthority::new(move |_| {
        if attempts.fetch_add(1, Ordering::Relaxed) == 0 {
            refusal(90_033)
        } else {
            answer(
                "200 OK",
                "",
                r#"{"access_token":"a.b.c","expires_in":"3600"}"#,
            )
        }
    });
    authority.with_secret().output().unwrap();
    assert!(authority.server.seen().contains("Bearer a.b.c"));
}

/// The page of a proxy or a gateway in front of Entra ID.
#[test]
fn an_answer_that_is_not_of_entra_id_is_reported_with_its_status() {
    for (status, code, kind) in [
        ("403 Forbidden", 3, "no-credential"),
        ("503 Service Unavailable", 5, "no-authority"),
    ] {
        let authority = ScriptedAuthority::new(move |_| answer(status, "", "<html>hunter2"));
        let (outcome, message) = authority.refused();
        assert_eq!(outcome.code, code, "{outcome:?}");
        assert_eq!(outcome.row()["error"]["kind"], kind);
        assert_contains(&message, &[status, "not an error of Entra ID"]);
        assert!(!message.contains("hunter2"), "{message}");
    }
    let authority = ScriptedAuthority::new(|_| answer("503 Service Unavailable", "", "{}"));
    let outcome = authority.by_code();
    assert_eq!(outcome.code, 5, "{outcome:?}");
}
