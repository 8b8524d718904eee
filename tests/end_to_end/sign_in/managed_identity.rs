//! Managed identities of App Service. Those of virtual machines are at an address that a
//! test cannot bind: their credential is tested in the library, beside `identity::sign_in`.

use std::process::Command;

use super::{World, assert_contains, assert_not_sent, assert_offboarded, outcome, run, text};

/// A command on App Service: with its endpoint, and with the simulator as an allowed host.
fn on_app_service(world: &World, args: &[&str]) -> Command {
    let mut command = world.command(args);
    command
        .env("IDENTITY_ENDPOINT", world.simulator.identity_endpoint())
        .env("IDENTITY_HEADER", world.simulator.identity_header())
        .env("OFFBOARD_ALLOW_API_HOST", "127.0.0.1");
    command
}

#[test]
fn app_service_s_own_identity_is_found_by_its_variables() {
    let world = World::new();
    let machine = world.machine();
    let outcome = assert_offboarded(&world, &mut on_app_service(&world, &run(&machine)));
    assert_eq!(outcome.row()["action"]["requestor"], "offboard-vm");
    assert_eq!(world.simulator.issued_tokens().managed_identity, 1);
}

#[test]
fn a_user_assigned_identity_is_selected_by_client_or_object_id() {
    let user = |world: &World| world.simulator.managed_identities()[1].clone();
    for by_object in [false, true] {
        let world = World::new();
        let machine = world.machine();
        let identity = if !by_object {
            user(&world).client_id.to_string()
        } else {
            format!("object:{}", user(&world).object_id)
        };
        let mut args = run(&machine).to_vec();
        args.extend(["--identity", &identity]);
        let outcome = outcome(&mut on_app_service(&world, &args));
        assert_eq!(outcome.code, 0, "{outcome:?}");
        assert_eq!(outcome.row()["action"]["requestor"], "offboard-identity");
    }
}

#[test]
fn the_standard_variable_names_a_user_s_identity_too() {
    let world = World::new();
    let machine = world.machine();
    let identity = world.simulator.managed_identities()[1].client_id;
    let mut command = on_app_service(&world, &run(&machine));
    let outcome = assert_offboarded(&world, command.env("AZURE_CLIENT_ID", identity.to_string()));
    assert_eq!(outcome.row()["action"]["requestor"], "offboard-identity");
    // A flag selects the machine's own identity.
    let world = World::new();
    let mut args = run(&machine).to_vec();
    args.extend(["--identity", "system"]);
    let mut command = on_app_service(&world, &args);
    let outcome = assert_offboarded(&world, command.env("AZURE_CLIENT_ID", identity.to_string()));
    assert_eq!(outcome.row()["action"]["requestor"], "offboard-vm");
}

#[test]
fn an_identity_that_the_resource_does_not_have_is_reported() {
    let world = World::new();
    let machine = world.machine();
    let mut args = run(&machine).to_vec();
    args.extend(["--identity", "00000000-0000-0000-0000-000000000001"]);
    let error = assert_not_sent(&world, &mut on_app_service(&world, &args), 3);
    assert_contains(
        text(&error, "message"),
        &["not been assigned", "setting `identity`"],
    );
}

/// The library reports every 400 as a missing identity.
#[test]
fn the_endpoint_s_own_reason_is_shown() {
    let world = World::new();
    let machine = world.machine();
    let mut command = on_app_service(&world, &run(&machine));
    command.env("OFFBOARD_RESOURCE", "https://other.example.test");
    let error = assert_not_sent(&world, &mut command, 3);
    assert_eq!(error["code"], "AADSTS500011", "{error}");
    assert_contains(text(&error, "hint"), &["does not have this resource"]);
}

#[test]
fn an_azure_token_is_sent_only_to_listed_or_allowed_hosts() {
    let world = World::new();
    let machine = world.machine();
    let mut command = on_app_service(&world, &run(&machine));
    let refused = outcome(command.env_remove("OFFBOARD_ALLOW_API_HOST"));
    assert_eq!(refused.code, 2, "{refused:?}");
    assert_contains(&refused.stderr, &["--allow-api-host 127.0.0.1", "Azure"]);
    assert!(world.requests().is_empty());
}

#[test]
fn an_endpoint_that_is_not_the_machine_s_own_gets_no_secret() {
    let world = World::new();
    let machine = world.machine();
    let mut command = on_app_service(&world, &run(&machine));
    command.env("IDENTITY_ENDPOINT", "https://identity.evil.test/msi/token");
    let error = assert_not_sent(&world, &mut command, 3);
    assert_contains(
        text(&error, "message"),
        &["not a local address of this computer"],
    );
    for endpoint in ["http://20.50.0.1/token", "https://[2603:1030::1]/token"] {
        let mut command = on_app_service(&world, &run(&machine));
        command.env("IDENTITY_ENDPOINT", endpoint);
        let error = assert_not_sent(&world, &mut command, 3);
        assert_contains(
            text(&error, "message"),
            &["not a local address of this computer"],
        );
    }
    let mut command = on_app_service(&world, &run(&machine));
    command.env_remove("IDENTITY_HEADER");
    let error = assert_not_sent(&world, &mut command, 3);
    assert_contains(text(&error, "message"), &["IDENTITY_HEADER"]);
    let mut command = on_app_service(&world, &run(&machine));
    command.env("IDENTITY_ENDPOINT", "hunter2 hunter2");
    assert_not_sent(&world, &mut command, 3);
}
