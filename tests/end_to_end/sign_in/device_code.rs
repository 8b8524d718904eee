//! A user signs in with a code that the command shows and that is approved in a browser.

use std::{process::Command, time::Duration};

use offboard_simulator::Config;

use super::{Running, World, assert_contains, outcome, run, text, wait_until};

fn by_code(world: &World, args: &[&str]) -> Command {
    let mut command = world.app(args);
    command.env("OFFBOARD_AUTH", "device-code");
    command
}

/// Starts a command, and reads the code that it shows.
fn started(command: &mut Command) -> (Running, String) {
    let mut running = Running::start(command);
    let line = running.read_until("To sign in, open ");
    let (_, code) = line.split_once(" and enter the code ").unwrap();
    let code = code.trim().to_owned();
    (running, code)
}

#[test]
fn an_approved_code_signs_in_and_the_order_is_accepted() {
    let world = World::new();
    let machine = world.machine();
    let mut args = run(&machine).to_vec();
    // Also with --quiet: the user needs the code.
    args.push("-q");
    let (running, code) = started(&mut by_code(&world, &args));
    assert_eq!(world.issued(), 0);
    assert!(world.simulator.approve_device_code(&code));
    let outcome = running.end();
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let row = outcome.row();
    assert_eq!(row["state"], "accepted");
    assert_eq!(row["action"]["requestor"], "analyst@contoso.test");
    assert_eq!(world.simulator.issued_tokens().device_code, 1);
    let page = format!("open {}/", world.simulator.authority());
    assert_contains(&outcome.stderr, &[&page]);
}

#[test]
fn a_declined_code_sends_nothing() {
    let world = World::new();
    let machine = world.machine();
    let (running, code) = started(&mut by_code(&world, &run(&machine)));
    assert!(world.simulator.decline_device_code(&code));
    let outcome = running.end();
    assert_eq!(outcome.code, 3, "{outcome:?}");
    let error = outcome.row()["error"].clone();
    assert_eq!(error["kind"], "no-credential");
    assert_contains(text(&error, "message"), &["declined"]);
    assert!(world.calls().is_empty());
}

#[test]
fn a_device_code_that_is_not_used_expires() {
    let world = World::with(|config| config.device_code_lifetime = Duration::from_secs(3));
    let machine = world.machine();
    let outcome = outcome(&mut by_code(&world, &run(&machine)));
    assert_eq!(outcome.code, 3, "{outcome:?}");
    let error = outcome.row()["error"].clone();
    assert_contains(
        text(&error, "message"),
        &["the code was not entered in time"],
    );
    assert_contains(text(&error, "hint"), &["again"]);
    assert!(world.calls().is_empty());
}

fn short(config: &mut Config) {
    config.token_lifetime = Duration::from_secs(3);
    config.action_time = Duration::from_secs(7);
}

#[test]
fn one_code_is_enough_for_a_run_that_outlives_its_token() {
    let world = World::with(short);
    let machine = world.machine();
    let mut args = run(&machine).to_vec();
    args.push("--wait=60s");
    let (running, code) = started(&mut by_code(&world, &args));
    assert!(world.simulator.approve_device_code(&code));
    let outcome = running.end();
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(outcome.row()["state"], "succeeded");
    let issued = world.simulator.issued_tokens();
    assert_eq!(issued.device_code, 1);
    assert!(issued.refresh_token >= 1, "{issued:?}");
    assert_eq!(outcome.stderr.matches("To sign in").count(), 1);
    assert_eq!(world.answered(401), 0);
}

#[test]
fn a_revoked_sign_in_shows_a_new_code() {
    let world = World::with(short);
    let machine = world.machine();
    let mut args = run(&machine).to_vec();
    args.push("--wait=60s");
    let (mut running, code) = started(&mut by_code(&world, &args));
    assert!(world.simulator.approve_device_code(&code));
    wait_until("a token", || world.issued() == 1);
    world.simulator.revoke_refresh_tokens();
    running.stderr.clear();
    let line = running.read_until("To sign in, open ");
    let (_, code) = line.split_once(" and enter the code ").unwrap();
    assert!(world.simulator.approve_device_code(code));
    let outcome = running.end();
    assert_eq!(outcome.row()["state"], "succeeded", "{outcome:?}");
    assert_eq!(world.simulator.issued_tokens().device_code, 2);
}

#[test]
fn nothing_of_a_sign_in_is_left_on_disk() {
    let world = World::new();
    let machine = world.machine();
    let home = world.path("home");
    std::fs::create_dir(&home).unwrap();
    let mut command = by_code(&world, &run(&machine));
    command
        .env("HOME", &home)
        .env("XDG_CONFIG_HOME", home.join("config"));
    for name in ["STATE", "CACHE", "DATA"] {
        command.env(format!("XDG_{name}_HOME"), home.join(name));
    }
    let (running, code) = started(&mut command);
    assert!(world.simulator.approve_device_code(&code));
    assert_eq!(running.end().code, 0);
    assert_eq!(std::fs::read_dir(&home).unwrap().count(), 0);
    assert!(!world.written("ledger.db").contains(&code));
}
