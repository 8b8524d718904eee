//! The credential that is used if there are several, the error if a part is missing, and
//! secret files that other users can read.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use super::{
    World, assert_contains, assert_not_sent, assert_offboarded, outcome, run, shown, text,
};

/// Every credential that can be detected, in the documented order: variable, value, kind,
/// and reported source.
const DETECTED: [(&str, &str, &str, &str); 9] = [
    (
        "OFFBOARD_TOKEN_FILE",
        "x",
        "token-file",
        "environment OFFBOARD_TOKEN_FILE",
    ),
    (
        "OFFBOARD_TOKEN",
        "a.b.c",
        "token",
        "environment OFFBOARD_TOKEN",
    ),
    (
        "OFFBOARD_TOKEN_COMMAND",
        "x",
        "token-command",
        "environment OFFBOARD_TOKEN_COMMAND",
    ),
    (
        "OFFBOARD_CLIENT_SECRET_FILE",
        "x",
        "client-secret",
        "environment OFFBOARD_CLIENT_SECRET_FILE",
    ),
    (
        "AZURE_CLIENT_SECRET",
        "x",
        "client-secret",
        "environment AZURE_CLIENT_SECRET",
    ),
    (
        "AZURE_CLIENT_CERTIFICATE_PATH",
        "x",
        "certificate",
        "environment AZURE_CLIENT_CERTIFICATE_PATH",
    ),
    (
        "AZURE_FEDERATED_TOKEN_FILE",
        "x",
        "workload-identity",
        "environment AZURE_FEDERATED_TOKEN_FILE",
    ),
    (
        "OFFBOARD_IDENTITY",
        "system",
        "managed-identity",
        "environment OFFBOARD_IDENTITY",
    ),
    (
        "IDENTITY_ENDPOINT",
        "http://127.0.0.1:1/msi/token",
        "managed-identity",
        "environment IDENTITY_ENDPOINT",
    ),
];

fn auth(command: &mut Command) -> (String, String) {
    let shown = shown(command.args(["config", "show", "--output", "json"]));
    let auth = &shown["auth"];
    let value = auth["value"].as_str().unwrap_or_default();
    (value.to_owned(), text(auth, "source").to_owned())
}

#[test]
fn credentials_are_found_in_the_documented_order() {
    for first in 0..DETECTED.len() {
        let mut command = crate::support::command::<&str>([]);
        for (name, value, ..) in &DETECTED[first..] {
            command.env(name, value);
        }
        let (_, _, kind, source) = DETECTED[first];
        assert_eq!(auth(&mut command), (kind.to_owned(), source.to_owned()));
    }
    let none = auth(&mut crate::support::command::<&str>([]));
    assert_eq!(none, (String::new(), "default".to_owned()));
}

#[test]
fn a_configured_kind_takes_precedence_over_detected_credentials() {
    for kind in [
        "azure-cli",
        "device-code",
        "certificate",
        "managed-identity",
    ] {
        let mut command = crate::support::command::<&str>([]);
        for (name, value, ..) in DETECTED {
            command.env(name, value);
        }
        command.env("OFFBOARD_AUTH", kind);
        let source = "environment OFFBOARD_AUTH";
        assert_eq!(auth(&mut command), (kind.to_owned(), source.to_owned()));
    }
}

#[test]
fn a_profile_s_credential_gives_way_to_the_environment_s_of_the_same_kind_alone() {
    let world = World::new();
    let config = world.path("offboard.toml");
    fs::write(
        &config,
        "[profiles.a]\ntenant = 'in-the-file'\nclient-secret-file = 'one.txt'\n",
    )
    .unwrap();
    let mut command = crate::support::command(["config", "show", "--output", "json"]);
    command
        .env("OFFBOARD_CONFIG", &config)
        .env("OFFBOARD_TENANT", "of-the-environment");
    let flagged = shown(command.args(["--client-secret-file", "two.txt"]));
    assert_eq!(flagged["clientSecretFile"]["value"], "two.txt");
    assert_eq!(
        flagged["clientSecretFile"]["source"],
        "--client-secret-file"
    );
    assert_eq!(flagged["tenant"]["value"], "of-the-environment");
    let mut command = crate::support::command(["config", "show", "--output", "json"]);
    let filed = shown(command.env("OFFBOARD_CONFIG", &config));
    let source = format!("profile a in {}", config.display());
    assert_eq!(filed["tenant"]["source"], source.as_str());
    // Relative to the configuration's folder.
    let path = world.path("one.txt");
    assert_eq!(filed["clientSecretFile"]["value"], path.to_str().unwrap());
}

#[test]
fn a_part_that_is_missing_is_named_with_its_flag() {
    let world = World::new();
    let machine = world.machine();
    let secret = world.secret_file();
    let tenant = ("OFFBOARD_TENANT", "contoso.test");
    let client = ("OFFBOARD_CLIENT_ID", "app");
    for (kind, given, missing) in [
        (
            "client-secret",
            vec![client],
            "--tenant TENANT (or AZURE_TENANT_ID)",
        ),
        (
            "client-secret",
            vec![tenant],
            "--client-id ID (or AZURE_CLIENT_ID)",
        ),
        (
            "client-secret",
            vec![tenant, client],
            "--client-secret-file FILE",
        ),
        ("certificate", vec![tenant, client], "--certificate FILE"),
        (
            "workload-identity",
            vec![tenant, client],
            "--federated-token-file FILE",
        ),
        ("device-code", vec![client], "--tenant TENANT"),
        ("token-file", vec![], "--token-file FILE"),
        ("token", vec![], "OFFBOARD_TOKEN"),
        ("token-command", vec![], "--token-command COMMAND"),
    ] {
        let mut command = world.command(&run(&machine));
        command.env("OFFBOARD_AUTH", kind).envs(given);
        let error = assert_not_sent(&world, &mut command, 3);
        assert_eq!(error["kind"], "no-credential");
        assert_contains(text(&error, "hint"), &[missing]);
    }
    let error = assert_not_sent(&world, &mut world.command(&run(&machine)), 3);
    assert_eq!(text(&error, "message"), "there is no credential");
    assert_contains(text(&error, "hint"), &["--client-secret-file"]);
    let mut command = world.command(&run(&machine));
    command.env("OFFBOARD_CLIENT_SECRET_FILE", secret);
    let error = assert_not_sent(&world, &mut command, 3);
    assert_contains(text(&error, "hint"), &["Give --tenant TENANT"]);
    assert!(world.requests().is_empty());
}

