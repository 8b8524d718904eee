//! `offboard check` without failures, and the formats of `check` and `config show`.

use std::fs;

use serde_json::{Value, json};

use super::{CHECK, World, assert_contains, outcome, shown, step, steps, text};
use crate::support::python::faults;

/// The number of values that are invalid by this schema.
fn count_invalid(schema: &str, values: &[Value]) -> usize {
    let faults = faults(schema, values);
    let numbers = faults.lines().filter_map(|line| line.split(':').next());
    numbers.collect::<std::collections::BTreeSet<_>>().len()
}

const STEPS: [&str; 13] = [
    "configuration",
    "plugin",
    "records",
    "authority",
    "api",
    "clock",
    "token",
    "audience",
    "tenant",
    "roles",
    "reading",
    "answer",
    "quota",
];

#[test]
fn each_step_is_reported_in_order_and_nothing_is_changed() {
    let world = World::new();
    let checked = outcome(&mut world.with_secret(&CHECK));
    assert_eq!(checked.code, 0, "{checked:?}");
    let rows = checked.rows();
    let names: Vec<&str> = rows.iter().map(|row| text(row, "step")).collect();
    assert_eq!(names, STEPS);
    assert_eq!(steps(&checked, "passed"), STEPS[..12]);
    assert_eq!(steps(&checked, "skipped"), ["quota"]);
    assert_contains(
        text(&step(&checked, "configuration"), "reason"),
        &["client-secret"],
    );
    assert_eq!(step(&checked, "tenant")["reason"], world.tenant().as_str());
    assert_contains(
        text(&step(&checked, "quota"), "reason"),
        &["100/60s,1500/1h"],
    );

    assert_eq!((world.posts(), world.offboarded()), (0, 0));
    assert_eq!(world.calls().len(), 1);
    assert!(!world.path("ledger.db").exists());
}

#[test]
fn the_table_has_a_mark_for_each_step() {
    let world = World::new();
    world.simulator.set_roles(["Machine.Offboard"]);
    let checked = outcome(&mut world.with_secret(&["check"]));
    assert_eq!(checked.code, 0, "{checked:?}");
    let tags = "✓ roles          Machine.Offboard; a tag also needs Machine.ReadWrite.All";
    for line in ["✓ configuration", tags, "! reading", "- quota"] {
        assert!(
            checked.stdout.lines().any(|row| row.starts_with(line)),
            "{checked:?}"
        );
    }
    world.simulator.revoke_secret();
    let checked = outcome(&mut world.with_secret(&["check"]));
    assert!(checked.stdout.contains("\n✗ token"), "{checked:?}");
}

#[test]
fn the_plugin_s_digest_is_a_step() {
    let world = World::new();
    let shown = crate::support::offboard(["inspect", "--output", "json"]);
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    let digest = text(&shown, "sha256");
    let checked = outcome(&mut world.with_secret(&CHECK));
    let plugin = step(&checked, "plugin");
    assert_contains(text(&plugin, "reason"), &[digest, "not pinned"]);
    let mut command = world.with_secret(&CHECK);
    let checked = outcome(command.env("OFFBOARD_PLUGIN_SHA256", digest));
    assert_contains(text(&step(&checked, "plugin"), "reason"), &[", pinned"]);
    let mut command = world.with_secret(&CHECK);
    let checked = outcome(command.env("OFFBOARD_PLUGIN_SHA256", "0".repeat(64)));
    assert_eq!(checked.code, 2, "{checked:?}");
    assert_eq!(step(&checked, "plugin")["status"], "failed");
}

#[test]
fn a_configuration_that_cannot_be_used_is_the_first_step() {
    let world = World::new();
    let mut command = world.with_secret(&CHECK);
    let checked = outcome(command.env("OFFBOARD_CA_FILE", world.path("missing.pem")));
    assert_eq!(checked.code, 2, "{checked:?}");
    let rows = checked.rows();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["status"], "failed");
    assert_contains(text(&rows[0], "reason"), &["missing.pem"]);
    assert_contains(text(&rows[0], "hint"), &["offboard config show"]);
    assert!(world.requests().is_empty());
}

