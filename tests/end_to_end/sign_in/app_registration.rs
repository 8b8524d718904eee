//! An app registration: with a secret, a certificate, and a federated assertion.

use std::fs;

use offboard_simulator::FederatedRequest;

use super::{World, assert_contains, assert_not_sent, assert_offboarded, run, text};

#[test]
fn a_client_secret_comes_from_a_file() {
    let world = World::new();
    let machine = world.machine();
    let tenant = world.tenant();
    let client = world.client();
    let secret = world.secret_file();
    let mut args = run(&machine).to_vec();
    args.extend(["--tenant", &tenant, "--client-id", &client]);
    args.extend(["--client-secret-file", secret.to_str().unwrap()]);
    assert_offboarded(&world, &mut world.command(&args));
    assert_eq!(world.simulator.issued_tokens().client_credentials, 1);
}

#[test]
fn a_client_secret_comes_from_the_standard_variables() {
    let world = World::new();
    let machine = world.machine();
    let mut command = world.command(&run(&machine));
    command
        .env_remove("OFFBOARD_AUTHORITY")
        .env("AZURE_AUTHORITY_HOST", world.simulator.authority())
        .env("AZURE_TENANT_ID", world.tenant())
        .env("AZURE_CLIENT_ID", world.client())
        .env("AZURE_CLIENT_SECRET", world.simulator.client_secret());
    assert_offboarded(&world, &mut command);
}

#[test]
fn a_tenant_may_be_one_of_its_domains() {
    let world = World::new();
    let machine = world.machine();
    let mut command = world.with_secret(&run(&machine));
    assert_offboarded(&world, command.env("OFFBOARD_TENANT", "contoso.test"));
}

#[test]
fn an_invalid_tenant_never_becomes_part_of_a_url() {
    let world = World::new();
    let machine = world.machine();
    for tenant in ["a/b", "a?b", "common#", "%2e%2e", "a b"] {
        let mut command = world.with_secret(&run(&machine));
        let refused = super::outcome(command.env("OFFBOARD_TENANT", tenant));
        assert_eq!(refused.code, 2, "{tenant}: {refused:?}");
        assert_contains(&refused.stderr, &["this is not an id or a domain"]);
    }
    // It has the characters of a domain. The sign-in rejects it.
    let mut command = world.with_secret(&run(&machine));
    let error = assert_not_sent(&world, command.env("OFFBOARD_TENANT", ".."), 3);
    assert_contains(text(&error, "message"), &["neither the id of a tenant"]);
    assert!(world.requests().is_empty());
}

#[test]
fn a_certificate_is_pem_or_pfx() {
    let world = World::new();
    let certificate = world.certificate();
    let pem = world.secret("app.pem", certificate.both());
    let pfx = world.secret("app.pfx", certificate.pfx("hunter2"));
    let password = world.secret("password", "hunter2\n");
    let machines = world.online();
    let machine = |at: usize| machines[at].machine.id.clone();

    let mut command = world.app(&run(&machines[0].machine.id));
    command.env("OFFBOARD_CERTIFICATE", &pem);
    assert_eq!(super::outcome(&mut command).code, 0);

    let machine_1 = machine(1);
    let mut command = world.app(&run(&machine_1));
    command
        .env("AZURE_CLIENT_CERTIFICATE_PATH", &pfx)
        .env("AZURE_CLIENT_CERTIFICATE_PASSWORD", "hunter2");
    assert_eq!(super::outcome(&mut command).code, 0);

    let machine_2 = machine(2);
    let mut args = run(&machine_2).to_vec();
    args.extend(["--certificate", pfx.to_str().unwrap()]);
    args.extend(["--certificate-password-file", password.to_str().unwrap()]);
    assert_eq!(super::outcome(&mut world.app(&args)).code, 0);

    assert_eq!(world.offboarded(), 3);
    // The simulator checks the signature, the thumbprint and the claims.
    assert_eq!(world.simulator.issued_tokens().client_credentials, 3);
}

#[test]
fn each_sign_in_has_its_own_assertion() {
    let world = World::with(|config| {
        config.refuse_replayed_assertions = true;
        config.token_lifetime = std::time::Duration::from_secs(2);
        config.action_time = std::time::Duration::from_secs(4);
    });
    let pem = world.secret("app.pem", world.certificate().both());
    let machine = world.machine();
    let mut args = run(&machine).to_vec();
    args.push("--wait=60s");
    let mut command = world.app(&args);
    let outcome = super::outcome(command.env("OFFBOARD_CERTIFICATE", &pem));
    assert_eq!(outcome.row()["state"], "succeeded", "{outcome:?}");
    assert!(world.simulator.issued_tokens().client_credentials > 1);
}

