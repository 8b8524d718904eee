//! The command: its output line, its hints and its end.

#![allow(clippy::unwrap_used)]
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Starts a process that reacts to signals as usual, even if the caller of the tests ignores
/// them (as `nohup` and background jobs of scripts do), and that ends after 10 minutes.
fn simulator(arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_offboard-simulator"));
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let reset = || {
        // SAFETY: both functions are async-signal-safe (POSIX), take plain numbers, and
        // change only how this process reacts to signals.
        #[allow(unsafe_code)]
        unsafe {
            for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGTERM, libc::SIGALRM] {
                libc::signal(signal, libc::SIG_DFL);
            }
            libc::alarm(600);
        }
        Ok(())
    };
    // SAFETY: the closure allocates nothing and takes no lock.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(reset);
    }
    command.spawn().unwrap()
}

fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + Duration::from_secs(120);
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    panic!("still running");
}

fn signal(child: &Child, name: &str) {
    assert!(
        Command::new("kill")
            .args([name, &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn one_line_then_it_runs_until_a_signal() {
    for (name, quiet) in [("-INT", false), ("-TERM", true)] {
        let mut child = simulator(if quiet { &["--quiet"] } else { &[] });
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            ready.as_object().unwrap().keys().collect::<Vec<_>>(),
            [
                "apiRoot",
                "token",
                "authority",
                "tenantId",
                "clientId",
                "clientSecret",
                "identityEndpoint",
                "identityHeader"
            ]
        );
        let root = ready["apiRoot"].as_str().unwrap();
        let authority = root.strip_prefix("http://127.0.0.1:").unwrap();
        assert!(authority.parse::<u16>().unwrap() > 0);

        let mut stream = TcpStream::connect(format!("127.0.0.1:{authority}")).unwrap();
        let token = ready["token"].as_str().unwrap();
        write!(
            stream,
            "GET /api/machines?$top=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");

        signal(&child, name);
        assert_eq!(wait(&mut child).code(), Some(0), "{name}");
        let (mut rest, mut hints) = (String::new(), String::new());
        out.read_to_string(&mut rest).unwrap();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut hints)
            .unwrap();
        assert_eq!(rest, "");
        assert_eq!(hints.is_empty(), quiet, "{hints}");
        assert!(!hints.contains(token));
        assert_eq!(hints.contains(root), !quiet);
    }
}

#[test]
fn another_address_than_loopback_is_refused_with_the_reason() {
    let mut child = simulator(&["--listen", "0.0.0.0:0"]);
    assert_eq!(wait(&mut child).code(), Some(1));
    let (mut out, mut error) = (String::new(), String::new());
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut out)
        .unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut error)
        .unwrap();
    assert_eq!(out, "");
    assert!(
        error.contains("0.0.0.0:0") && error.contains("loopback"),
        "{error}"
    );
}

#[test]
fn a_signal_right_after_the_line_ends_it_cleanly() {
    for _ in 0..5 {
        let mut child = simulator(&["--quiet"]);
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut String::new())
            .unwrap();
        signal(&child, "-TERM");
        assert_eq!(wait(&mut child).code(), Some(0));
    }
}

/// Starts it and reads its output line.
fn started(arguments: &[&str]) -> (Child, serde_json::Value) {
    let mut child = simulator(&[&["--quiet"], arguments].concat());
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

#[test]
fn the_authority_s_certificate_is_written_for_the_time_it_runs() {
    let (mut child, ready) = started(&["--tls"]);
    let file = PathBuf::from(ready["caFile"].as_str().unwrap());
    let pem = fs::read_to_string(&file).unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"), "{pem}");
    assert!(!pem.contains("PRIVATE KEY"));
    for name in ["apiRoot", "authority", "identityEndpoint"] {
        assert!(
            ready[name]
                .as_str()
                .unwrap()
                .starts_with("https://127.0.0.1:")
        );
    }
    signal(&child, "-TERM");
    assert_eq!(wait(&mut child).code(), Some(0));
    assert!(!file.exists());
}

#[test]
fn files_are_written_where_they_are_wanted_and_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (ca, token, federated) = (path("ca.pem"), path("token"), path("federated"));
    let (mut child, ready) = started(&[
        "--tls",
        "--write-ca",
        &ca,
        "--write-token",
        &token,
        "--write-federated-token",
        &federated,
    ]);
    assert_eq!(ready["caFile"], ca);
    signal(&child, "-TERM");
    assert_eq!(wait(&mut child).code(), Some(0));
    assert!(
        fs::read_to_string(&ca)
            .unwrap()
            .contains("BEGIN CERTIFICATE")
    );
    assert_eq!(fs::read_to_string(&token).unwrap(), ready["token"]);
    assert_eq!(
        fs::read_to_string(&federated).unwrap().split('.').count(),
        3
    );
    for private in [token, federated] {
        let mode = fs::metadata(private).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_certificate_that_is_none_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.pem");
    let empty = folder.path().join("empty.pem");
    fs::write(&empty, "nothing").unwrap();
    for path in [missing, empty] {
        let path = path.to_str().unwrap();
        let mut child = simulator(&["--client-certificate", path]);
        assert_eq!(wait(&mut child).code(), Some(1), "{path}");
        let mut error = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut error)
            .unwrap();
        assert!(error.contains(path), "{error}");
    }
}

#[test]
fn a_fault_that_is_none_is_explained() {
    for (fault, why) in [
        ("offboard:3", "isn't ROUTE:WHEN:WHAT"),
        ("offboards:3:garbage", "isn't a route: it is one of any"),
        ("offboard:0:garbage", "doesn't select calls"),
        (
            "offboard:3:rubbish",
            "isn't a fault: it is one of delay=TIME",
        ),
    ] {
        let mut child = simulator(&["--fault", fault]);
        assert_eq!(wait(&mut child).code(), Some(2), "{fault}");
        let mut error = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut error)
            .unwrap();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn faults_of_the_command_line_are_met() {
    let (mut child, ready) = started(&[
        "--fault",
        "machines:1:drop-before-commit",
        "--fault=machines:2-:status=503",
    ]);
    let address = ready["apiRoot"].as_str().unwrap().strip_prefix("http://");
    for expected in ["", "HTTP/1.1 503 Service Unavailable", "HTTP/1.1 503"] {
        let mut stream = TcpStream::connect(address.unwrap()).unwrap();
        write!(
            stream,
            "GET /api/machines HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(expected), "{answer}");
        assert_eq!(answer.is_empty(), expected.is_empty(), "{answer}");
    }
    signal(&child, "-TERM");
    assert_eq!(wait(&mut child).code(), Some(0));
}