#[test]
fn a_secret_that_others_can_read_is_refused_by_its_name() {
    let world = World::new();
    let machine = world.machine();
    let certificate = world.certificate();
    world.secret("password", "hunter2");
    world.secret("token", world.simulator.token());
    world.secret("app.pfx", certificate.pfx("hunter2"));
    world.secret_file();
    for (exposed, given) in [
        (
            "client-secret",
            vec![("OFFBOARD_CLIENT_SECRET_FILE", "client-secret")],
        ),
        ("token", vec![("OFFBOARD_TOKEN_FILE", "token")]),
        (
            "app.pfx",
            vec![
                ("OFFBOARD_CERTIFICATE", "app.pfx"),
                ("OFFBOARD_CERTIFICATE_PASSWORD_FILE", "password"),
            ],
        ),
        (
            "password",
            vec![
                ("OFFBOARD_CERTIFICATE", "app.pfx"),
                ("OFFBOARD_CERTIFICATE_PASSWORD_FILE", "password"),
            ],
        ),
    ] {
        let path = world.path(exposed);
        for mode in [0o644, 0o640, 0o604] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let mut command = world.app(&run(&machine));
            command.envs(given.iter().map(|(name, file)| (name, world.path(file))));
            let error = assert_not_sent(&world, &mut command, 3);
            let words = [
                "other users can read it",
                "chmod 600",
                path.to_str().unwrap(),
            ];
            assert_contains(text(&error, "message"), &words);
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    assert!(world.requests().is_empty());
}

#[test]
fn a_secret_is_never_an_argument() {
    let help = crate::support::offboard(["run", "--help"]);
    for line in help.stdout.lines() {
        let flag = line
            .trim_start()
            .split([' ', ','])
            .next()
            .unwrap_or_default();
        let secret = ["secret", "password", "token"]
            .iter()
            .any(|word| flag.contains(word));
        let names_where = ["-file", "-command"].iter().any(|end| flag.ends_with(end));
        assert!(!flag.starts_with("--") || !secret || names_where, "{line}");
    }
}

/// A leftover variable does not override the configured kind, and the secret comes from the
/// same source as the kind.
#[test]
fn a_secret_comes_from_the_same_source_as_the_kind() {
    let world = World::new();
    let machine = world.machine();
    let wrong = world.secret("wrong", "not-the-secret");
    let profile = format!(
        "[profiles.a]\ntenant = 'other.test'\nclient-id = 'other'\nauth = 'client-secret'\n\
         client-secret-file = '{}'\n",
        wrong.display()
    );
    let file = world.secret("offboard.toml", profile);
    let mut command = world.app(&run(&machine));
    command
        .env("OFFBOARD_CONFIG", &file)
        .env("AZURE_CLIENT_SECRET", world.simulator.client_secret());
    let done = assert_offboarded(&world, &mut command);
    let expected = ["note: OFFBOARD_TENANT is", "takes precedence", "other.test"];
    assert_contains(&done.stderr, &expected);
    // A flag takes precedence over the profile's kind; a variable does not.
    let mut command = crate::support::command(["config", "show", "--output", "json"]);
    command
        .env("OFFBOARD_CONFIG", &file)
        .env("OFFBOARD_TOKEN_FILE", "token");
    assert_eq!(shown(&mut command)["auth"]["value"], "client-secret");
    let flagged = shown(
        command
            .env_remove("OFFBOARD_TOKEN_FILE")
            .args(["--token-file", "token"]),
    );
    assert_eq!(flagged["auth"]["value"], "token-file");
}

/// Other tools use that variable, too: a process that sets it would get the secret.
#[test]
fn a_variable_of_other_tools_does_not_redirect_a_profile_s_secret() {
    let world = World::new();
    let profile = format!(
        "[profiles.a]\ntenant = 'contoso.test'\nclient-id = 'app'\nclient-secret-file = '{}'\n",
        world.secret_file().display()
    );
    let file = world.secret("offboard.toml", profile);
    let authority = world.simulator.authority().to_owned();
    let mut command = world.command(&run(&world.machine()));
    command
        .env("OFFBOARD_CONFIG", &file)
        .env_remove("OFFBOARD_AUTHORITY")
        .env("AZURE_AUTHORITY_HOST", &authority);
    // Also if the kind is set by a variable.
    for kind in [None, Some("client-secret")] {
        if let Some(kind) = kind {
            command.env("OFFBOARD_AUTH", kind);
        }
        let refused = outcome(&mut command);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert_contains(&refused.stderr, &["AZURE_AUTHORITY_HOST", "--authority"]);
    }
    assert_eq!(world.issued(), 0);
}
