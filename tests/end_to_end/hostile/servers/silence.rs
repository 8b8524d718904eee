//! Servers that send nothing, or almost nothing: a call ends at its deadline, and its report
//! assumes that the server received what was sent.

use std::{thread::sleep, time::Duration};

use offboard::{egress::Delivery, sandbox::CallError};

use super::support::{Answer, Peer, SILENCE_DEADLINE, Server, accepted, delivery, within};

/// One call to this server, which must end at its deadline.
async fn left(behave: impl Fn(Peer) + Send + Sync + 'static) -> (Answer, Server) {
    let server = Server::new(behave);
    let answer = within(&server, SILENCE_DEADLINE).await;
    assert!(
        matches!(answer.result, Err(CallError::Deadline(_))),
        "{answer:?}"
    );
    (answer, server)
}

fn drip(mut peer: Peer, text: &str) {
    for byte in text.as_bytes() {
        if !peer.send([*byte]) {
            return;
        }
        sleep(Duration::from_secs(1));
    }
    peer.hold();
}

#[tokio::test]
async fn silence_after_the_connection_is_left_at_the_deadline() {
    let (answer, server) = left(|peer| {
        sleep(SILENCE_DEADLINE + Duration::from_secs(2));
        peer.hold();
    })
    .await;
    // The system accepted the request into its buffers: the server may have read it.
    assert_eq!(delivery(&answer), Delivery::Unanswered);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn silence_after_the_head_of_the_request_is_left_at_the_deadline() {
    let (answer, server) = left(|mut peer| {
        peer.head();
        sleep(SILENCE_DEADLINE + Duration::from_secs(2));
    })
    .await;
    assert_eq!(delivery(&answer), Delivery::Unanswered);
    assert!(server.seen().starts_with("POST /api/machines/"));
}

#[tokio::test]
async fn silence_after_the_request_is_left_at_the_deadline() {
    let (answer, server) = left(|mut peer| {
        peer.request();
        peer.hold();
    })
    .await;
    assert_eq!(delivery(&answer), Delivery::Unanswered);
    assert!(server.seen().ends_with(r#"{"Comment":"Retired"}"#));
}

#[tokio::test]
async fn silence_after_the_head_of_the_answer_is_an_answer_without_words() {
    let (answer, _) = left(|mut peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
        peer.hold();
    })
    .await;
    assert_eq!(delivery(&answer), Delivery::Answered(200));
    assert_eq!(answer.record.exchange.unwrap().answer, None);
}

#[tokio::test]
async fn silence_in_the_middle_of_the_body_is_an_answer_without_words() {
    let (answer, _) = left(|mut peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        peer.send(accepted());
        peer.hold();
    })
    .await;
    assert_eq!(delivery(&answer), Delivery::Answered(200));
    assert_eq!(answer.record.exchange.unwrap().answer, None);
}

#[tokio::test]
async fn a_head_of_a_byte_a_second_is_left_at_the_deadline() {
    let (answer, _) = left(|mut peer| {
        peer.request();
        drip(peer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    })
    .await;
    assert_eq!(delivery(&answer), Delivery::Unanswered);
    assert!(answer.record.exchange.unwrap().bytes_received > 0);
}

#[tokio::test]
async fn a_body_of_a_byte_a_second_is_left_at_the_deadline() {
    let (answer, _) = left(|mut peer| {
        peer.request();
        let body = accepted();
        let length = body.len();
        peer.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"
        ));
        drip(peer, &body);
    })
    .await;
    assert_eq!(delivery(&answer), Delivery::Answered(200));
    assert_eq!(answer.record.exchange.unwrap().answer, None);
}

#[tokio::test]
async fn chunks_of_a_byte_a_second_are_left_at_the_deadline() {
    let (answer, _) = left(|mut peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        drip(peer, "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n");
    })
    .await;
    assert_eq!(delivery(&answer), Delivery::Answered(200));
    assert_eq!(answer.record.exchange.unwrap().answer, None);
}
