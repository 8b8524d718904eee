//! A secret in place of a file name or another value is not printed, not recorded, and not
//! sent.

use std::{fs, path::Path};

use crate::support::{MACHINE, Outcome, World, command, offboard};

const JWT: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJhdWQiOiJodHRwczovL2FwaSJ9.c2lnbmF0dXJl";
const CLIENT_SECRET: &str = "abc8Q~xyzXYZ0123456789abcdefABCDEF-._~ab";
/// Has no known form, but does not look like a file name.
const RANDOM: &str = "q7Vh2Lk9+Zr4Tn1Xw8Pd3Gs6Bm0Yc5Jf2Ka7Ue==";

/// The flag of every connection setting. The environment variable has the same name.
const SECRET_SETTINGS: [&str; 26] = [
    "--profile",
    "--config",
    "--cloud",
    "--region",
    "--api-root",
    "--allow-api-host",
    "--ca-file",
    "--allow-address",
    "--quota",
    "--audit",
    "--ledger",
    "--auth",
    "--tenant",
    "--client-id",
    "--client-secret-file",
    "--certificate",
    "--certificate-password-file",
    "--federated-token-file",
    "--identity",
    "--token-file",
    "--token-command",
    "--authority",
    "--resource",
    "--plugin",
    "--plugin-sha256",
    "--limit",
];

fn assert_hidden(secret: &str, what: &str, outcome: &Outcome) {
    let shown = format!("{}{}", outcome.stdout, outcome.stderr);
    // A part of it would reveal too much, too: both halves are checked.
    for part in [&secret[..secret.len() / 2], &secret[secret.len() / 2..]] {
        assert!(!shown.contains(part), "{what}: {outcome:?}");
    }
}

