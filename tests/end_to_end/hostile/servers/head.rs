//! Heads of answers: endless, too long, repeated, out of sequence, or not HTTP at all.

use offboard::{contract::OffboardError, egress::Delivery, sandbox::CallError};

use super::support::{
    Answer, NEW, SILENCE_DEADLINE, Server, accepted, delivery, failure, ok, plain, unreadable,
    within,
};

/// More than any limit on a head, and far less than an endless answer.
const BOUNDED: u64 = 512 * 1024;

/// One call that is answered with these bytes.
async fn answered(bytes: impl Into<Vec<u8>>) -> Answer {
    let bytes = bytes.into();
    let server = Server::new(move |mut peer| {
        peer.request();
        peer.send(&bytes);
        peer.end();
    });
    plain(&server).await
}

/// One call that is answered with this text, repeated without end.
async fn flooded(start: &'static str, again: &'static str) -> Answer {
    let server = Server::new(move |mut peer| {
        peer.request();
        peer.send(start);
        peer.flood(again);
    });
    plain(&server).await
}

fn good(head: &str) -> String {
    let body = accepted();
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{head}\r\n{body}")
}

fn received(answer: &Answer) -> u64 {
    answer.record.exchange.as_ref().unwrap().bytes_received
}

/// The call ends before the deadline: the bytes so far already show the error.
fn given_up(answer: &Answer) {
    assert_eq!(delivery(answer), Delivery::Unanswered, "{answer:?}");
    assert!(
        matches!(answer.result, Ok(Err(OffboardError::OutcomeUnknown(_)))),
        "{answer:?}"
    );
    assert!(!failure(answer).is_empty(), "{answer:?}");
}

#[tokio::test]
async fn a_good_answer_is_one() {
    let answer = answered(good("")).await;
    assert_eq!(ok(&answer).unwrap().id, NEW);
}

#[tokio::test]
async fn headers_without_end_are_not_read_to_their_end() {
    let answer = flooded("HTTP/1.1 200 OK\r\n", "X-Long: a\r\n").await;
    given_up(&answer);
    assert!(received(&answer) < BOUNDED, "{answer:?}");
}

#[tokio::test]
async fn a_header_without_end_is_not_read_to_its_end() {
    let answer = flooded("HTTP/1.1 200 OK\r\nX-Long: ", "aaaaaaaa").await;
    given_up(&answer);
    assert!(received(&answer) < BOUNDED, "{answer:?}");
}

#[tokio::test]
async fn a_status_line_without_end_is_not_read_to_its_end() {
    let answer = flooded("HTTP/1.1 200 ", "OK ").await;
    given_up(&answer);
    assert!(received(&answer) < BOUNDED, "{answer:?}");
}

#[tokio::test]
async fn blank_lines_without_end_are_no_head() {
    let answer = flooded("", "\r\n").await;
    given_up(&answer);
    assert!(received(&answer) < BOUNDED, "{answer:?}");
}

#[tokio::test]
async fn a_head_beyond_the_bound_is_refused() {
    let long = format!("X-Long: {}\r\n", "a".repeat(200 * 1024));
    given_up(&answered(good(&long)).await);
    let many: String = (0..1000).map(|n| format!("X-{n}: a\r\n")).collect();
    given_up(&answered(good(&many)).await);
}

#[tokio::test]
async fn thousands_of_interim_answers_are_passed_over() {
    for interim in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        "HTTP/1.1 199 What\r\n\r\n",
    ] {
        let answer = answered(interim.repeat(5000) + &good("")).await;
        assert_eq!(ok(&answer).unwrap().id, NEW, "{interim:?}");
    }
}

// As in the command: an unfinished call does not delay the next one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interim_answers_without_end_are_no_answer() {
    for interim in ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 102 P\r\n\r\n"] {
        let server = Server::new(move |mut peer| {
            peer.request();
            peer.stream(interim);
        });
        let answer = within(&server, SILENCE_DEADLINE).await;
        assert_eq!(delivery(&answer), Delivery::Unanswered);
        assert!(
            matches!(answer.result, Err(CallError::Deadline(_))),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn another_protocol_is_not_switched_to() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n";
    let answer = answered(format!("{switch}{}", good(""))).await;
    assert_eq!(delivery(&answer), Delivery::Answered(101), "{answer:?}");
    assert!(
        matches!(answer.result, Ok(Err(OffboardError::OutcomeUnknown(_)))),
        "{answer:?}"
    );
}

#[tokio::test]
async fn an_answer_before_the_request_does_not_hide_that_it_was_sent() {
    for _ in 0..20 {
        // One server for each case, so that a late request of another case is not
        // mistaken for this one's.
        let server = Server::new(|mut peer| {
            peer.send(good(""));
            peer.request();
            peer.end();
        });
        let answer = plain(&server).await;
        let saw = !server.seen().is_empty();
        let not_sent = delivery(&answer) == Delivery::NotSent;
        assert!(!(saw && not_sent), "{answer:?}");
        assert!(!not_sent || ok(&answer).is_none(), "{answer:?}");
    }
}

