//! Proxies: they see the destination of a connection, but not its content. Regardless of their
//! behaviour, no request bypasses them.

use std::process::Command;

use serde_json::Value;

use super::support::{Front, Peer, Server, TOKEN, Tunnel, accepted, order};
use crate::support::{Outcome, Reply, Scripted, written_ledger};

/// A name that only a proxy can resolve.
const API_HOST: &str = "api.defender.test";
const API_ROOT: &str = "https://api.defender.test";

fn service() -> Scripted {
    Scripted::posting(Reply::new(200, &accepted()))
}

/// A service of that name, and a proxy to it.
fn behind() -> (Front, Tunnel) {
    let front = Front::new(service(), &[API_HOST]);
    let tunnel = Tunnel::to(front.address());
    (front, tunnel)
}

fn outcome(command: &mut Command) -> Outcome {
    command.output().unwrap().into()
}

fn with_password(proxy: &str) -> String {
    proxy.replace("http://", "http://carol:hunter2@")
}

#[test]
fn a_proxy_sees_where_a_connection_goes_and_nothing_of_what_is_said() {
    let (front, tunnel) = behind();
    let outcome = outcome(front.order(API_ROOT).env("HTTPS_PROXY", tunnel.root()));
    assert_eq!(
        (outcome.code, outcome.row()["state"].as_str()),
        (0, Some("accepted"))
    );
    assert_eq!(front.service.posts(), 1);

    let seen = tunnel.seen();
    let heads: Vec<&str> = seen.split_terminator("\r\n\r\n").collect();
    assert_eq!(heads.len(), tunnel.connections(), "{seen}");
    for head in heads {
        let lines: Vec<&str> = head.lines().collect();
        assert_eq!(lines[0], "CONNECT api.defender.test:443 HTTP/1.1");
        let others: Vec<String> = lines[1..].iter().map(|line| line.to_lowercase()).collect();
        assert_eq!(others, ["host: api.defender.test:443"], "{head}");
    }
    for request in front.requests() {
        assert!(
            request
                .to_lowercase()
                .contains("host: api.defender.test\r\n")
        );
        assert!(request.contains(TOKEN));
        assert!(!request.to_lowercase().contains("proxy"), "{request}");
    }
}

#[test]
fn another_port_is_named_to_the_proxy() {
    let (front, tunnel) = behind();
    let root = "https://api.defender.test:8443";
    let outcome = outcome(front.order(root).env("HTTPS_PROXY", tunnel.root()));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(
        tunnel
            .seen()
            .starts_with("CONNECT api.defender.test:8443 HTTP/1.1\r\n")
    );
}

#[test]
fn a_proxy_is_named_by_any_of_the_usual_variables() {
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let (front, tunnel) = behind();
        let outcome = outcome(front.order(API_ROOT).env(name, tunnel.root()));
        assert_eq!(outcome.code, 0, "{name}: {outcome:?}");
        assert!(tunnel.connections() > 0, "{name}");
    }
    // Nor by the proxy variables for plain HTTP.
    let (front, tunnel) = behind();
    let mut command = front.order(API_ROOT);
    let proxy = tunnel.root();
    command.env("HTTP_PROXY", &proxy).env("http_proxy", &proxy);
    assert_eq!(outcome(&mut command).code, 5);
    assert_eq!(tunnel.connections(), 0);
}

