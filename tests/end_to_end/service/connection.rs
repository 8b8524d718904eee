//! Missing and invalid credentials, and failing connections.

use std::{fs, net::TcpListener};

use crate::support::{ClosedPort, Outcome, World, accepted, command, write_secret};

const ID: &str = "0123456789abcdef0123456789abcdef01234567";

#[test]
fn without_a_token_nothing_is_sent_and_output_is_still_an_array() {
    let world = World::new();
    for (command, state) in [
        (
            &["run", ID, "--comment", "x", "--yes", "--output", "json"][..],
            "not-sent",
        ),
        (&["status", ID, "--output", "json"], "unknown"),
        (
            &["cancel", ID, "--comment", "x", "--output", "json"],
            "not-sent",
        ),
    ] {
        let output = world
            .command(command)
            .env_remove("OFFBOARD_TOKEN_FILE")
            .output()
            .unwrap();
        let outcome = crate::support::Outcome::from(output);
        assert_eq!(outcome.code, 3, "{outcome:?}");
        let row = outcome.row();
        assert_eq!(
            (row["state"].as_str(), row["machineId"].as_str()),
            (Some(state), Some(ID))
        );
        assert_eq!(row["error"]["kind"], "no-credential");
    }
    assert!(world.requests().is_empty());
}

#[test]
fn an_invalid_token_is_refused_without_showing_it() {
    let world = World::new();
    for text in [
        "",
        "  ",
        "{\"access_token\": \"hunter2\"}",
        "hunter2 hunter2",
        "hunter2\u{e9}",
    ] {
        write_secret(&world.path("token"), text);
        let outcome = world.run(&[ID]);
        assert_eq!(outcome.code, 3, "{text:?}: {outcome:?}");
        assert!(!format!("{outcome:?}").contains("hunter2"), "{outcome:?}");
    }
    fs::remove_file(world.path("token")).unwrap();
    assert_eq!(world.run(&[ID]).code, 3);
    assert!(world.requests().is_empty());
}

#[test]
fn the_token_may_come_from_the_environment() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let run = ["run", &id, "--comment", "x", "--yes"];
    let output = world
        .command(&run)
        .env_remove("OFFBOARD_TOKEN_FILE")
        .env("OFFBOARD_TOKEN", world.token())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn a_host_without_a_scheme_is_reported_as_one() {
    let world = World::new();
    for root in ["api.security.microsoft.com", "localhost:8080", "10.0.0.1"] {
        let refused = world.run(&[ID, "--api-root", root]);
        assert_eq!(refused.code, 2, "{refused:?}");
        let reason = "it has no scheme: write https:// before it";
        assert!(refused.stderr.contains(reason), "{refused:?}");
    }
    let other = world.run(&[ID, "--api-root", "ftp://localhost"]);
    assert!(other.stderr.contains("\"ftp\" is not https"), "{other:?}");
}

#[test]
fn a_service_that_is_not_there_is_not_sent_anything() {
    let world = World::new();
    let closed = ClosedPort::new();
    let outcome = world.run(&[ID, "--api-root", &closed.root()]);
    let row = outcome.row();
    assert_eq!((outcome.code, row["state"].as_str()), (5, Some("not-sent")));
    assert_eq!(row["error"]["retry"], "safe");
}

#[test]
fn a_server_without_tls_gets_no_byte_of_the_request() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let root = format!("https://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let mut received = Vec::new();
        // It answers in plaintext.
        let mut stream = accepted(&listener);
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).unwrap();
        received.extend_from_slice(&chunk[..count]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        received
    });
    let outcome = world.run(&[ID, "--api-root", &root]);
    assert_eq!(outcome.code, 5, "{outcome:?}");
    let received = server.join().unwrap();
    let token = world.token().as_bytes();
    assert!(!received.windows(token.len()).any(|window| window == token));
}

#[test]
fn the_default_is_the_commercial_cloud_over_tls() {
    let shown = command(["config", "show", "--output", "json"])
        .output()
        .unwrap();
    let shown = Outcome::from(shown);
    assert_eq!(shown.code, 0, "{shown:?}");
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    for (name, value) in [
        ("apiRoot", "https://api.security.microsoft.com"),
        ("authority", "https://login.microsoftonline.com"),
        ("resource", "https://api.securitycenter.microsoft.com"),
    ] {
        assert_eq!(shown[name]["value"], value);
        assert_eq!(shown[name]["source"], "cloud");
    }
}

const OTHER_TENANT: &str = "11111111-1111-4111-8111-111111111111";

#[test]
fn a_token_of_another_tenant_than_the_one_that_was_named_is_not_used() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    for command in [
        &["run", &id, "--comment", "x", "--yes", "-o", "json"][..],
        &["status", &id, "-o", "json"],
        &["cancel", &id, "--comment", "x", "-o", "json"],
    ] {
        let output = world
            .command(command)
            .args(["--tenant", OTHER_TENANT])
            .output();
        let outcome = Outcome::from(output.unwrap());
        assert_eq!(outcome.code, 3, "{outcome:?}");
        assert_eq!(outcome.row()["error"]["kind"], "wrong-tenant");
        assert!(outcome.stderr.contains("--tenant"), "{outcome:?}");
    }
    assert!(world.requests().is_empty());
    // A domain cannot be compared with the tenant id.
    let named = world.run(&[&id, "--tenant", "contoso.test"]);
    assert_eq!(named.code, 0, "{named:?}");
}