#[tokio::test]
async fn what_follows_an_answer_is_not_read() {
    let second = good("").replace(NEW, "bbbbbbbb-2222-3333-4444-555555555555");
    for after in [
        second.as_str(),
        "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        "\0\0\0\0",
        "} and more",
    ] {
        let answer = answered(good("") + after).await;
        assert_eq!(ok(&answer).unwrap().id, NEW, "{after:?}: {answer:?}");
        let body = answer.record.exchange.unwrap().answer.unwrap();
        assert_eq!(body, accepted().into_bytes(), "{after:?}");
    }
}

#[tokio::test]
async fn lengths_that_differ_are_no_answer() {
    for length in [
        "1",
        "0",
        "1000",
        "-1",
        "+5",
        "a",
        "",
        "18446744073709551616",
    ] {
        let answer = answered(good(&format!("Content-Length: {length}\r\n"))).await;
        given_up(&answer);
    }
}

#[tokio::test]
async fn a_length_beside_chunks_does_not_decide_what_the_answer_is() {
    let body = accepted();
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    for length in [0, 1, body.len(), 100_000] {
        let answer = answered(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
        ))
        .await;
        // Both are correct: reading the chunks, or rejecting the answer.
        let refused = delivery(&answer) == Delivery::Unanswered || unreadable(&answer);
        let whole = ok(&answer).is_some_and(|action| action.json == body);
        assert!(refused || whole, "{length}: {answer:?}");
    }
}

#[tokio::test]
async fn chunks_that_make_no_sense_are_unreadable() {
    // The chunks contain a valid answer.
    let body = accepted();
    let length = body.len();
    for chunks in [
        format!("xyz\r\n{body}\r\n0\r\n\r\n"),
        format!("ffffffffffffffff1\r\n{body}\r\n0\r\n\r\n"),
        format!("-{length:x}\r\n{body}\r\n0\r\n\r\n"),
        format!("{length:x}\r\n{body}0\r\n\r\n"),
        format!("ffffffff\r\n{body}"),
        String::new(),
    ] {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = answered(format!("{head}{chunks}")).await;
        assert!(unreadable(&answer), "{chunks:?}: {answer:?}");
    }
}

#[tokio::test]
async fn what_stands_around_chunks_has_an_end() {
    const CHUNKED_HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const TRAILERS: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    const EXTENSION: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a=";
    for (start, again) in [
        (EXTENSION, "aaaa"),
        (CHUNKED_HEAD, "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n{\r\n"),
        (TRAILERS, "X-Trailer: a\r\n"),
        (TRAILERS, "aaaa"),
    ] {
        let answer = flooded(start, again).await;
        assert!(unreadable(&answer), "{again:?}: {answer:?}");
        assert!(received(&answer) < 16 * BOUNDED, "{again:?}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zeroes_without_end_are_no_chunk() {
    let server = Server::new(|mut peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        peer.stream("0000000000000000");
    });
    let answer = within(&server, SILENCE_DEADLINE).await;
    assert_eq!(delivery(&answer), Delivery::Answered(200));
    assert!(ok(&answer).is_none(), "{answer:?}");
    assert_eq!(answer.record.exchange.unwrap().answer, None);
}

#[tokio::test]
async fn headers_that_are_none_are_refused() {
    for header in [
        "X-Folded: a\r\n b\r\n",
        "X-Null: a\0b\r\n",
        "X-Return: a\rb\r\n",
        "X Space: a\r\n",
        ": nothing\r\n",
        "no colon\r\n",
        "X-Control: a\u{1}b\r\n",
    ] {
        given_up(&answered(good(header)).await);
    }
}

#[tokio::test]
async fn what_is_no_http_is_no_answer() {
    for rubbish in [
        &b"<html><body>It works!</body></html>"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x04\x40\0\0\0\0\x02\0\0\0\0",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"220 mail.example.test ESMTP\r\n",
        b"\x15\x03\x03\0\x02\x02\x46",
        b"HTTP/0.9 200 OK\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"POST / HTTP/1.1\r\n\r\n",
        b"\xff\xfe\xfd",
        b"\0",
    ] {
        given_up(&answered(rubbish).await);
    }
}

#[tokio::test]
async fn what_is_no_status_is_no_answer() {
    for status in ["000", "001", "099", "20", "2000", "-20", "2e2", "", "OK"] {
        let answer = good("").replacen("200", status, 1);
        given_up(&answered(answer).await);
    }
}

#[tokio::test]
async fn a_status_that_nobody_knows_concludes_nothing() {
    for status in [600, 799, 999] {
        let answer = answered(good("").replacen("200", &status.to_string(), 1)).await;
        assert_eq!(delivery(&answer), Delivery::Answered(status));
        assert!(
            matches!(answer.result, Ok(Err(OffboardError::OutcomeUnknown(_)))),
            "{answer:?}"
        );
    }
}