#[test]
fn without_a_credential_the_check_reports_how_to_configure_one() {
    let world = World::new();
    let checked = outcome(&mut world.command(&CHECK));
    assert_eq!(checked.code, 3, "{checked:?}");
    let token = step(&checked, "token");
    assert_contains(text(&token, "reason"), &["there is no credential"]);
    let needed = ["--client-secret-file", "docs/connect.md", "config show"];
    assert_contains(text(&token, "hint"), &needed);
    // The user runs it already.
    assert!(!text(&token, "hint").contains("offboard check"), "{token}");
}

#[test]
fn an_unlisted_host_is_reported_with_how_it_is_allowed() {
    let world = World::new();
    let mut command = world.with_secret(&CHECK);
    command
        .env_remove("OFFBOARD_AUTHORITY")
        .env("OFFBOARD_API_ROOT", "https://gateway.example.test");
    let checked = outcome(&mut command);
    assert_eq!(checked.code, 2, "{checked:?}");
    let hint = step(&checked, "configuration")["hint"].to_string();
    assert_contains(&hint, &["--allow-api-host gateway.example.test"]);
}

#[test]
fn a_failure_to_record_is_reported_as_such() {
    let world = World::new();
    let folder = world.path("folder");
    fs::create_dir(&folder).unwrap();
    for (variable, file, reason, code) in [
        (
            "OFFBOARD_LEDGER",
            folder.clone(),
            "is not a regular file",
            5,
        ),
        ("OFFBOARD_AUDIT", folder, "cannot be written", 2),
    ] {
        let mut command = world.with_secret(&CHECK);
        let checked = outcome(command.env(variable, &file));
        assert_eq!(checked.code, code, "{checked:?}");
        assert_eq!(steps(&checked, "failed"), ["records"]);
        assert_eq!(step(&checked, "plugin")["status"], "passed");
        assert_contains(
            text(&step(&checked, "records"), "reason"),
            &["folder", reason],
        );
    }
}

#[test]
fn an_opaque_token_is_not_an_error() {
    let world = World::new();
    let file = world.secret("token", "opaque");
    let mut command = world.command(&CHECK);
    let checked = outcome(command.env("OFFBOARD_TOKEN_FILE", file));
    for name in ["audience", "tenant", "roles", "reading"] {
        assert_eq!(step(&checked, name)["status"], "skipped");
    }
    // Only the service can check it.
    assert_eq!(steps(&checked, "failed"), ["answer"]);
}

#[test]
fn checks_keep_to_their_schema() {
    let world = World::new();
    let mut values = vec![Value::Array(outcome(&mut world.with_secret(&CHECK)).rows())];
    values.push(Value::Array(outcome(&mut world.command(&CHECK)).rows()));
    world.simulator.set_roles(["Machine.Offboard"]);
    values.push(Value::Array(outcome(&mut world.with_secret(&CHECK)).rows()));
    assert_eq!(faults("check.json", &values), "");

    let first = values[0][0].clone();
    let with = |member: &str, value: Value| {
        let mut step = first.clone();
        step[member] = value;
        json!([step])
    };
    let wrong = [
        with("step", json!("nonsense")),
        with("status", json!("perhaps")),
        with("reason", json!(null)),
        with("hint", json!(1)),
        json!([{"step": "token"}]),
    ];
    assert_eq!(count_invalid("check.json", &wrong), wrong.len());
}

