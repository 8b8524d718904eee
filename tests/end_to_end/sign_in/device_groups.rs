//! A user's token has the user's permissions: the advice names the missing one, and never
//! recommends the role Global Administrator.

use offboard_simulator::{TokenRequest, UserRole};

use super::{CHECK, World, assert_contains, outcome, run, step, text};

fn delegated() -> TokenRequest {
    TokenRequest::default().scopes(["Machine.Offboard", "Machine.Read"])
}

#[test]
fn a_user_who_cannot_see_a_machine_is_pointed_to_device_groups() {
    let world = World::with(|config| config.user_groups = Some(vec!["nothing".to_owned()]));
    let machine = world.machine();
    let file = world.secret("token", world.token(delegated()));
    let mut command = world.command(&run(&machine));
    let ordered = outcome(command.env("OFFBOARD_TOKEN_FILE", &file));
    assert_eq!(ordered.code, 1, "{ordered:?}");
    let error = ordered.row()["error"].clone();
    assert_eq!(error["kind"], "machine-not-found");
    assert_contains(text(&error, "hint"), &["device groups", "role"]);
    assert!(!format!("{ordered:?}").contains("Global Admin"));

    let mut command = world.command(&CHECK);
    let checked = outcome(command.env("OFFBOARD_TOKEN_FILE", &file));
    let answer = step(&checked, "answer");
    assert_eq!(answer["status"], "warning", "{checked:?}");
    assert_contains(text(&answer, "hint"), &["device groups"]);

    // An app's token can read it.
    assert_eq!(outcome(&mut world.with_secret(&run(&machine))).code, 0);
}

#[test]
fn a_missing_role_of_a_user_is_reported_with_the_device_group() {
    let world = World::with(|config| config.user_role = UserRole::None);
    let machine = world.machine();
    let file = world.secret("token", world.token(delegated()));
    let mut command = world.command(&run(&machine));
    let ordered = outcome(command.env("OFFBOARD_TOKEN_FILE", &file));
    assert_eq!(ordered.code, 3, "{ordered:?}");
    let error = ordered.row()["error"].clone();
    assert_eq!(error["kind"], "forbidden");
    let words = [
        "Manage security settings in Security Center",
        "device group",
    ];
    assert_contains(text(&error, "hint"), &words);
    assert!(!format!("{ordered:?}").contains("Global Admin"));
    assert_eq!(world.offboarded(), 0);
}

#[test]
fn a_missing_permission_of_a_user_is_reported() {
    let world = World::new();
    let token = world.token(TokenRequest::default().scopes(["Machine.Read"]));
    let file = world.secret("token", token);
    let mut command = world.command(&CHECK);
    let checked = outcome(command.env("OFFBOARD_TOKEN_FILE", &file));
    assert_eq!(checked.code, 3, "{checked:?}");
    let roles = step(&checked, "roles");
    assert_eq!(roles["status"], "failed");
    assert_contains(
        text(&roles, "reason"),
        &["Machine.Offboard", "Machine.Read"],
    );
}
