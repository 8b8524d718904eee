//! The files, variables and answers of a sign-in, as other tools write them.

use std::fs;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use offboard_simulator::{FederatedRequest, TokenRequest};
use serde_json::json;

use super::{
    Certificate, World, assert_contains, assert_not_sent, assert_offboarded,
    hostile_authority::answer, outcome, run, text,
};
use crate::hostile::servers::support::{Peer, Server};

/// A text in UTF-16 with a byte order mark, as PowerShell writes it.
fn wide(text: &str) -> Vec<u8> {
    let text = format!("\u{feff}{text}\r\n");
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn an_assertion_may_have_a_line_end_or_another_encoding() {
    let world = World::new();
    let file = world.path("assertion");
    let assertion = || {
        let request = FederatedRequest::default();
        world.simulator.federated_token(&request).unwrap()
    };
    let encoded: [fn(&str) -> Vec<u8>; 3] = [
        |text| format!("{text}\n").into_bytes(),
        |text| format!("\u{feff}{text}\r\n").into_bytes(),
        wide,
    ];
    for (encoded, machine) in encoded.into_iter().zip(world.online_ids(3)) {
        fs::write(&file, encoded(&assertion())).unwrap();
        let mut command = world.app(&run(&machine));
        let sent = outcome(command.env("AZURE_FEDERATED_TOKEN_FILE", &file));
        assert_eq!(sent.code, 0, "{sent:?}");
    }
    let issued = world.issued();
    for (written, reason) in [
        (format!("{}\n{}", assertion(), assertion()), "several words"),
        (format!("Bearer {}", assertion()), "several words"),
        ("hunter2".to_owned(), "not a JWT"),
    ] {
        fs::write(&file, written).unwrap();
        let mut command = world.app(&run(&world.machine()));
        let refused = outcome(command.env("AZURE_FEDERATED_TOKEN_FILE", &file));
        assert_eq!(refused.code, 3, "{refused:?}");
        let message = text(&refused.row()["error"], "message").to_owned();
        assert_contains(&message, &["assertion", reason]);
        assert!(!message.contains("hunter2"), "{message}");
    }
    assert_eq!(world.issued(), issued);
}

/// Key Vault writes the key first, and then the certificates from the root to the app's.
#[test]
fn the_app_s_certificate_may_be_the_last_one() {
    let world = World::new();
    let own = world.certificate();
    let (root, middle) = (Certificate::new(), Certificate::new());
    let key = own.key.serialize_pem();
    let pem = [&key, &root.pem, &middle.pem, &own.pem].map(String::as_str);
    let file = world.secret("app.pem", pem.concat());
    let mut command = world.app(&run(&world.machine()));
    assert_offboarded(&world, command.env("OFFBOARD_CERTIFICATE", &file));
    let world = World::new();
    let file = world.secret("app.pem", format!("{key}{}", root.pem));
    let mut command = world.app(&run(&world.machine()));
    let error = assert_not_sent(&world, command.env("OFFBOARD_CERTIFICATE", &file), 3);
    assert_contains(text(&error, "message"), &["belongs to its private key"]);
    assert!(world.requests().is_empty());
}

/// A secret store returns a PFX file in Base64.
#[test]
fn a_pfx_file_may_be_base64_and_its_password_may_have_a_line_end() {
    let world = World::new();
    let pfx = world.certificate().pfx("Passw0rd!");
    let pfx = world.secret("app.b64", BASE64_STANDARD.encode(pfx));
    let mut machines = world.online_ids(3).into_iter();
    let mut sent = |password: &str, name: &str, value: &std::ffi::OsStr| {
        let machine = machines.next().unwrap();
        let mut command = world.app(&run(&machine));
        let sent = outcome(command.env("OFFBOARD_CERTIFICATE", &pfx).env(name, value));
        assert_eq!(sent.code, 0, "{password:?} {sent:?}");
    };
    for password in ["Passw0rd!\n", " Passw0rd!\r\n"] {
        sent(
            password,
            "AZURE_CLIENT_CERTIFICATE_PASSWORD",
            password.as_ref(),
        );
    }
    let file = world.secret("password", wide("Passw0rd!"));
    sent(
        "in a file",
        "OFFBOARD_CERTIFICATE_PASSWORD_FILE",
        file.as_ref(),
    );
    let missing = |value: Option<&str>, reason: &str| {
        let mut command = world.app(&run(&world.machine()));
        command.env("OFFBOARD_CERTIFICATE", &pfx);
        if let Some(value) = value {
            command.env("AZURE_CLIENT_CERTIFICATE_PASSWORD", value);
        }
        let refused = outcome(&mut command);
        assert_eq!(refused.code, 3, "{refused:?}");
        assert_contains(text(&refused.row()["error"], "message"), &[reason]);
    };
    missing(None, "no password is configured");
    missing(Some(""), "the configured password is empty");
    missing(Some("other"), "with this password");
}

#[test]
fn a_client_secret_is_the_same_from_a_file_and_a_variable() {
    let world = World::new();
    let secret = world.simulator.client_secret();
    let machines = world.online_ids(2);
    let mut command = world.app(&run(&machines[0]));
    let variable = format!(" {secret}\r\n");
    let sent = outcome(command.env("AZURE_CLIENT_SECRET", variable));
    assert_eq!(sent.code, 0, "{sent:?}");
    let file = world.secret("wide", wide(secret));
    let mut command = world.app(&run(&machines[1]));
    let sent = outcome(command.env("OFFBOARD_CLIENT_SECRET_FILE", file));
    assert_eq!(sent.code, 0, "{sent:?}");
}

#[test]
fn a_certification_authority_may_be_der() {
    let world = World::new();
    let pem = fs::read_to_string(world.path("ca.pem")).unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = world.path("ca.cer");
    fs::write(&der, BASE64_STANDARD.decode(body).unwrap()).unwrap();
    let mut command = world.with_secret(&run(&world.machine()));
    assert_offboarded(&world, command.env("OFFBOARD_CA_FILE", der));
}

/// Endpoints of managed identities write the expiry as a number, as a text and as a date.
#[test]
fn a_managed_identity_s_token_is_used_whatever_its_answer_is() {
    for members in [
        json!({"expires_on": 1_893_456_000, "token_type": "Bearer", "resource": "x"}),
        json!({"expires_on": "2030-01-01 00:00:00Z", "token_type": "Bearer"}),
        json!({"expires_on": "1/1/2030 12:00:00 AM +00:00"}),
        json!({"expires_in": "3600"}),
        json!({}),
    ] {
        let world = World::new();
        let token = world.token(TokenRequest::default());
        let mut body = members.clone();
        body["access_token"] = json!(token);
        let server = Server::new(move |mut peer: Peer| {
            peer.request();
            peer.send(answer("200 OK", "", &body.to_string()));
            peer.end();
        });
        let mut command = world.command(&run(&world.machine()));
        command
            .env("IDENTITY_ENDPOINT", format!("{}/token", server.root()))
            .env("IDENTITY_HEADER", "header")
            .env("OFFBOARD_ALLOW_API_HOST", "127.0.0.1");
        assert_offboarded(&world, &mut command);
    }
}
