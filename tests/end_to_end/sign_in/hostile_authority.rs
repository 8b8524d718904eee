//! A malicious or broken authority: whatever it answers, the sign-in ends, its request is
//! not shown, and the user is not misled.

use std::{
    fs,
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use super::{Running, assert_contains, text, wait_until};
use crate::{
    hostile::servers::support::{Authority, Peer, Server},
    support::{MACHINE, Outcome, command, write_secret},
};

const APP_SECRET: &str = "hunter2-Secret/1";

/// An authority whose answer to each request's form is scripted.
pub(super) struct ScriptedAuthority {
    pub(super) server: Server,
    folder: tempfile::TempDir,
}

impl ScriptedAuthority {
    pub(super) fn new(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let authority = Authority::new();
        let config = authority.signs(&["localhost"]).config();
        let server = Server::tls(config, move |mut peer: Peer| {
            let request = String::from_utf8_lossy(&peer.request()).into_owned();
            let (head, form) = request.split_once("\r\n\r\n").unwrap();
            // Without a form, the script gets the request line.
            let request = if form.is_empty() {
                head.lines().next().unwrap_or_default()
            } else {
                form
            };
            peer.send(answer(request));
            peer.end();
        });
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        write_secret(&folder.path().join("secret"), APP_SECRET);
        Self { server, folder }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = command(args);
        let root = self.server.tls_root("localhost");
        command
            .env("OFFBOARD_API_ROOT", &root)
            .env("OFFBOARD_AUTHORITY", &root)
            .env("OFFBOARD_CA_FILE", self.folder.path().join("ca.pem"))
            .env("OFFBOARD_LEDGER", self.folder.path().join("ledger.db"))
            .env("OFFBOARD_TENANT", "contoso.test")
            .env("OFFBOARD_CLIENT_ID", "app");
        command
    }

    /// A run that signs in with the secret, and gets no token.
    pub(super) fn refused(&self) -> (Outcome, String) {
        let outcome = Outcome::from(self.with_secret().output().unwrap());
        let row = outcome.row();
        assert_eq!(row["state"], "not-sent", "{outcome:?}");
        assert!(!self.server.seen().contains("Bearer"), "a token was used");
        (outcome, text(&row["error"], "message").to_owned())
    }

    /// A run that signs in with the secret.
    pub(super) fn with_secret(&self) -> Command {
        let mut command = self.command(&RUN_ARGS);
        command.env(
            "OFFBOARD_CLIENT_SECRET_FILE",
            self.folder.path().join("secret"),
        );
        command
    }

    /// The same with a device code.
    pub(super) fn by_code(&self) -> Outcome {
        let mut command = self.command(&RUN_ARGS);
        Outcome::from(
            command
                .env("OFFBOARD_AUTH", "device-code")
                .output()
                .unwrap(),
        )
    }
}

const RUN_ARGS: [&str; 7] = [
    "run",
    MACHINE,
    "--comment",
    "x",
    "--yes",
    "--output",
    "json",
];

pub(super) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_request_that_the_answer_quotes_is_not_shown() {
    for escaped in [false, true] {
        let authority = ScriptedAuthority::new(move |form| {
            let secret: String = APP_SECRET
                .chars()
                .flat_map(|c| c.escape_unicode())
                .collect();
            let secret = secret.replace("\\u{", "\\u00").replace('}', "");
            let quoted = if escaped { &secret } else { form };
            let body = format!(
                r#"{{"error":"invalid_request","error_description":"AADSTS1: bad request: {quoted}"}}"#
            );
            answer("400 Bad Request", "", &body)
        });
        let (outcome, message) = authority.refused();
        assert_eq!(outcome.code, 3, "{outcome:?}");
        assert_contains(&message, &["bad request", "[redacted]"]);
        let output = format!("{} {}", outcome.stdout, outcome.stderr);
        for secret in [APP_SECRET, "hunter2-Secret", "hunter2-Secret%2F1"] {
            assert!(!output.contains(secret), "{output}");
        }
    }
}

#[test]
fn an_answer_that_cannot_be_read_is_not_quoted() {
    let authority = ScriptedAuthority::new(|_| {
        let body = r#"{"access_token":["TOPSECRET.abc.def"],"expires_in":"TOPSECRET"}"#;
        answer("200 OK", "", body)
    });
    let (outcome, message) = authority.refused();
    assert_eq!(outcome.code, 3, "{outcome:?}");
    assert_contains(&message, &["cannot be read: its access_token is a list"]);
    assert!(!format!("{outcome:?}").contains("TOPSECRET"), "{outcome:?}");
}

/// Microsoft's library adds a token's lifetime to the current time, and would panic. The token
/// itself is used.
#[test]
fn an_impossible_lifetime_is_ignored() {
    for seconds in ["9223372036854775807", "\"9223372036854775807\"", "1e300"] {
        let authority = ScriptedAuthority::new(move |_| {
            let body = format!(r#"{{"access_token":"a.b.c","expires_in":{seconds}}}"#);
            answer("200 OK", "", &body)
        });
        let outcome = Outcome::from(authority.with_secret().output().unwrap());
        assert!(!outcome.stderr.contains("panicked"), "{outcome:?}");
        let seen = authority.server.seen();
        assert!(seen.contains("Bearer a.b.c"), "{outcome:?} {seen}");
    }
}

/// The wait for its retry-after is limited.
#[test]
fn an_authority_cannot_delay_a_run_for_a_day() {
    for retry_after in ["86400", "9223372036854775807"] {
        let authority = ScriptedAuthority::new(move |_| {
            let headers = format!("retry-after: {retry_after}\r\n");
            answer("503 Service Unavailable", &headers, "{}")
        });
        let began = Instant::now();
        let (outcome, _) = authority.refused();
        // The credential is not at fault.
        assert_eq!(outcome.code, 5, "{outcome:?}");
        // Detects a hang; it is not a measurement.
        assert!(began.elapsed() < Duration::from_secs(300), "{outcome:?}");
    }
}

fn device(url: &str, code: &str, more: &str) -> String {
    let body = format!(
        r#"{{"device_code":"d","user_code":"{code}","verification_uri":"{url}","expires_in":900{more}}}"#
    );
    answer("200 OK", "", &body)
}

#[test]
fn a_user_is_not_misled() {
    for (url, code) in [
        ("javascript:alert(1)", "ABCD"),
        ("http://microsoft.com/devicelogin", "ABCD"),
        (
            "https://localhost/",
            r"ABCD\nerror: your session ended; sign in at https://evil.test",
        ),
        (r"https://localhost/\nerror: type your password", "ABCD"),
        ("https://localhost/", &"A".repeat(200_000)),
    ] {
        let (url, code) = (url.to_owned(), code.to_owned());
        let authority = ScriptedAuthority::new(move |_| device(&url, &code, ""));
        let outcome = authority.by_code();
        assert_eq!(outcome.code, 3, "{outcome:?}");
        assert!(!outcome.stderr.contains("To sign in"), "{outcome:?}");
        for misleading in ["evil.test", "password", "alert", "AAAAAAAAAA"] {
            assert!(!outcome.stderr.contains(misleading), "{outcome:?}");
        }
    }
}

#[test]
fn an_authority_is_not_polled_without_a_pause() {
    let polls: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let log = Arc::clone(&polls);
    let authority = ScriptedAuthority::new(move |form| {
        if form.contains("device_code=") {
            log.lock().unwrap().push(Instant::now());
            answer(
                "400 Bad Request",
                "",
                r#"{"error":"authorization_pending"}"#,
            )
        } else {
            device("https://localhost/devicelogin", "ABCD", r#","interval":0"#)
        }
    });
    let mut command = authority.command(&RUN_ARGS);
    let mut running = Running::start(command.env("OFFBOARD_AUTH", "device-code"));
    running.read_until("enter the code ABCD");
    wait_until("three polls", || polls.lock().unwrap().len() >= 3);
    for pair in polls.lock().unwrap().windows(2) {
        let apart = pair[1] - pair[0];
        assert!(apart >= Duration::from_millis(900), "{apart:?}");
    }
}

#[test]
fn an_impossible_interval_is_ignored() {
    let authority = ScriptedAuthority::new(|form| {
        if form.contains("device_code=") {
            let body = r#"{"error":"access_denied","error_description":"AADSTS65004: declined"}"#;
            return answer("400 Bad Request", "", body);
        }
        let more = r#","interval":18446744073709551613"#;
        device("https://localhost/devicelogin", "ABCD", more)
    });
    let outcome = authority.by_code();
    assert_eq!(outcome.code, 3, "{outcome:?}");
    assert_contains(&outcome.stderr, &["enter the code ABCD"]);
    assert!(!outcome.stderr.contains("panicked"), "{outcome:?}");
}