#[test]
fn configurations_keep_to_their_schema() {
    let world = World::new();
    let file = world.path("offboard.toml");
    fs::write(
        &file,
        "[profiles.a]\nallow-address = ['10.0.0.0/8']\ntenant = 'a'\n",
    )
    .unwrap();
    let args = ["config", "show", "--output", "json"];
    let bare = shown(&mut crate::support::command(args));
    let mut command = world.with_secret(&args);
    command
        .env("OFFBOARD_CONFIG", &file)
        .env("AZURE_CLIENT_SECRET", "hunter2")
        .env("OFFBOARD_ALLOW_API_HOST", "a.test,b.test");
    let full = shown(command.args([
        "--limit",
        "memory=64MiB",
        "--token-command",
        "vault 'read it'",
    ]));
    assert_eq!(faults("config.json", &[bare.clone(), full.clone()]), "");

    let with = |member: &str, value: Value| {
        let mut shown = bare.clone();
        shown[member] = value;
        shown
    };
    let wrong = [
        with("apiRoot", json!("https://api.example.test")),
        with("authority", json!({"value": null, "source": "cloud"})),
        with("cloud", json!({"value": "azure", "source": "default"})),
        with(
            "allowApiHost",
            json!({"value": "a.test", "source": "default"}),
        ),
        with(
            "token",
            json!({"value": "a.b.c", "source": "environment OFFBOARD_TOKEN"}),
        ),
        with("resource", json!({"value": "x"})),
    ];
    assert_eq!(count_invalid("config.json", &wrong), wrong.len());
}

#[test]
fn every_value_is_shown_with_where_it_comes_from() {
    let world = World::new();
    let file = world.path("offboard.toml");
    let text = "[profiles.a]\nplugin = 'in.wasm'\nledger = 'in.db'\n\
                [profiles.a.limits]\nmemory = '64MiB'\n";
    fs::write(&file, text).unwrap();
    let args = ["config", "show", "--output", "json"];
    let sources = |command: &mut std::process::Command, expected: &[(&str, &str)]| {
        let shown = shown(command);
        for (name, source) in expected {
            assert_eq!(shown[name]["source"], *source, "{name}: {shown}");
        }
    };
    let profile = format!("profile a in {}", file.display());
    let mut command = crate::support::command(args);
    sources(
        command.env("OFFBOARD_CONFIG", &file),
        &[
            ("configuration", "environment OFFBOARD_CONFIG"),
            ("profile", &profile),
            ("plugin", &profile),
            ("ledger", &profile),
            ("limits", &profile),
            ("pluginSha256", "default"),
        ],
    );
    let mut command = crate::support::command(args);
    command
        .args(["--config", file.to_str().unwrap(), "--profile", "a"])
        .args(["--plugin", "x.wasm", "--limit", "memory=32MiB"])
        .env("OFFBOARD_LEDGER", "x.db")
        .env("OFFBOARD_PLUGIN_SHA256", "0".repeat(64));
    sources(
        &mut command,
        &[
            ("configuration", "--config"),
            ("profile", "--profile"),
            ("plugin", "--plugin"),
            ("ledger", "environment OFFBOARD_LEDGER"),
            ("limits", "--limit"),
            ("pluginSha256", "environment OFFBOARD_PLUGIN_SHA256"),
        ],
    );
    let bare = [
        "configuration",
        "profile",
        "plugin",
        "ledger",
        "limits",
        "caFile",
    ]
    .map(|name| (name, "default"));
    sources(&mut crate::support::command(args), &bare);
}

#[test]
fn a_configuration_is_shown_without_a_sign_in_and_without_secrets() {
    let world = World::new();
    for output in ["table", "json", "jsonl", "csv"] {
        let mut command = world.with_secret(&["config", "show", "--output", output]);
        command
            .env("AZURE_CLIENT_SECRET", "hunter2")
            .env("AZURE_CLIENT_CERTIFICATE_PASSWORD", "hunter2")
            .env("OFFBOARD_TOKEN", "hunter2")
            .env("OFFBOARD_TOKEN_COMMAND", "vault --password hunter2");
        let shown = outcome(&mut command);
        assert_eq!(shown.code, 0, "{shown:?}");
        assert!(!format!("{shown:?}").contains("hunter2"), "{shown:?}");
        assert!(!shown.stdout.contains(world.simulator.client_secret()));
        assert_eq!(shown.stdout.matches("[set]").count(), 3, "{shown:?}");
    }
    assert!(world.requests().is_empty());
}