#[test]
fn a_certificate_that_cannot_be_used_is_reported_by_its_file_and_why() {
    let world = World::new();
    let certificate = world.certificate();
    let machine = world.machine();
    for (name, bytes, password, words) in [
        (
            "no-key.pem",
            certificate.pem.clone().into_bytes(),
            "",
            "no private key",
        ),
        (
            "key.pem",
            certificate.key.serialize_pem().into_bytes(),
            "",
            "no certificate",
        ),
        (
            "app.pfx",
            certificate.pfx("hunter2"),
            "other",
            "with this password",
        ),
        (
            "app.txt",
            b"hunter2".to_vec(),
            "",
            "neither PEM nor PKCS#12",
        ),
    ] {
        let mut command = world.app(&run(&machine));
        command
            .env("OFFBOARD_CERTIFICATE", world.secret(name, bytes))
            .env("AZURE_CLIENT_CERTIFICATE_PASSWORD", password);
        let error = assert_not_sent(&world, &mut command, 3);
        assert_contains(text(&error, "message"), &[name, words]);
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    assert!(world.requests().is_empty());
}

#[test]
fn a_certificate_that_is_not_the_app_s_is_reported() {
    let world = World::new();
    world.certificate();
    let machine = world.machine();
    let other = world.secret("other.pem", super::Certificate::new().both());
    let mut command = world.app(&run(&machine));
    let error = assert_not_sent(&world, command.env("OFFBOARD_CERTIFICATE", &other), 3);
    assert_eq!(error["code"], "AADSTS700027");
    assert_contains(text(&error, "hint"), &["Upload the certificate"]);
}

#[test]
fn a_workload_identity_signs_in_with_a_federated_assertion() {
    let world = World::new();
    let machine = world.machine();
    let assertion = world
        .simulator
        .federated_token(&FederatedRequest::default());
    let file = world.path("assertion");
    fs::write(&file, assertion.unwrap()).unwrap();
    let mut command = world.command(&run(&machine));
    command
        .env("AZURE_TENANT_ID", world.tenant())
        .env("AZURE_CLIENT_ID", world.client())
        .env("AZURE_FEDERATED_TOKEN_FILE", &file);
    assert_offboarded(&world, &mut command);
}

#[test]
fn an_assertion_is_read_again_for_each_sign_in() {
    let world = World::with(|config| {
        config.token_lifetime = std::time::Duration::from_secs(3);
        config.action_time = std::time::Duration::from_secs(600);
    });
    let machine = world.machine();
    let file = world.path("assertion");
    let assertion = world
        .simulator
        .federated_token(&FederatedRequest::default());
    fs::write(&file, assertion.unwrap()).unwrap();
    let mut args = run(&machine).to_vec();
    args.push("--wait=8s");
    let mut command = world.app(&args);
    let running = super::Running::start(command.env("AZURE_FEDERATED_TOKEN_FILE", &file));
    super::wait_until("a sign-in", || world.issued() == 1);
    // As a cluster replaces it.
    let wrong = FederatedRequest {
        audience: Some("api://other".to_owned()),
        ..FederatedRequest::default()
    };
    fs::write(&file, world.simulator.federated_token(&wrong).unwrap()).unwrap();
    let outcome = running.end();
    assert_eq!(outcome.code, 4, "{outcome:?}");
    let mut refused = world.requests();
    refused.retain(|request| {
        let refused = [400, 401].iter().any(|status| request["status"] == *status);
        refused && text(request, "path").ends_with("/token")
    });
    assert!(!refused.is_empty(), "{outcome:?}");
}

#[test]
fn an_assertion_that_does_not_fit_is_reported() {
    let world = World::new();
    let machine = world.machine();
    let request = |issuer: Option<&str>, subject: Option<&str>, audience: Option<&str>| {
        let text = |text: Option<&str>| text.map(ToOwned::to_owned);
        FederatedRequest {
            issuer: text(issuer),
            subject: text(subject),
            audience: text(audience),
        }
    };
    for (request, code) in [
        (
            request(Some("https://evil.test"), None, None),
            "AADSTS700211",
        ),
        (request(None, None, Some("api://x")), "AADSTS700212"),
        (request(None, Some("system:other"), None), "AADSTS700213"),
    ] {
        let assertion = world.simulator.federated_token(&request).unwrap();
        fs::write(world.path("assertion"), assertion).unwrap();
        let mut command = world.app(&run(&machine));
        command.env("AZURE_FEDERATED_TOKEN_FILE", world.path("assertion"));
        let error = assert_not_sent(&world, &mut command, 3);
        assert_eq!(error["code"], code);
        assert_contains(text(&error, "hint"), &["Issuer, subject and audience"]);
    }
}
