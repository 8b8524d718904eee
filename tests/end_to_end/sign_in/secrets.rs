//! Whatever a run says or writes, no secret is in it.

use std::{fs, process::Command};

use offboard_simulator::{FederatedRequest, TokenRequest};

use super::{Running, World, run, script, wait_until};
use crate::support::Outcome;

/// A run with everything that can be said and written, by this credential: it
/// goes through, and whatever it left behind has none of these, no token of any
/// kind, and nothing that could be a refresh token.
fn judge(world: &World, command: &mut Command, secrets: &[&str], approves: bool) {
    let audit = world.path("audit.jsonl");
    command.args(["-v", "--wait=60s", "--audit"]).arg(&audit);
    let mut running = Running::start(command);
    if approves {
        let told = running.hears("enter the code ");
        assert!(world.simulator.approve_device_code(told.trim()));
    }
    let outcome: Outcome = running.end();
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let ledger = world.written("ledger.db");
    let audited = world.written("audit.jsonl");
    assert!(!ledger.is_empty() && !audited.is_empty());
    let left = format!("{}{}{ledger}{audited}", outcome.stdout, outcome.stderr);
    for secret in secrets {
        assert!(!left.contains(secret), "{secret} is in {left}");
    }
    // How every JSON Web Token begins.
    assert!(!left.contains("eyJ"), "{left}");
    let mut known = crate::support::offboard(["inspect", "--output", "json"]).stdout;
    let digest = |line: &&str| line.starts_with("Plan digest: ");
    known.extend(outcome.stderr.lines().filter(digest));
    // The files of a ledger have its values without anything in between.
    let exported = outcome_of(world, &["export", "last"]);
    let runs = outcome_of(world, &["runs", "--output", "json"]);
    let left = format!(
        "{}{}{exported}{runs}{audited}",
        outcome.stdout, outcome.stderr
    );
    for word in left.split(|letter: char| !letter.is_ascii_alphanumeric()) {
        assert!(
            word.len() < 44 || known.contains(word),
            "{word} is in {left}"
        );
    }
    assert!(world.issued() != 1 || world.simulator.issued_tokens().refresh_token == 0);
}

fn outcome_of(world: &World, args: &[&str]) -> String {
    let shown = super::outcome(&mut world.command(args));
    assert_eq!(shown.code, 0, "{shown:?}");
    shown.stdout
}

/// Tokens of seconds, so that each is renewed.
fn world() -> World {
    World::with(|config| {
        config.token_lifetime = std::time::Duration::from_secs(3);
        config.action_time = std::time::Duration::from_secs(4);
    })
}

#[test]
fn a_client_secret_is_nowhere() {
    let world = world();
    let machine = world.machine();
    let secret = world.simulator.client_secret();
    judge(
        &world,
        &mut world.with_secret(&run(&machine)),
        &[secret],
        false,
    );
    let world = super::World::new();
    let secret = world.simulator.client_secret();
    let mut command = world.app(&run(&machine));
    judge(
        &world,
        command.env("AZURE_CLIENT_SECRET", secret),
        &[secret],
        false,
    );
}

#[test]
fn a_certificate_s_key_and_password_are_nowhere() {
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
    judge(&world, &mut command, &secrets, false);
}

#[test]
fn an_assertion_is_nowhere() {
    let world = world();
    let machine = world.machine();
    let assertion = world
        .simulator
        .federated_token(&FederatedRequest::default())
        .unwrap();
    fs::write(world.path("assertion"), &assertion).unwrap();
    let mut command = world.app(&run(&machine));
    command.env("AZURE_FEDERATED_TOKEN_FILE", world.path("assertion"));
    judge(&world, &mut command, &[&assertion], false);
}

#[test]
fn a_managed_identity_s_header_is_nowhere() {
    let world = world();
    let machine = world.machine();
    let header = world.simulator.identity_header();
    let mut command = world.command(&run(&machine));
    command
        .env("IDENTITY_ENDPOINT", world.simulator.identity_endpoint())
        .env("IDENTITY_HEADER", header)
        .env("OFFBOARD_ALLOW_API_HOST", "127.0.0.1");
    judge(&world, &mut command, &[header], false);
}

#[test]
fn a_ready_token_is_nowhere() {
    let world = World::new();
    let machine = world.machine();
    let token = world.token(TokenRequest::default());
    let mut command = world.command(&run(&machine));
    judge(
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
    judge(
        &world,
        command.env("OFFBOARD_TOKEN_COMMAND", program),
        &[&token],
        false,
    );
}

#[test]
fn a_refresh_token_is_nowhere() {
    let world = world();
    let machine = world.machine();
    let mut command = world.app(&run(&machine));
    judge(
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
    let seen = world.path("environment");
    let token = world.token(TokenRequest::default());
    script(
        &world.path("program"),
        &format!("env > '{}'; echo {token}", seen.display()),
    );
    let mut command = world.command(&run(&machine));
    command
        .env("OFFBOARD_TOKEN_COMMAND", world.path("program"))
        .env("AZURE_CLIENT_SECRET", "hunter2")
        .env("AZURE_CLIENT_CERTIFICATE_PASSWORD", "hunter2")
        .env("KEPT", "kept");
    super::assert_offboarded(&world, &mut command);
    wait_until("it wrote it down", || seen.exists());
    let seen = fs::read_to_string(seen).unwrap();
    assert!(
        seen.contains("KEPT=kept") && !seen.contains("hunter2"),
        "{seen}"
    );
}