/// Runs a command in its own folder, so that a file named after a secret would be found.
fn run_in(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Outcome {
    let mut command = command(args);
    command.current_dir(folder);
    command.env("OFFBOARD_API_ROOT", "http://127.0.0.1:9");
    command.env("OFFBOARD_LEDGER", folder.join("ledger.db"));
    command.envs(variables.iter().copied());
    command.output().unwrap().into()
}

#[test]
fn a_token_is_refused_for_every_setting_and_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let run = ["run", MACHINE, "--comment", "x", "--yes"];
    for secret in [JWT, CLIENT_SECRET] {
        for flag in SECRET_SETTINGS {
            let outcome = run_in(folder.path(), &[&run[..], &[flag, secret]].concat(), &[]);
            assert_hidden(secret, flag, &outcome);
            assert_eq!(outcome.code, 2, "{flag}: {outcome:?}");
            assert!(outcome.stderr.contains(flag), "{flag}: {outcome:?}");

            let name = match flag {
                "--limit" => "OFFBOARD_LIMITS".to_owned(),
                flag => flag
                    .replace("--", "OFFBOARD_")
                    .replace('-', "_")
                    .to_uppercase(),
            };
            let outcome = run_in(folder.path(), &run, &[(&name, secret)]);
            assert_hidden(secret, &name, &outcome);
            assert_eq!(outcome.code, 2, "{name}: {outcome:?}");
        }
        for (name, auth) in [
            ("AZURE_CLIENT_CERTIFICATE_PATH", "certificate"),
            ("AZURE_FEDERATED_TOKEN_FILE", "workload-identity"),
            ("AZURE_TENANT_ID", "client-secret"),
            ("AZURE_CLIENT_ID", "client-secret"),
            ("AZURE_AUTHORITY_HOST", "client-secret"),
        ] {
            let args = [&run[..], &["--auth", auth]].concat();
            let outcome = run_in(folder.path(), &args, &[(name, secret)]);
            assert_hidden(secret, name, &outcome);
            assert_eq!(outcome.code, 2, "{name}: {outcome:?}");
            assert!(outcome.stderr.contains(name), "{name}: {outcome:?}");
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_token_is_refused_for_every_other_argument_and_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    for secret in [JWT, CLIENT_SECRET] {
        let flag = format!("--{secret}");
        let pair = format!("--jobs={secret}");
        let comment = format!("Retired, see {secret}");
        let run = ["run", MACHINE, "--yes"];
        fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
            [&["run", MACHINE, "--yes", "--comment", "x"], more].concat()
        }
        for args in [
            vec![secret],
            vec!["run", secret, "--comment", "x", "--yes"],
            [&run[..], &["--comment", &comment]].concat(),
            with(&["--request-id", secret]),
            with(&["--tag", secret]),
            with(&["--report", secret]),
            with(&["--max-devices", secret]),
            with(&["--grace", secret]),
            with(&["--output", secret]),
            with(&[&pair]),
            with(&[&flag]),
            vec!["run", "--from", secret, "--comment", "x", "--yes"],
            vec!["find", secret],
            vec!["status", secret],
            vec!["cancel", MACHINE, "--comment", secret],
            vec!["resume", secret],
            vec!["show", secret],
            vec!["export", secret],
            vec!["runs", "--ledger", secret],
            vec!["runs", "--config", secret],
            vec!["inspect", "--extract", secret],
            vec!["inspect", "--wit", secret],
            vec!["completions", secret],
        ] {
            let outcome = run_in(folder.path(), &args, &[]);
            assert_hidden(secret, &format!("{args:?}"), &outcome);
            assert_eq!(outcome.code, 2, "{args:?}: {outcome:?}");
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// A value that may be a secret is used as given, but is not shown.
#[test]
fn what_may_be_a_secret_is_shown_neither_in_errors_nor_in_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        "--client-secret-file",
        "--certificate",
        "--certificate-password-file",
        "--federated-token-file",
        "--token-file",
    ];
    let app = [
        "--tenant",
        "contoso.example",
        "--client-id",
        "11111111-2222-3333-4444-555555555555",
    ];
    for secret in [RANDOM, "hunter2", "Summer2024!"] {
        let flags = SECRET_SETTINGS.iter().copied();
        // A short word may be shown, except in place of the name of a file with a secret.
        let flags = flags.filter(|flag| secret == RANDOM || files.contains(flag));
        for flag in flags.filter(|flag| !["--ledger", "--audit"].contains(flag)) {
            let auth = match flag {
                "--client-secret-file" => "client-secret",
                "--certificate" | "--certificate-password-file" => "certificate",
                "--federated-token-file" => "workload-identity",
                "--token-command" => "token-command",
                _ => "token-file",
            };
            let own = [flag, secret, "--auth", auth];
            let app = if flag == "--tenant" || flag == "--client-id" {
                &[][..]
            } else {
                &app
            };
            let certificate = ["--certificate", "certificate.pem"];
            let certificate = if auth == "certificate" && flag != "--certificate" {
                &certificate[..]
            } else {
                &[]
            };
            let settings = [&own[..], app, certificate].concat();
            let settings = match flag {
                "--auth" => vec!["--auth", secret],
                _ => settings,
            };
            for form in ["table", "json", "jsonl", "csv"] {
                let args = [&["config", "show", "--output", form], &settings[..]].concat();
                let outcome = run_in(folder.path(), &args, &[]);
                assert_hidden(secret, &format!("{args:?}"), &outcome);
            }
            for args in [
                &[
                    "run",
                    MACHINE,
                    "--comment",
                    "x",
                    "--yes",
                    "-v",
                    "-o",
                    "json",
                ][..],
                &["check", "-o", "json"],
            ] {
                let args = [args, &settings].concat();
                let outcome = run_in(folder.path(), &args, &[]);
                assert_hidden(secret, &format!("{args:?}"), &outcome);
                assert_ne!(outcome.code, 0, "{args:?}: {outcome:?}");
            }
        }
    }
}

#[test]
fn a_secret_in_place_of_a_file_name_is_reported() {
    let world = World::new();
    let outcome = world.run(&[MACHINE, "--token-file", "hunter2"]);
    let row = outcome.row();
    let message = row["error"]["message"].as_str().unwrap();
    for words in [
        "7 characters that name no existing file",
        "write it into a file",
    ] {
        assert!(message.contains(words), "{outcome:?}");
    }
    assert!(world.requests().is_empty());
    // The name of an existing file is shown, whatever it is.
    let file = world.path(JWT);
    fs::rename(world.path("token"), &file).unwrap();
    let id = world.online()[0].machine.id.clone();
    let outcome = world.run(&[&id, "--token-file", file.to_str().unwrap()]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let file = file.to_str().unwrap();
    let shown = offboard(["config", "show", "--wide", "--token-file", file]);
    assert!(shown.stdout.contains(JWT), "{shown:?}");
}

#[test]
fn a_secret_in_the_configuration_is_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("offboard.toml");
    for secret in [JWT, CLIENT_SECRET] {
        for line in [
            format!("token-file = '{secret}'"),
            format!("tenant = '{secret}'"),
            format!("cloud = '{secret}'"),
            format!("token-command = ['print', '{secret}']"),
            format!("quota = '{secret}'"),
            format!("unknown = '{secret}'"),
            format!("'{secret}' = 1"),
            format!("limits = {{ '{secret}' = 1 }}"),
            format!("policy = {{ never-tags = ['{secret}'] }}"),
            format!("tenant = {secret}"),
        ] {
            let text = format!("[profiles.one]\n{line}\n");
            crate::support::write_secret(&file, &text);
            for args in [
                &["config", "show"][..],
                &["check"],
                &["find", "x"],
                &["runs"],
            ] {
                let args = [args, &["--config", file.to_str().unwrap()]].concat();
                let outcome = run_in(folder.path(), &args, &[]);
                assert_hidden(secret, &line, &outcome);
                let is_ledger_alone = args[0] == "runs" && outcome.code == 0;
                assert!(is_ledger_alone || outcome.code != 0, "{line}: {outcome:?}");
            }
        }
    }
    // A password in place of a file name is resolved to a path in the configuration's
    // folder.
    crate::support::write_secret(
        &file,
        "[profiles.one]\ncertificate-password-file = 'hunter2'\n",
    );
    let args = ["config", "show", "--config", file.to_str().unwrap()];
    let outcome = run_in(folder.path(), &args, &[]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(!outcome.stdout.contains("hunter2"), "{outcome:?}");
}

#[test]
fn a_word_in_place_of_a_secret_file_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    for word in ["monkey", "mypassword", "dragon"] {
        for flag in [
            "--client-secret-file",
            "--certificate",
            "--certificate-password-file",
            "--federated-token-file",
            "--token-file",
        ] {
            let args = ["config", "show", "-o", "json", flag, word];
            // An Entra ID credential is used only with a listed host.
            let allowed = [("OFFBOARD_ALLOW_API_HOST", "127.0.0.1")];
            let outcome = run_in(folder.path(), &args, &allowed);
            let value = format!("\"value\": \"{word}\"");
            assert!(!outcome.stdout.contains(&value), "{flag}: {outcome:?}");
            assert!(outcome.stdout.contains("[hidden: "), "{flag}: {outcome:?}");
        }
    }
    for flag in ["--tenant", "--client-id"] {
        let args = ["config", "show", "-o", "json", flag, "Summer2024!"];
        assert_hidden("Summer2024!", flag, &run_in(folder.path(), &args, &[]));
    }
}

#[cfg(unix)]
#[test]
fn a_token_command_does_not_repeat_a_secret_of_its_arguments() {
    let world = World::new();
    for secret in [RANDOM, "Summer2024!"] {
        let command = format!("ls '{secret}'");
        let outcome = world.run(&[MACHINE, "--token-command", &command]);
        assert_hidden(secret, &command, &outcome);
        assert!(outcome.stderr.contains("[hidden: "), "{outcome:?}");
    }
    assert!(world.requests().is_empty());
}

/// A password in place of a machine, an action, a name or a run.
#[test]
fn a_password_in_place_of_a_reference_is_not_repeated() {
    let world = World::new();
    world.run(&[&world.online_ids(1)[0]]);
    for secret in ["Admin@123", "P@ssw0rd", "Summer2024!"] {
        for args in [
            &["run", secret, "--comment", "x", "--yes"][..],
            &["run", MACHINE, secret, "--comment", "x", "--yes"],
            &["status", secret],
            &["cancel", secret, "--comment", "x"],
            &["find", secret],
            &["show", secret],
            &["export", secret],
            &["resume", secret, "--yes"],
        ] {
            let outcome = world.offboard(args);
            assert_hidden(secret, args[0], &outcome);
        }
    }
    assert_eq!(world.posts().len(), 1);
    // What a user mistyped is shown.
    for (args, shown) in [
        (&["show", "0123abcd"][..], "0123abcd"),
        (&["run", "laptop/7", "-c", "x", "--yes"], "[MACHINE]"),
    ] {
        let outcome = world.offboard(args);
        assert!(outcome.stderr.contains(shown), "{outcome:?}");
    }
}

/// As `--from token` instead of `--token-file token`.
#[test]
fn a_list_that_is_a_file_of_a_secret_is_neither_repeated_nor_sent() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list");
    for secret in [JWT, CLIENT_SECRET, RANDOM, "Summer2024!"] {
        for text in [
            secret.to_owned(),
            format!("{secret}\n{secret}.\n"),
            format!("Bearer {secret}\n"),
        ] {
            fs::write(&file, &text).unwrap();
            let run = [
                "run",
                "--from",
                file.to_str().unwrap(),
                "--comment",
                "x",
                "--yes",
            ];
            for more in [&[][..], &["--name-column", "name"], &["--id-column", "id"]] {
                let outcome = world.offboard(&[&run[..], more].concat());
                assert_hidden(secret, &text, &outcome);
                assert_eq!(outcome.code, 2, "{text}: {outcome:?}");
                let is_alone = text == secret;
                assert_eq!(
                    outcome.stderr.contains("the only line may be a secret"),
                    is_alone,
                    "{outcome:?}"
                );
            }
        }
    }
    assert!(world.requests().is_empty());
}

#[test]
fn a_url_is_repeated_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    for url in [
        "https://user:hunter2@api.example.com",
        "https://api.example.com/?sig=hunter2hunter2",
        "https://api.example.com/?code=hunter2",
        "https://api.example.com/#access_token=hunter2",
    ] {
        for flag in ["--api-root", "--authority", "--resource"] {
            for args in [
                &["run", MACHINE, "--comment", "x", "--yes", "-v"][..],
                &["config", "show", "--output", "json"],
                &["check"],
            ] {
                let args = [args, &[flag, url]].concat();
                let outcome = run_in(folder.path(), &args, &[]);
                let shown = format!("{}{}", outcome.stdout, outcome.stderr);
                assert!(!shown.contains("hunter2"), "{args:?}: {outcome:?}");
            }
        }
        for name in ["HTTPS_PROXY", "AZURE_AUTHORITY_HOST", "OFFBOARD_API_ROOT"] {
            let outcome = run_in(folder.path(), &["config", "show"], &[(name, url)]);
            let shown = format!("{}{}", outcome.stdout, outcome.stderr);
            assert!(!shown.contains("hunter2"), "{name}: {outcome:?}");
        }
    }
}
