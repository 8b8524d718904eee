//! Bodies of answers: endless, too long, encoded, or invalid.

use offboard::egress::Delivery;

use super::support::{Answer, Server, accepted, delivery, failure, ok, plain, unreadable};
use crate::support::{Reply, Scripted};

/// The longest answer about one thing, in bytes.
const LIMIT: usize = 256 * 1024;

async fn answered(head: &str, body: impl AsRef<[u8]>) -> Answer {
    let (head, body) = (head.to_owned(), body.as_ref().to_vec());
    let server = Server::new(move |mut peer| {
        peer.request();
        let length = body.len();
        peer.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{head}\r\n"
        ));
        peer.send(&body);
        peer.end();
    });
    plain(&server).await
}

/// A success with an endless body that begins like this.
async fn flooded(head: &'static str, again: &'static str) -> Answer {
    let server = Server::new(move |mut peer| {
        peer.request();
        peer.send(format!("HTTP/1.1 200 OK\r\n{head}\r\n"));
        peer.flood(again);
    });
    plain(&server).await
}

fn received(answer: &Answer) -> u64 {
    answer.record.exchange.as_ref().unwrap().bytes_received
}

#[tokio::test]
async fn a_body_without_end_is_not_read_to_its_end() {
    for (head, again) in [
        ("Content-Length: 9223372036854775807\r\n", "        "),
        ("Content-Length: 300000\r\n", "        "),
        ("Transfer-Encoding: chunked\r\n", "8\r\n        \r\n"),
        ("Transfer-Encoding: chunked\r\n", "1\r\n \r\n"),
        ("", "        "),
    ] {
        let answer = flooded(head, again).await;
        assert!(unreadable(&answer), "{head:?}: {answer:?}");
        assert!(failure(&answer).contains("longer than"), "{answer:?}");
        let received = received(&answer);
        assert!(received < 4 * 1024 * 1024, "{head:?}: {received}");
        assert_eq!(answer.record.exchange.unwrap().answer, None);
    }
}

#[tokio::test]
async fn an_answer_may_be_as_long_as_its_limit_and_no_longer() {
    let mut body = accepted();
    body.push_str(&" ".repeat(LIMIT - body.len()));
    let answer = answered("", &body).await;
    assert!(ok(&answer).is_some(), "{:?}", answer.result);
    body.push(' ');
    let answer = answered("", &body).await;
    assert!(unreadable(&answer), "{:?}", answer.result);
}

#[tokio::test]
async fn a_success_with_rubbish_is_unreadable() {
    let truncated = &accepted()[..accepted().len() - 1];
    let twice = accepted().replacen('{', r#"{"status":"Succeeded","#, 1);
    let two = accepted() + &accepted();
    for body in [
        &b""[..],
        b"  \r\n",
        b"<!DOCTYPE html><html><body>Sign in</body></html>",
        b"\xff\xfe{\0}\0",
        b"\xef\xbb\xbf",
        b"{\"id\": \"\xff\"}",
        b"\0",
        b"null",
        b"true",
        b"[]",
        b"\"id\"",
        b"-0",
        b"1e999999",
        b"{\"id\": 1e999999}",
        b"{\"id\": {}, \"type\": [], \"status\": null}",
        b"{\"id\": \"a\", \"type\": \"Offboard\"}",
        b"NaN",
        truncated.as_bytes(),
        twice.as_bytes(),
        two.as_bytes(),
    ] {
        let answer = answered("Content-Type: application/json\r\n", body).await;
        assert!(
            unreadable(&answer),
            "{:?}: {answer:?}",
            String::from_utf8_lossy(body)
        );
    }
}

#[tokio::test]
async fn json_of_any_depth_harms_nobody() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":[", "]}]")] {
        let count = 200_000 / (open.len() + close.len());
        let deep = open.repeat(count) + "1" + &close.repeat(count);
        assert!(unreadable(&answered("", &deep).await), "{open}");
        assert!(unreadable(&answered("", open.repeat(count)).await));
        // Where nobody looks it is a member like any other.
        let inside = accepted().replacen('{', &format!("{{\"commands\":{deep},"), 1);
        let answer = answered("", &inside).await;
        assert_eq!(delivery(&answer), Delivery::Answered(200));
        assert!(
            answer.result.is_ok(),
            "the plugin broke over {open}: {:?}",
            answer.result.err()
        );
    }
}

