//! TLS with those who are not who they should be, or who break it: nothing of
//! the request leaves before the right one is at the other end.

use std::{fs, time::Duration};

use offboard::{connection::Connection, contract::OffboardError, egress::Delivery};
use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};

use super::support::{
    Answer, Authority, Call, Front, Identity, NEW, Peer, Server, accepted, connection, delivery,
    failure, ok, order, unreadable,
};
use crate::support::{MACHINE, Outcome, Reply, Scripted};

fn answer(mut peer: Peer) {
    peer.request();
    let body = accepted();
    let length = body.len();
    peer.send(format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
    ));
    peer.end();
}

fn trusting(root: &str, authority: &Authority) -> Connection {
    connection(root).trusting(&authority.pem()).unwrap()
}

async fn call(connection: &Connection) -> Answer {
    Call::new(Duration::from_secs(30))
        .offboard(connection)
        .await
}

/// Nothing left, and why is said.
fn judge_refused(answer: &Answer, server: &Server, cause: &str) {
    assert_eq!(delivery(answer), Delivery::NotSent, "{answer:?}");
    assert!(
        matches!(answer.result, Ok(Err(OffboardError::NotSent(_)))),
        "{answer:?}"
    );
    let failure = failure(answer);
    assert!(
        failure.starts_with("no trusted TLS connection to localhost: "),
        "{failure}"
    );
    assert!(failure.contains(cause), "{cause:?} is not in: {failure}");
    assert_eq!(answer.record.exchange.as_ref().unwrap().bytes_sent, 0);
    assert_eq!(server.connections(), 1);
}

/// Who shows this certificate is not trusted, and sees nothing.
async fn refused(authority: &Authority, identity: Identity, cause: &str) {
    let server = Server::tls(identity.config(), answer);
    let answer = call(&trusting(&server.tls_root("localhost"), authority)).await;
    judge_refused(&answer, &server, cause);
    assert_eq!(server.seen(), "");
}

/// Who says this instead of shaking hands is not spoken to.
async fn misspoken(cause: &str, behave: impl Fn(Peer) + Send + Sync + 'static) {
    let server = Server::new(behave);
    let answer = call(&connection(&server.tls_root("localhost"))).await;
    judge_refused(&answer, &server, cause);
    // A greeting of TLS, and nothing in the clear.
    let seen = server.seen();
    assert!(
        !seen.contains("HTTP/1.1") && !seen.contains(MACHINE),
        "{seen:?}"
    );
}

#[tokio::test]
async fn a_server_of_a_trusted_authority_is_spoken_to_by_name_and_by_address() {
    let authority = Authority::new();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let identity = authority.signs(&["localhost", "127.0.0.1"]);
        let server = Server::tls(identity.config_of(&[version]), answer);
        for host in ["localhost", "127.0.0.1"] {
            let answer = call(&trusting(&server.tls_root(host), &authority)).await;
            assert_eq!(ok(&answer).unwrap().id, NEW, "{version:?}: {answer:?}");
        }
        assert!(server.seen().contains("a.secret.token"));
    }
}

#[tokio::test]
async fn a_server_of_an_unknown_authority_is_refused() {
    let identity = Authority::new().signs(&["localhost"]);
    let server = Server::tls(identity.config(), answer);
    let answer = call(&connection(&server.tls_root("localhost"))).await;
    judge_refused(&answer, &server, "UnknownIssuer");
    assert_eq!(server.seen(), "");

    let identity = Authority::new().signs(&["localhost"]);
    refused(&Authority::new(), identity, "BadSignature").await;
}

#[tokio::test]
async fn a_server_of_another_name_is_refused() {
    let authority = Authority::new();
    for name in ["other.test", "localhost.test", "*.localhost", "127.0.0.1"] {
        refused(&authority, authority.signs(&[name]), "not valid for name").await;
    }
    refused(&authority, authority.signs(&[]), "not valid for name").await;
    // Its address is a name of its own.
    let server = Server::tls(authority.signs(&["localhost"]).config(), answer);
    let answer = call(&trusting(&server.tls_root("127.0.0.1"), &authority)).await;
    assert_eq!(delivery(&answer), Delivery::NotSent, "{answer:?}");
    assert_eq!(server.seen(), "");
}

