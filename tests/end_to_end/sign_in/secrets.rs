//! No output or file of a run has a secret.

use std::{fs, process::Command};

use offboard_simulator::{FederatedRequest, TokenRequest};

use super::{Running, World, run, script, wait_until};
use crate::support::Outcome;

/// A run with all output and records and with this credential. It succeeds, and its output
/// and files have none of these secrets, no token of any kind, and nothing that could be a
/// refresh token.
fn assert_no_secret(world: &World, command: &mut Command, secrets: &[&str], approves: bool) {
    let audit = world.path("audit.jsonl");
    command.args(["-v", "--wait=60s", "--audit"]).arg(&audit);
    let mut running = Running::start(command);
    if approves {
        let code = running.read_until("enter the code ");
        assert!(world.simulator.approve_device_code(code.trim()));
    }
    let outcome: Outcome = running.end();
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let ledger = world.written("ledger.db");
    let audited = world.written("audit.jsonl");
    assert!(!ledger.is_empty() && !audited.is_empty());
    let written = format!("{}{}{ledger}{audited}", outcome.stdout, outcome.stderr);
    for secret in secrets {
        assert!(!written.contains(secret), "{secret} is in {written}");
    }
    // The first characters of every JSON Web Token.
    assert!(!written.contains("eyJ"), "{written}");
    let mut allowed = crate::support::offboard(["inspect", "--output", "json"]).stdout;
    let digest = |line: &&str| line.starts_with("Plan digest: ");
    allowed.extend(outcome.stderr.lines().filter(digest));
    // A ledger's file has its values without separators, so its words come from an export.
    let exported = outcome_of(world, &["export", "last"]);
    let runs = outcome_of(world, &["runs", "--output", "json"]);
    let written = format!(
        "{}{}{exported}{runs}{audited}",
        outcome.stdout, outcome.stderr
    );
    for word in written.split(|letter: char| !letter.is_ascii_alphanumeric()) {
        assert!(
            word.len() < 44 || allowed.contains(word),
            "{word} is in {written}"
        );
    }
    assert!(world.issued() != 1 || world.simulator.issued_tokens().refresh_token == 0);
}

fn outcome_of(world: &World, args: &[&str]) -> String {
    let shown = super::outcome(&mut world.command(args));
    assert_eq!(shown.code, 0, "{shown:?}");
    shown.stdout
}

/// Tokens that expire after seconds, so that each is renewed.
fn world() -> World {
    World::with(|config| {
        config.token_lifetime = std::time::Duration::from_secs(3);
        config.action_time = std::time::Duration::from_secs(4);
    })
}

#[test]
fn a_client_secret_is_in_no_output() {
    let world = world();
    let machine = world.machine();
    let secret = world.simulator.client_secret();
    assert_no_secret(
        &world,
        &mut world.with_secret(&run(&machine)),
        &[secret],
        false,
    );
    let world = super::World::new();
    let secret = world.simulator.client_secret();
    let mut command = world.app(&run(&machine));
    assert_no_secret(
        &world,
        command.env("AZURE_CLIENT_SECRET", secret),
        &[secret],
        false,
    );
}

#[test]
fn a_certificate_s_key_and_password_are_in_no_output() {
    let world = world();
    let machine = world.machine();
    let certificate = world.certificate();
    let pem = certificate.key.serialize_pem();
    let mut secrets: Vec<&str> = pem.lines().filter(|line| line.len() > 40).collect();
    secrets.push("hunter2");
    let mut command = world.app(&run(&machine));
    command
        .env(
            "OFFBOARD_CERTIFICATE",
            world.secret("app.pfx", certificate.pfx("hunter2")),
        )
        .env("AZURE_CLIENT_CERTIFICATE_PASSWORD", "hunter2");
    assert_no_secret(&world, &mut command, &secrets, false);
}

#[test]
fn an_assertion_is_in_no_output() {
    let world = world();
    let machine = world.machine();
    let assertion = world
        .simulator
        .federated_token(&FederatedRequest::default())
        .unwrap();
    fs::write(world.path("assertion"), &assertion).unwrap();
    let mut command = world.app(&run(&machine));
    command.env("AZURE_FEDERATED_TOKEN_FILE", world.path("assertion"));
    assert_no_secret(&world, &mut command, &[&assertion], false);
}

#[test]
fn a_managed_identity_s_header_is_in_no_output() {
    let world = world();
    let machine = world.machine();
    let header = world.simulator.identity_header();
    let mut command = world.command(&run(&machine));
    command
        .env("IDENTITY_ENDPOINT", world.simulator.identity_endpoint())
        .env("IDENTITY_HEADER", header)
        .env("OFFBOARD_ALLOW_API_HOST", "127.0.0.1");
    assert_no_secret(&world, &mut command, &[header], false);
}

#[test]
fn a_given_token_is_in_no_output() {
    let world = World::new();
    let machine = world.machine();
    let token = world.token(TokenRequest::default());
    let mut command = world.command(&run(&machine));
    assert_no_secret(
        &world,
        command.env("OFFBOARD_TOKEN", &token),
        &[&token],
        false,
    );
    let world = World::new();
    let token = world.token(TokenRequest::default());
    script(&world.path("program"), &format!("echo {token}"));
    let mut command = world.command(&run(&machine));
    let program = world.path("program");
    assert_no_secret(
        &world,
        command.env("OFFBOARD_TOKEN_COMMAND", program),
        &[&token],
        false,
    );
}

#[test]
fn a_refresh_token_is_in_no_output() {
    let world = world();
    let machine = world.machine();
    let mut command = world.app(&run(&machine));
    assert_no_secret(
        &world,
        command.env("OFFBOARD_AUTH", "device-code"),
        &[],
        true,
    );
    assert!(world.simulator.issued_tokens().refresh_token > 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_secret_leaves_the_environment_of_what_it_starts() {
    let world = World::new();
    let machine = world.machine();
    let file = world.path("environment");
    let token = world.token(TokenRequest::default());
    script(
        &world.path("program"),
        &format!("env > '{}'; echo {token}", file.display()),
    );
    let mut command = world.command(&run(&machine));
    command
        .env("OFFBOARD_TOKEN_COMMAND", world.path("program"))
        .env("AZURE_CLIENT_SECRET", "hunter2")
        .env("AZURE_CLIENT_CERTIFICATE_PASSWORD", "hunter2")
        .env("KEPT", "kept");
    super::assert_offboarded(&world, &mut command);
    wait_until("the environment's file", || file.exists());
    let environment = fs::read_to_string(file).unwrap();
    assert!(
        environment.contains("KEPT=kept") && !environment.contains("hunter2"),
        "{environment}"
    );
}
