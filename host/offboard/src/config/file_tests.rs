#![allow(clippy::unwrap_used)]
use std::fs;

use super::*;
use crate::{
    config::{Auth, LimitValues, Words},
    identity::cloud::Cloud,
    sandbox::Limit,
};

/// An error with its sources.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

struct Written {
    folder: tempfile::TempDir,
}

impl Written {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let written = Self { folder };
        fs::write(written.path(), text).unwrap();
        #[cfg(unix)]
        written.mode(0o600);
        written
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("offboard.toml")
    }

    #[cfg(unix)]
    fn mode(&self, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(self.path(), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn choose(&self, name: Option<&str>) -> Result<Option<Chosen>, ConfigError> {
        choose(Some(&self.path()), None, name)
    }

    fn refusal(&self) -> String {
        chain(&self.choose(None).unwrap_err())
    }
}

#[test]
fn every_setting_can_stand_in_a_profile() {
    let written = Written::new(
        r#"
        [profiles.contoso]
        cloud = "gcc-high"
        authority = "https://login.microsoftonline.us"
        api-root = "https://api-gov.securitycenter.microsoft.us"
        resource = "https://api-gov.securitycenter.microsoft.us"
        allow-api-host = ["api.example.test"]
        auth = "certificate"
        tenant = "contoso.test"
        client-id = "app"
        client-secret-file = "secret"
        certificate = "/keys/app.pfx"
        certificate-password-file = "password"
        federated-token-file = "assertion"
        identity = "system"
        token-file = "token"
        token-command = ["vault", "read token"]
        ca-file = "ca.pem"
        allow-address = ["10.0.0.0/8"]
        audit = "audit.jsonl"
        ledger = "ledger.db"
        plugin = "plugin.wasm"
        plugin-sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
        [profiles.contoso.limits]
        memory = "64MiB"
        handles = 100
        [profiles.contoso.policy]
        never = ["0123456789ABCDEF0123456789abcdef01234567"]
        never-names = ["dc*", "*.servers.test"]
        never-tags = ["keep"]
        never-groups = ["Servers"]
        never-values = ["High"]
        required-tag = "retire"
        not-seen-for = "30d"
        largest-share = 10
        "#,
    );
    let Chosen { profile, name, .. } = written.choose(None).unwrap().unwrap();
    assert_eq!(name, "contoso");
    assert_eq!(profile.cloud, Some(Cloud::GccHigh));
    assert_eq!(profile.auth, Some(Auth::Certificate));
    // A bare name is searched for in PATH.
    let command = Words(vec!["vault".to_owned(), "read token".to_owned()]);
    assert_eq!(profile.token_command, Some(command));
    let limits = LimitValues(vec![(Limit::Handles, 100), (Limit::Memory, 64 << 20)]);
    assert_eq!(profile.limits, Some(limits));
    let policy = profile.policy.unwrap();
    assert_eq!(policy.never.len(), 1);
    assert_eq!(policy.never_names.len(), 2);
    let month = std::time::Duration::from_secs(30 * 24 * 3600);
    assert_eq!(policy.not_seen_for, Some(month));
    // Relative to the file, not to the working folder.
    assert_eq!(profile.ca_file, Some(written.folder.path().join("ca.pem")));
    assert_eq!(profile.certificate.unwrap().0, Path::new("/keys/app.pfx"));
}

#[test]
fn a_key_that_there_is_not_is_an_error_with_a_suggestion() {
    for (text, expected) in [
        (
            "[profiles.a]\ntenent = 'x'",
            "line 2, column 1: unknown key tenent; did you mean tenant?",
        ),
        (
            "[profiles.a]\nclient_id = 'x'",
            "unknown key client_id; did you mean client-id?",
        ),
        ("profil = 'a'", "unknown key profil; did you mean profile?"),
        ("[profiles.a]\npassword = 'x'", "unknown key password"),
        (
            "[profiles.a]\nclientSecretFile = 'x'",
            "unknown key clientSecretFile; did you mean client-secret-file?",
        ),
        (
            "clientId = 'x'\n[profiles.a]",
            "line 1, column 1: clientId is outside a profile: move it below a line \
             [profiles.NAME], as client-id",
        ),
        (
            "[profile.contoso]\ntenant = 'x'",
            "a profile is a table [profiles.NAME]",
        ),
        (
            "[profile]\ncontoso = 'x'",
            "a profile is a table [profiles.NAME]",
        ),
        ("profile = 1", "the name of one of the profiles"),
        (
            "[profiles.a.policy]\nnever-name = ['dc*']",
            "unknown key never-name; did you mean never-names?",
        ),
        ("[profiles.a.policy]\nnever = ['dc1']", "40 hexadecimal"),
        ("[profiles.a.policy]\nnever-names = ['[']", "line 2"),
        ("[profiles.a.policy]\nnever-tags = [' ']", "an empty text"),
        ("[profiles.a.policy]\nnever-names = ['']", "an empty text"),
        (
            "[profiles.a.policy]\nnever-values = ['Hihg']",
            "not one of Normal, Low, High",
        ),
        ("[profiles.a.policy]\nnot-seen-for = '0s'", "above zero"),
        (
            "profile = 'a'\n[profile.a]\ntenant = 'x'",
            "a profile is a table [profiles.NAME]",
        ),
        (
            "[contoso]\ntenant = 'x'",
            "a profile is a table [profiles.NAME]",
        ),
        ("[profiles.a]\ntoken-command = 'x'", "not a list"),
        ("[profiles.a.policy]\nnot-seen-for = '30'", "such as 30d"),
        ("\"a = 1\\n[b]\\nc\" = 1", "unknown key"),
        (
            "[profiles.a]\ncloud = 'azure'",
            "\"azure\" is not one of commercial, gcc, gcc-high, dod",
        ),
        (
            "[profiles.a]\napi-root = 'http://api.example.test'",
            "plain HTTP",
        ),
        ("[profiles.a.limits]\nmemory = '9TiB'", "memory"),
        ("[profiles.a.limits]\nspeed = 1", "unknown limit"),
        ("[profiles.a]\ntenant = 1", "line 2"),
        ("[profiles.a\n", "line 1"),
    ] {
        let refusal = Written::new(text).refusal();
        assert!(refusal.contains(expected), "{text}: {refusal}");
        assert!(refusal.contains("offboard.toml"), "{refusal}");
    }
}

#[test]
fn a_profile_is_named_or_the_only_one() {
    let two = "[profiles.a]\ntenant = 'a'\n[profiles.b]\ntenant = 'b'\n";
    let tenant = |text: &str, name: Option<&str>| {
        let chosen = Written::new(text).choose(name);
        chosen.map(|chosen| chosen.and_then(|chosen| chosen.profile.tenant))
    };
    assert_eq!(tenant(two, Some("b")).unwrap().as_deref(), Some("b"));
    let first = format!("profile = 'a'\n{two}");
    assert_eq!(tenant(&first, None).unwrap().as_deref(), Some("a"));
    assert_eq!(tenant(&first, Some("b")).unwrap().as_deref(), Some("b"));
    let usual = format!("{two}[profiles.default]\ntenant = 'c'");
    assert_eq!(tenant(&usual, None).unwrap().as_deref(), Some("c"));
    assert_eq!(tenant("", None).unwrap(), None);
    for (text, name) in [
        (two, None),
        (two, Some("c")),
        ("", Some("a")),
        ("profile = 'c'", None),
    ] {
        assert!(tenant(text, name).is_err(), "{text} {name:?}");
    }
    let several = Written::new(two).refusal();
    assert!(several.contains("(a, b)"), "{several}");
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let missing = Path::new("/no/such/folder/offboard.toml");
    assert!(choose(Some(missing), None, None).is_err());
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_write_is_refused() {
    let written = Written::new("[profiles.a]\ntoken-command = ['x']");
    for mode in [0o622, 0o620, 0o602, 0o666] {
        written.mode(mode);
        let refusal = written.refusal();
        assert!(refusal.contains("chmod go-w"), "{mode:o} {refusal}");
    }
    written.mode(0o644);
    assert!(written.choose(None).is_ok());
}

#[test]
fn a_program_with_a_path_is_the_one_beside_the_file() {
    for program in ["./get-token", "bin/get-token", "../get-token"] {
        let written = Written::new(&format!(
            "[profiles.a]\ntoken-command = ['{program}', './x']"
        ));
        let profile = written.choose(None).unwrap().unwrap().profile;
        let whole = written.folder.path().join(program);
        let words = profile.token_command.unwrap().0;
        assert_eq!(words, [whole.to_str().unwrap(), "./x"]);
    }
}

#[test]
fn the_content_of_the_file_is_not_quoted() {
    for text in [
        "[profiles.a]\ntoken-command = 'curl -H X-Vault-Token:hunter2'",
        "[profiles.a]\ntenant = ['hunter2']",
        "[profiles.a]\napi-root = 'https://user:hunter2@host:99999'",
        "[profiles.a]\nclient-secret = 'hunter2'",
        "eyJhunter2",
    ] {
        let refusal = Written::new(text).refusal();
        assert!(!refusal.contains("hunter2"), "{refusal}");
        assert!(refusal.contains("line "), "{refusal}");
    }
}
