//! The signed-in identity, as it is shown and recorded, and machines of another tenant's
//! portal.

use std::fs;

use offboard_simulator::TokenRequest;
use serde_json::Value;

use super::{World, assert_contains, assert_offboarded, outcome, run, text};

const OTHER_TENANT: &str = "11111111-1111-4111-8111-111111111111";

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_signed_in_identity_is_shown_before_sending_and_recorded() {
    let world = World::new();
    let machine = world.machine();
    let profile = format!(
        "[profiles.contoso]\ntenant = '{}'\nclient-id = '{}'\nclient-secret-file = '{}'\n",
        world.tenant(),
        world.client(),
        world.secret_file().display()
    );
    let file = world.secret("offboard.toml", profile);
    let audit = world.path("audit.jsonl");
    let mut command = world.command(&run(&machine));
    command
        .env("OFFBOARD_CONFIG", file)
        .env("OFFBOARD_AUDIT", &audit);
    let done = assert_offboarded(&world, &mut command);
    let identity = format!(
        "Signed in to tenant {}, as application {}, with client-secret of profile contoso.",
        world.tenant(),
        world.client()
    );
    assert_contains(&done.stderr, &[&identity]);

    let runs = outcome(&mut world.command(&["runs", "--output", "json"])).rows();
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!(text(&runs[0], "tenant"), world.tenant());
    assert_eq!(text(&runs[0], "application"), world.client());
    assert_eq!(text(&runs[0], "auth"), "client-secret");
    assert_eq!(text(&runs[0], "profile"), "contoso");
    // The audit has the id of the ledger's run.
    let audit = lines(&fs::read_to_string(audit).unwrap());
    assert!(!audit.is_empty());
    for line in &audit {
        assert_eq!(text(line, "run"), text(&runs[0], "run"));
    }
}

/// The user of a delegated token, and the user of the system by number. A variable can have any
/// name.
#[test]
fn the_persons_are_shown_before_sending_and_recorded() {
    let world = World::new();
    let machine = world.machine();
    let token = world.token(
        TokenRequest::default()
            .scopes(["Machine.Offboard", "Machine.Read"])
            .user("analyst@contoso.test"),
    );
    let file = world.secret("token", token);
    let report = world.path("report.html");
    let mut command = world.command(&run(&machine));
    command
        .env("OFFBOARD_TOKEN_FILE", file)
        .env("USER", "somebody-else")
        .args(["--report", report.to_str().unwrap()]);
    let done = assert_offboarded(&world, &mut command);
    assert_contains(
        &done.stderr,
        &[", as user analyst@contoso.test (", "System user: "],
    );
    assert!(!done.stderr.contains("somebody-else"), "{done:?}");

    let runs = outcome(&mut world.command(&["runs", "--output", "json"])).rows();
    assert_eq!(text(&runs[0], "signedInUser"), "analyst@contoso.test");
    let object = text(&runs[0], "signedInUserId").to_owned();
    assert_eq!(object.len(), 36, "{runs:?}");
    assert_ne!(text(&runs[0], "user"), "somebody-else");
    let shown = outcome(&mut world.command(&["show", "last"]));
    let user = format!("analyst@contoso.test ({object})");
    assert_contains(&shown.stderr, &[&format!("Signed in as user {user}")]);
    let report = fs::read_to_string(report).unwrap();
    assert_contains(&report, &["Signed-in user", &user]);
    #[cfg(unix)]
    {
        let id = std::process::Command::new("id").arg("-u").output().unwrap();
        let id = String::from_utf8(id.stdout).unwrap();
        let uid = format!("uid {}", id.trim());
        assert_eq!(runs[0]["uid"].to_string(), id.trim());
        for text in [&done.stderr, &shown.stderr, &report] {
            assert_contains(text, &[&uid]);
        }
    }
}

#[test]
fn a_machine_of_another_tenants_portal_is_not_touched() {
    let world = World::new();
    let machine = world.machine();
    let url = |tenant: &str| {
        format!("https://security.microsoft.com/machines/v2/{machine}/overview?tid={tenant}")
    };
    let other = url(OTHER_TENANT);
    for args in [
        &["run", &other, "--comment", "x", "--yes", "-o", "json"][..],
        // Nor the other machines of the same run.
        &[
            "run",
            &machine,
            &other,
            "--comment",
            "x",
            "--yes",
            "-o",
            "json",
        ],
        &["status", &other, "-o", "json"],
        &["cancel", &other, "--comment", "x", "-o", "json"],
    ] {
        let refused = outcome(&mut world.with_secret(args));
        assert_eq!(refused.code, 3, "{refused:?}");
        for row in refused.rows() {
            assert_eq!(row["error"]["kind"], "wrong-tenant");
            assert_contains(
                text(&row["error"], "message"),
                &[OTHER_TENANT, &world.tenant()],
            );
        }
    }
    assert!(world.calls().is_empty(), "{:?}", world.calls());
    let own = url(&world.tenant().to_uppercase());
    let args = ["run", &own, "--comment", "x", "--yes", "-o", "json"];
    assert_offboarded(&world, &mut world.with_secret(&args));
}

#[test]
fn a_leftover_client_id_that_selects_an_identity_is_reported() {
    let world = World::new();
    let machine = world.machine();
    let mut command = world.command(&run(&machine));
    command
        .env("IDENTITY_ENDPOINT", world.simulator.identity_endpoint())
        .env("IDENTITY_HEADER", world.simulator.identity_header())
        .env("OFFBOARD_ALLOW_API_HOST", "127.0.0.1")
        .env("AZURE_CLIENT_ID", OTHER_TENANT);
    let error = super::assert_not_sent(&world, &mut command, 3);
    let named = [OTHER_TENANT, "AZURE_CLIENT_ID"];
    assert_contains(text(&error, "message"), &named);
    assert_contains(text(&error, "hint"), &["--identity system"]);
}

/// If the token has no tenant, all other sources must agree.
#[test]
fn different_tenants_are_refused_if_the_token_has_none() {
    let world = World::new();
    let machine = world.machine();
    let token = world.secret("token", "an-opaque-token");
    let url =
        |tenant: &str| format!("https://security.microsoft.com/machines/{machine}?tid={tenant}");
    let (one, other) = (url(OTHER_TENANT), url(&world.tenant()));
    for args in [
        &["run", &one, &other][..],
        &["run", &one, "--tenant", &world.tenant()],
    ] {
        let more = ["--comment", "x", "--dry-run", "-o", "json"];
        let mut command = world.command(&[args, &more].concat());
        let refused = outcome(command.env("OFFBOARD_TOKEN_FILE", &token));
        assert_eq!(refused.code, 3, "{refused:?}");
        assert_eq!(refused.rows()[0]["error"]["kind"], "wrong-tenant");
    }
    assert!(world.calls().is_empty(), "{:?}", world.calls());
}