#[test]
fn a_password_goes_to_the_proxy_alone_and_is_never_shown() {
    let (front, tunnel) = behind();
    let audit = front.service.path("audit.jsonl");
    let outcome = outcome(
        front
            .order(API_ROOT)
            .args(["-v", "--audit"])
            .arg(&audit)
            .env("HTTPS_PROXY", with_password(&tunnel.root())),
    );
    assert_eq!(outcome.code, 0, "{outcome:?}");
    // carol:hunter2
    let basic = "Y2Fyb2w6aHVudGVyMg==";
    let line = format!("proxy-authorization: Basic {basic}\r\n");
    assert!(tunnel.seen().contains(&line), "{}", tunnel.seen());
    let file = |name| std::fs::read_to_string(front.service.path(name)).unwrap();
    let lines = file("audit.jsonl");
    let ledger = written_ledger(&front.service.path("ledger.db"));
    let shown = format!("{outcome:?}{ledger}{lines}{:?}", front.requests());
    for secret in ["hunter2", basic, "carol"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(
        outcome
            .stderr
            .contains(&format!(" through {}", tunnel.root()))
    );
}

#[test]
fn the_audit_names_the_proxy_and_its_address() {
    let (front, tunnel) = behind();
    let audit = front.service.path("audit.jsonl");
    let mut command = front.order(API_ROOT);
    command.arg("--audit").arg(&audit);
    outcome(command.env("HTTPS_PROXY", tunnel.root()));
    let text = std::fs::read_to_string(&audit).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let (ends, decisions): (Vec<Value>, Vec<Value>) =
        lines.partition(|line: &Value| line["phase"] == "end");
    assert_eq!(ends.len(), tunnel.connections());
    assert_eq!(decisions.len(), ends.len());
    for line in decisions {
        assert_eq!(line["proxy"], tunnel.root());
    }
    for line in ends {
        assert_eq!(line["proxy"], tunnel.root());
        assert_eq!(line["address"], tunnel.address().to_string());
        assert_eq!(line["authority"], "api.defender.test");
        assert_eq!(line["status"], 200);
    }
}

#[test]
fn a_service_that_is_exempt_is_reached_without_the_proxy() {
    for (name, exempt) in [
        ("NO_PROXY", API_HOST),
        ("NO_PROXY", ".defender.test"),
        ("NO_PROXY", "other.test, defender.test"),
        ("no_proxy", "*"),
    ] {
        let (front, tunnel) = behind();
        let mut command = front.order(API_ROOT);
        command.env("HTTPS_PROXY", tunnel.root()).env(name, exempt);
        let outcome = outcome(&mut command);
        // Only the proxy can resolve the name.
        assert_eq!(outcome.code, 5, "{exempt}: {outcome:?}");
        assert!(outcome.stdout.contains("cannot be resolved"), "{outcome:?}");
        assert_eq!(tunnel.connections(), 0, "{exempt}");
    }
    let (front, tunnel) = behind();
    let mut command = front.order(API_ROOT);
    command
        .env("HTTPS_PROXY", tunnel.root())
        .env("NO_PROXY", "other.test,ender.test");
    assert_eq!(outcome(&mut command).code, 0);
}

#[test]
fn a_service_on_loopback_is_reached_without_the_proxy() {
    let front = Front::new(service(), &["localhost", "127.0.0.1"]);
    let tunnel = Tunnel::to(front.address());
    for host in ["localhost", "127.0.0.1"] {
        let root = front.root(host);
        let outcome = outcome(front.order(&root).env("HTTPS_PROXY", tunnel.root()));
        assert_eq!(outcome.code, 0, "{host}: {outcome:?}");
    }
    let clear = front.service.root().to_owned();
    let outcome = outcome(front.order(&clear).env("ALL_PROXY", tunnel.root()));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(tunnel.connections(), 0);
}

#[test]
fn a_proxy_that_cannot_be_used_is_told_without_showing_it() {
    let (front, tunnel) = behind();
    let address = tunnel.address();
    for proxy in [
        format!("socks5://carol:hunter2@{address}"),
        format!("socks5h://hunter2@{address}"),
        format!("ftp://carol:hunter2@{address}"),
        "hunter2 hunter2".to_owned(),
        "http://carol:hunter2@".to_owned(),
    ] {
        for exempt in ["", "*"] {
            let mut command = front.order(API_ROOT);
            command.env("HTTPS_PROXY", &proxy).env("NO_PROXY", exempt);
            let outcome = outcome(&mut command);
            assert_eq!(outcome.code, 2, "{proxy}: {outcome:?}");
            assert!(outcome.stderr.contains("HTTPS_PROXY"), "{outcome:?}");
            assert!(!format!("{outcome:?}").contains("hunter2"), "{outcome:?}");
        }
    }
    assert_eq!((tunnel.connections(), front.connections()), (0, 0));
}

#[test]
fn a_proxy_whose_port_is_none_cannot_be_used() {
    let (front, _) = behind();
    for port in ["hunter2", "99999", "-1"] {
        let proxy = format!("http://carol:hunter2@127.0.0.1:{port}");
        let outcome = outcome(front.order(API_ROOT).env("HTTPS_PROXY", proxy));
        assert_eq!(outcome.code, 2, "{port}: {outcome:?}");
        assert!(!format!("{outcome:?}").contains("hunter2"), "{outcome:?}");
    }
}

#[test]
fn an_empty_proxy_is_none() {
    let (front, tunnel) = behind();
    let mut command = front.order(API_ROOT);
    command
        .env("HTTPS_PROXY", " ")
        .env("ALL_PROXY", tunnel.root());
    assert_eq!(outcome(&mut command).code, 0);
    assert!(tunnel.connections() > 0);
}

#[test]
fn tls_is_with_the_service_whoever_the_proxy_connects_to() {
    let other = Front::new(service(), &["other.test"]);
    let tunnel = Tunnel::to(other.address());
    let wrong = outcome(other.order(API_ROOT).env("HTTPS_PROXY", tunnel.root()));
    assert_eq!(wrong.code, 5, "{wrong:?}");
    assert!(wrong.stdout.contains("not valid for name"), "{wrong:?}");

    // A proxy that terminates TLS has a certificate of another authority.
    let middle = Front::new(service(), &[API_HOST]);
    let tunnel = Tunnel::to(middle.address());
    let mut command = order(&middle.service, API_ROOT);
    let wrong = outcome(command.env("HTTPS_PROXY", tunnel.root()));
    assert_eq!(wrong.code, 5, "{wrong:?}");
    assert!(wrong.stdout.contains("UnknownIssuer"), "{wrong:?}");

    // A proxy that answers as the server itself, without TLS.
    let clear = Server::new(|mut peer| {
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
        peer.hold();
    });
    let wrong = outcome(order(&middle.service, API_ROOT).env("HTTPS_PROXY", clear.root()));
    assert_eq!(wrong.code, 5, "{wrong:?}");
    assert!(!clear.seen().contains(TOKEN) && !clear.seen().contains("POST"));
    assert!(other.requests().is_empty() && middle.requests().is_empty());
}

/// With such a proxy, the service cannot be reached, and the error says so.
fn refused(words: &str, behave: impl Fn(Peer) + Send + Sync + 'static) {
    let service = service();
    let proxy = Server::new(behave);
    let mut command = order(&service, API_ROOT);
    command.env("HTTPS_PROXY", with_password(&proxy.root()));
    let outcome = outcome(command.args(["--limit", "deadline=3s"]));
    let row = outcome.row();
    assert_eq!(
        (outcome.code, row["state"].as_str()),
        (5, Some("not-sent")),
        "{outcome:?}"
    );
    assert_eq!(row["error"]["retry"], "safe");
    let message = row["error"]["message"].as_str().unwrap();
    assert!(message.contains(words), "{words:?} is not in: {message}");
    assert!(!format!("{outcome:?}").contains("hunter2"), "{outcome:?}");
    let seen = proxy.seen();
    let asked = seen.matches("CONNECT api.defender.test:443").count();
    assert_eq!(asked, proxy.connections(), "{seen}");
    assert!(!seen.contains(TOKEN) && !seen.contains("POST"), "{seen}");
}

fn answering(answer: &'static str) -> impl Fn(Peer) + Send + Sync + 'static {
    move |mut peer| {
        peer.head();
        peer.send(answer);
        peer.end();
    }
}

#[test]
fn a_proxy_that_refuses_is_told() {
    refused(
        "407",
        answering(
            "HTTP/1.1 407 Authenticate\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
        ),
    );
    refused(
        "502",
        answering("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\nsorry"),
    );
    refused("403", answering("HTTP/1.0 403 Forbidden\r\n\r\n<html>"));
}

#[test]
fn a_proxy_that_redirects_is_not_followed() {
    let elsewhere = Server::new(|peer| peer.hold());
    let place = format!("Location: {}/\r\n", elsewhere.root());
    refused("302", move |mut peer| {
        peer.head();
        peer.send(format!(
            "HTTP/1.1 302 Found\r\n{place}Content-Length: 0\r\n\r\n"
        ));
        peer.end();
    });
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn a_proxy_that_makes_no_sense_is_told() {
    refused(
        "the connection to the proxy",
        answering("SSH-2.0-OpenSSH_9.6\r\n"),
    );
    refused("the connection to the proxy", answering(""));
    refused(
        "refused the connection",
        answering("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    );
}

#[test]
fn a_proxy_that_floods_is_left() {
    refused("the connection to the proxy", |mut peer| {
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\nX-Long: ");
        peer.flood("aaaaaaaa");
    });
}

#[test]
fn a_proxy_that_says_nothing_is_left_at_the_deadline() {
    refused("took longer than", |mut peer| {
        peer.head();
        peer.hold();
    });
}

#[test]
fn a_proxy_that_is_not_there_is_told() {
    let service = service();
    let closed = crate::support::ClosedPort::new();
    let mut command = order(&service, API_ROOT);
    let outcome = outcome(command.env("HTTPS_PROXY", closed.root()));
    assert_eq!(outcome.code, 5, "{outcome:?}");
    assert!(outcome.stdout.contains("does not answer"), "{outcome:?}");
}