#[tokio::test]
async fn numbers_of_any_size_harm_nobody() {
    for number in [
        "1e999999",
        "-1e-999999",
        &"9".repeat(100_000),
        &format!("0.{}", "1".repeat(100_000)),
    ] {
        let body = accepted().replacen('{', &format!("{{\"errorHResult\":{number},"), 1);
        let answer = answered("", &body).await;
        assert_eq!(delivery(&answer), Delivery::Answered(200));
        assert!(answer.result.is_ok(), "{:?}", answer.result.err());
    }
}

#[tokio::test]
async fn many_members_harm_nobody() {
    let members: String = (0..20_000).map(|n| format!("\"{n}\":0,")).collect();
    let body = accepted().replacen('{', &format!("{{{members}"), 1);
    assert!(body.len() < LIMIT);
    let answer = answered("", &body).await;
    assert!(ok(&answer).is_some(), "{:?}", answer.result);
}

/// Zeroes, sixteen million of them, as deflate packs them with its fixed codes.
fn bomb() -> Vec<u8> {
    let mut bits = vec![true, true, false];
    // A zero, and then again and again 258 times what was one before.
    bits.extend([false, false, true, true, false, false, false, false]);
    for _ in 0..65_000 {
        bits.extend([true, true, false, false, false, true, false, true]);
        bits.extend([false; 5]);
    }
    bits.extend([false; 7]);
    let pack = |bits: &[bool]| {
        let set = bits.iter().enumerate().filter(|(_, bit)| **bit);
        set.fold(0, |byte, (at, _)| byte | (1 << at))
    };
    bits.chunks(8).map(pack).collect()
}

#[tokio::test]
async fn an_encoded_answer_is_refused_unread() {
    let gzip = [&b"\x1f\x8b\x08\0\0\0\0\0\0\xff"[..], &bomb(), &[0; 8]].concat();
    for encoding in [
        "gzip",
        "x-gzip",
        "deflate",
        "br",
        "zstd",
        "compress",
        "identity, gzip",
        "gzip, gzip, gzip",
    ] {
        let head = format!("Content-Encoding: {encoding}\r\n");
        for body in [gzip.as_slice(), accepted().as_bytes()] {
            let answer = answered(&head, body).await;
            assert!(unreadable(&answer), "{encoding}: {answer:?}");
            assert!(failure(&answer).contains("encoded"), "{answer:?}");
            assert_eq!(answer.record.exchange.unwrap().answer, None);
        }
    }
}

#[tokio::test]
async fn an_encoded_answer_without_end_ends_the_call() {
    let answer = flooded("Content-Encoding: gzip\r\n", "\0\0\0\0\0\0\0\0").await;
    assert!(unreadable(&answer), "{answer:?}");
    assert!(received(&answer) < 1024 * 1024);
}

#[tokio::test]
async fn an_encoding_of_the_transfer_is_not_taken_for_the_answer() {
    for encoding in ["gzip", "gzip, chunked", "identity", "chunked, gzip"] {
        let server = Server::new(move |mut peer| {
            peer.request();
            peer.send(format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: {encoding}\r\n\r\n"
            ));
            peer.send("4\r\n\x1f\r\n0\r\n\r\n");
            peer.end();
        });
        let answer = plain(&server).await;
        assert!(ok(&answer).is_none(), "{encoding}: {answer:?}");
        assert_ne!(delivery(&answer), Delivery::NotSent);
    }
}

#[test]
fn what_the_host_cannot_read_is_not_said_to_be_the_plugins_invention() {
    for odd in [
        "1e999999".to_owned(),
        "[".repeat(200) + &"]".repeat(200),
        r#""\ud800""#.to_owned(),
    ] {
        let body = accepted().replacen('{', &format!("{{\"more\":{odd},"), 1);
        let service = Scripted::posting(Reply::new(200, &body));
        let outcome = service.run(&[]);
        // Accepted is correct, and unknown is safe. The action must be the server's.
        assert!([0, 4].contains(&outcome.code), "{odd}: {outcome:?}");
        assert!(
            !outcome.stdout.contains("did not send"),
            "{odd}: {outcome:?}"
        );
    }
}