#[tokio::test]
async fn a_certificate_out_of_its_time_is_refused() {
    let authority = Authority::new();
    let expired = authority.signs_with(&["localhost"], |params| {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    refused(&authority, expired, "expired").await;
    let early = authority.signs_with(&["localhost"], |params| {
        params.not_before = date_time_ymd(2999, 1, 1);
        params.not_after = date_time_ymd(3000, 1, 1);
    });
    refused(&authority, early, "not valid yet").await;
}

#[tokio::test]
async fn a_server_that_vouches_for_itself_is_refused() {
    let identity = Identity::self_signed(&["localhost"]);
    refused(&Authority::new(), identity, "UnknownIssuer").await;
}

#[tokio::test]
async fn a_server_cannot_vouch_for_another() {
    let authority = Authority::new();
    let identity = authority.signs_what_may_not_sign(&["localhost"]);
    refused(&authority, identity, "certificate").await;
}

#[tokio::test]
async fn a_certificate_for_another_use_is_refused() {
    let authority = Authority::new();
    let client = authority.signs_with(&["localhost"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    refused(&authority, client, "EkuError").await;
}

#[tokio::test]
async fn a_certificate_of_a_thousand_names_is_told_in_short() {
    let names: Vec<String> = (0..1000)
        .map(|n| format!("host-{n}.example.test"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let authority = Authority::new();
    let server = Server::tls(authority.signs(&names).config(), answer);
    let answer = call(&trusting(&server.tls_root("localhost"), &authority)).await;
    judge_refused(&answer, &server, "not valid for name");
    let length = failure(&answer).len();
    assert!(length < 4096, "{length} bytes");
}

/// The first words of a server that speaks this version, and none newer.
fn hello(version: [u8; 2]) -> Vec<u8> {
    let mut body = version.to_vec();
    body.extend([7; 32]);
    // No session, a suite that was offered, no compression.
    body.extend([0, 0xc0, 0x2f, 0]);
    let message = [&[2, 0, 0, body.len() as u8], body.as_slice()].concat();
    [
        &[22, version[0], version[1], 0, message.len() as u8],
        message.as_slice(),
    ]
    .concat()
}

#[tokio::test]
async fn an_old_tls_is_refused() {
    for version in [[3, 0], [3, 1], [3, 2]] {
        misspoken("", move |mut peer| {
            peer.read(&mut Vec::new());
            peer.send(hello(version));
            peer.hold();
        })
        .await;
    }
}

#[tokio::test]
async fn who_speaks_no_tls_is_not_spoken_to() {
    misspoken("it did not answer with TLS", |mut peer| {
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        peer.hold();
    })
    .await;
    misspoken("it did not answer with TLS", |mut peer| {
        peer.read(&mut Vec::new());
        peer.flood("\0\0\0\0");
    })
    .await;
    misspoken("", |mut peer| {
        peer.read(&mut Vec::new());
        peer.flood("\u{16}\u{3}\u{3}\0\u{1}\u{0}");
    })
    .await;
}

#[tokio::test]
async fn who_refuses_or_leaves_the_handshake_is_not_spoken_to() {
    misspoken("HandshakeFailure", |mut peer| {
        peer.read(&mut Vec::new());
        peer.send([21, 3, 3, 0, 2, 2, 40]);
        peer.end();
    })
    .await;
    misspoken("eof", |mut peer| {
        peer.read(&mut Vec::new());
        peer.end();
    })
    .await;
    misspoken("eof", |mut peer| {
        peer.read(&mut Vec::new());
        peer.send(&hello([3, 3])[..20]);
        peer.end();
    })
    .await;
    misspoken("", |mut peer| {
        peer.read(&mut Vec::new());
        peer.reset();
    })
    .await;
}

#[tokio::test]
async fn silence_in_the_handshake_is_left_at_the_deadline() {
    for length in [0, 1, 5, 30] {
        let server = Server::new(move |mut peer| {
            peer.read(&mut Vec::new());
            peer.send(&hello([3, 3])[..length]);
            peer.hold();
        });
        let call = Call::new(Duration::from_secs(2));
        let answer = call
            .offboard(&connection(&server.tls_root("localhost")))
            .await;
        assert_eq!(delivery(&answer), Delivery::NotSent, "{answer:?}");
        assert!(answer.result.is_err(), "{answer:?}");
        assert!(!server.seen().contains(MACHINE));
    }
}

/// A trusted server that behaves so after the handshake.
async fn after_the_handshake(behave: impl Fn(Peer) + Send + Sync + 'static) -> (Answer, Server) {
    let authority = Authority::new();
    let server = Server::tls(authority.signs(&["localhost"]).config(), behave);
    let answer = call(&trusting(&server.tls_root("localhost"), &authority)).await;
    (answer, server)
}

#[tokio::test]
async fn who_leaves_after_the_handshake_may_have_seen_the_request() {
    for manner in 0..3 {
        let (answer, _) = after_the_handshake(move |peer| match manner {
            0 => drop(peer),
            1 => peer.reset(),
            _ => peer.end(),
        })
        .await;
        let sent = answer.record.exchange.as_ref().unwrap().bytes_sent;
        let expected = match sent {
            0 => Delivery::NotSent,
            _ => Delivery::Unanswered,
        };
        assert_eq!(delivery(&answer), expected, "{answer:?}");
        assert!(!failure(&answer).is_empty(), "{answer:?}");
    }
}

/// A trusted server that sends this, and then goes without TLS's farewell.
async fn cut_after(text: String) -> Answer {
    let (answer, server) = after_the_handshake(move |mut peer| {
        peer.request();
        peer.send(&text);
        peer.cut();
    })
    .await;
    assert!(server.seen().contains(MACHINE));
    answer
}

#[tokio::test]
async fn an_answer_that_is_cut_inside_tls_is_not_taken_for_a_whole_one() {
    let body = accepted();
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");

    let whole = cut_after(format!("{head}{body}")).await;
    assert_eq!(ok(&whole).unwrap().id, NEW);
    let half = cut_after(format!("{head}{}", &body[..length / 2])).await;
    assert!(unreadable(&half), "{half:?}");
    let headless = cut_after(head[..20].to_owned()).await;
    assert_eq!(delivery(&headless), Delivery::Unanswered, "{headless:?}");
    // Without a length, the farewell alone says that it is whole.
    let endless = cut_after(format!("HTTP/1.1 200 OK\r\n\r\n{body}")).await;
    assert!(unreadable(&endless), "{endless:?}");
}

fn service() -> Scripted {
    Scripted::posting(Reply::new(200, &accepted()))
}

#[test]
fn the_command_trusts_an_authority_that_it_is_given() {
    let front = Front::new(service(), &["localhost"]);
    let root = front.root("localhost");
    let given: Outcome = front.order(&root).output().unwrap().into();
    assert_eq!(
        (given.code, given.row()["state"].as_str()),
        (0, Some("accepted"))
    );

    let named: Outcome = order(&front.service, &root)
        .arg("--again")
        .env("OFFBOARD_CA_FILE", front.authority())
        .output()
        .unwrap()
        .into();
    assert_eq!(named.code, 0, "{named:?}");
    assert_eq!(front.service.posts(), 2);

    let without: Outcome = order(&front.service, &root)
        .arg("--again")
        .output()
        .unwrap()
        .into();
    let row = without.row();
    assert_eq!((without.code, row["state"].as_str()), (5, Some("not-sent")));
    let message = row["error"]["message"].as_str().unwrap();
    assert!(message.contains("UnknownIssuer"), "{message}");
    assert_eq!(front.service.posts(), 2);
}

#[test]
fn an_authority_that_is_none_is_told_before_anything_is_sent() {
    let service = service();
    fs::write(service.path("empty.pem"), "").unwrap();
    fs::write(service.path("rubbish.pem"), [0xff; 100]).unwrap();
    let begin = "-----BEGIN CERTIFICATE-----\n";
    let end = "-----END CERTIFICATE-----\n";
    fs::write(service.path("none.pem"), format!("{begin}AAAA\n{end}")).unwrap();
    fs::write(service.path("torn.pem"), format!("{begin}AAAA\n")).unwrap();
    for name in [
        "missing.pem",
        "empty.pem",
        "rubbish.pem",
        "none.pem",
        "torn.pem",
    ] {
        for variable in [false, true] {
            let mut command = order(&service, service.root());
            let file = service.path(name);
            if variable {
                command.env("OFFBOARD_CA_FILE", &file)
            } else {
                command.arg("--ca-file").arg(&file)
            };
            let outcome: Outcome = command.output().unwrap().into();
            assert_eq!(outcome.code, 2, "{name}: {outcome:?}");
            assert!(outcome.stderr.contains(name), "{outcome:?}");
        }
    }
    assert!(service.seen().is_empty());
}
