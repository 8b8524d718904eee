//! A person signs in by a code: shown by the command, approved elsewhere.

use std::{process::Command, time::Duration};

use offboard_simulator::Config;

use super::{Running, World, assert_says, outcome, run, text, wait_until};

fn by_code(world: &World, args: &[&str]) -> Command {
    let mut command = world.app(args);
    command.env("OFFBOARD_AUTH", "device-code");
    command
}

/// Starts a command, and reads the code that it shows.
fn started(command: &mut Command) -> (Running, String) {
    let mut running = Running::start(command);
    let told = running.hears("To sign in, open ");
    let (_, code) = told.split_once(" and enter the code ").unwrap();
    let code = code.trim().to_owned();
    (running, code)
}

#[test]
fn a_person_types_the_code_and_the_order_goes_through() {
    let world = World::new();
    let machine = world.machine();
    let mut args = run(&machine).to_vec();
    // However quiet it is: without the code there is no going on.
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
    assert_says(&outcome.stderr, &[&page]);
}

#[test]
fn a_person_who_declines_is_taken_at_their_word() {
    let world = World::new();
    let machine = world.machine();
    let (running, code) = started(&mut by_code(&world, &run(&machine)));
    assert!(world.simulator.decline_device_code(&code));
    let outcome = running.end();
    assert_eq!(outcome.code, 3, "{outcome:?}");
    let error = outcome.row()["error"].clone();
    assert_eq!(error["kind"], "no-credential");
    assert_says(text(&error, "message"), &["declined"]);
    assert!(world.calls().is_empty());
}

#[test]
fn a_code_that_nobody_types_ends() {
    let world = World::with(|config| config.device_code_lifetime = Duration::from_secs(3));
    let machine = world.machine();
    let outcome = outcome(&mut by_code(&world, &run(&machine)));
    assert_eq!(outcome.code, 3, "{outcome:?}");
    let error = outcome.row()["error"].clone();
    assert_says(
        text(&error, "message"),
        &["the code was not entered in time"],
    );
    assert_says(text(&error, "hint"), &["again"]);
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
fn a_sign_in_that_was_taken_back_asks_the_person_again() {
    let world = World::with(short);
    let machine = world.machine();
    let mut args = run(&machine).to_vec();
    args.push("--wait=60s");
    let (mut running, code) = started(&mut by_code(&world, &args));
    assert!(world.simulator.approve_device_code(&code));
    wait_until("it has a token", || world.issued() == 1);
    world.simulator.revoke_refresh_tokens();
    running.said.clear();
    let told = running.hears("To sign in, open ");
    let (_, code) = told.split_once(" and enter the code ").unwrap();
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