#[test]
fn a_credential_of_the_command_line_beats_one_of_the_environment() {
    let shown = |args: &[&str], variables: &[(&str, &str)]| {
        let args = [&["config", "show", "--output", "json"], args].concat();
        let output = command(args).envs(variables.iter().copied()).output();
        let shown: serde_json::Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
        let text = |member: &str| shown["auth"][member].as_str().unwrap().to_owned();
        (text("value"), text("source"))
    };
    let of = |value: &str, source: &str| (value.to_owned(), source.to_owned());
    let secret = ("OFFBOARD_CLIENT_SECRET_FILE", "secret");
    let token = ("OFFBOARD_TOKEN", "a.b.c");
    assert_eq!(
        shown(&["--certificate", "app.pem"], &[secret, token]),
        of("certificate", "--certificate")
    );
    assert_eq!(
        shown(&[], &[secret, token]),
        of("token", "environment OFFBOARD_TOKEN")
    );
    assert_eq!(
        shown(&["--identity", "system", "--token-file", "x"], &[secret]),
        of("token-file", "--token-file")
    );
    assert_eq!(
        shown(
            &["--certificate", "app.pem", "--auth", "client-secret"],
            &[secret]
        ),
        of("client-secret", "--auth")
    );
}

#[test]
fn the_proxy_in_force_is_shown_without_its_credential() {
    let shown = |variables: &[(&str, &str)]| {
        let mut command = command(["config", "show", "--output", "json"]);
        Outcome::from(command.envs(variables.iter().copied()).output().unwrap())
    };
    let proxy = "http://user:hunter2@proxy.test:3128";
    let found = shown(&[("HTTPS_PROXY", ""), ("ALL_PROXY", proxy)]);
    assert!(!found.stdout.contains("hunter2"), "{found:?}");
    let found: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!(found["proxy"]["value"], "http://proxy.test:3128");
    assert_eq!(found["proxy"]["source"], "environment ALL_PROXY");
    let refused = shown(&[("https_proxy", "socks5://user:hunter2@proxy.test")]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains("https_proxy is not"), "{refused:?}");
    assert!(!refused.stderr.contains("hunter2"), "{refused:?}");
}

#[test]
fn settings_are_shown_to_people_as_they_are_written() {
    let shown = Outcome::from(command(["config", "show"]).output().unwrap());
    for name in ["api-root", "client-secret-file", "plugin-sha256"] {
        let row = shown.stdout.lines().find(|line| line.starts_with(name));
        assert!(row.is_some(), "{name}: {shown:?}");
    }
}

#[test]
fn a_variable_that_is_set_to_nothing_is_not_set() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let mut command = world.command(&["run", &id, "--comment", "x", "--yes"]);
    for name in [
        "CLOUD", "REGION", "CA_FILE", "AUDIT", "PLUGIN", "TENANT", "AUTH", "PROFILE",
    ] {
        command.env(format!("OFFBOARD_{name}"), " ");
    }
    let outcome = Outcome::from(command.output().unwrap());
    assert_eq!((outcome.code, world.posts().len()), (0, 1), "{outcome:?}");
}

/// Without a home directory, no configuration is read: neither from the working directory,
/// nor from a folder that other users can write to.
#[cfg(unix)]
#[test]
fn without_a_home_directory_there_is_no_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join(".config/offboard");
    fs::create_dir_all(&config).unwrap();
    fs::write(
        config.join("offboard.toml"),
        "[profiles.a]\ntenant = 'evil.test'\n",
    )
    .unwrap();
    let mut command = command(["config", "show", "--output", "json"]);
    command
        .current_dir(folder.path())
        .env("HOME", ".")
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_STATE_HOME");
    let shown = Outcome::from(command.output().unwrap());
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    for name in ["configuration", "profile", "tenant", "ledger"] {
        assert!(shown[name]["value"].is_null(), "{name}: {shown}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named_once() {
    let missing = ["inspect", "--plugin", "/no/such/plugin.wasm"];
    let outcome = Outcome::from(command(missing).output().unwrap());
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert_eq!(
        outcome.stderr.matches("plugin.wasm").count(),
        1,
        "{outcome:?}"
    );
}

/// A broken certificate in the file of certification authorities is skipped and named, and the
/// others are used.
#[test]
fn an_unusable_certificate_of_a_bundle_is_skipped() {
    let world = World::with(|config| config.tls = true);
    let authority = fs::read_to_string(world.path("ca.pem")).unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nMIIB!\n-----END CERTIFICATE-----\n";
    let bundle = world.path("bundle.pem");
    let find = |text: String| {
        write_secret(&bundle, &text);
        let mut command = world.command(&["find", "no-such-machine", "-o", "json"]);
        Outcome::from(command.env("OFFBOARD_CA_FILE", &bundle).output().unwrap())
    };
    let found = find(format!("{broken}{authority}{broken}"));
    // No machine has the name, so the service was queried.
    assert_eq!(found.code, 1, "{found:?}");
    for number in [1, 3] {
        let words = format!("certificate {number} is not used");
        assert_eq!(found.stderr.matches(&words).count(), 1, "{found:?}");
    }
    let refused = find(broken.to_owned());
    assert_eq!(refused.code, 2, "{refused:?}");
}
