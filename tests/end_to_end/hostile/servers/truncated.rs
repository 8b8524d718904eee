//! Connections that end too early, at every byte: what may be repeated is
//! distinguished from what may not.

use std::time::Duration;

use offboard::{contract::OffboardError, egress::Delivery, sandbox::CallError};

use super::support::{
    Answer, Call, NEW, Server, accepted, connection, delivery, failure, ok, order, unreadable,
};
use crate::support::{ClosedPort, Outcome, Reply, Scripted};

/// A valid answer, and the length of its head.
fn good(chunked: bool) -> (Vec<u8>, usize) {
    let body = accepted();
    let (head, body) = if chunked {
        let (one, two) = body.split_at(50);
        let (a, b) = (one.len(), two.len());
        let body = format!("{a:x}\r\n{one}\r\n{b:x}\r\n{two}\r\n0\r\n\r\n");
        ("Transfer-Encoding: chunked".to_owned(), body)
    } else {
        (format!("Content-Length: {}", body.len()), body)
    };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{head}\r\n\r\n");
    let end = head.len();
    ((head + &body).into(), end)
}

/// Ends the answer of each connection one byte later than the last.
async fn at_every_byte(answer: Vec<u8>, judge: impl Fn(usize, Answer)) {
    let length = answer.len();
    let server = Server::new(move |mut peer| {
        peer.request();
        peer.send(&answer[..peer.number]);
        peer.end();
    });
    let call = Call::new(Duration::from_secs(30));
    let connection = connection(&server.root());
    for offset in 0..=length {
        judge(offset, call.offboard(&connection).await);
    }
    assert_eq!(server.connections(), length + 1);
}

fn judge_cut(offset: usize, end_of_head: usize, length: usize, answer: &Answer) {
    let exchange = answer.record.exchange.as_ref().unwrap();
    assert!(exchange.bytes_sent > 0, "{offset}: {answer:?}");
    if offset < end_of_head {
        assert_eq!(
            delivery(answer),
            Delivery::Unanswered,
            "{offset}: {answer:?}"
        );
        assert!(
            matches!(answer.result, Ok(Err(OffboardError::OutcomeUnknown(_)))),
            "{offset}: {answer:?}"
        );
        assert!(!failure(answer).is_empty(), "{offset}: {answer:?}");
    } else if offset < length {
        assert!(unreadable(answer), "{offset}: {answer:?}");
        assert_eq!(exchange.answer, None, "{offset}");
        assert!(
            failure(answer).contains("ended early"),
            "{offset}: {answer:?}"
        );
    } else {
        assert_eq!(ok(answer).unwrap().id, NEW, "{offset}: {answer:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_at_any_byte_is_never_taken_for_another() {
    let (bytes, end) = good(false);
    let length = bytes.len();
    at_every_byte(bytes, |offset, answer| {
        judge_cut(offset, end, length, &answer)
    })
    .await;
}

#[tokio::test]
async fn an_answer_in_chunks_that_is_cut_at_any_byte_is_never_taken_for_another() {
    let (bytes, end) = good(true);
    let length = bytes.len();
    at_every_byte(bytes, |offset, answer| {
        judge_cut(offset, end, length, &answer)
    })
    .await;
}

#[tokio::test]
async fn an_answer_without_a_length_that_is_cut_at_any_byte_is_unreadable() {
    let head = "HTTP/1.1 200 OK\r\n\r\n";
    let bytes = format!("{head}{}", accepted());
    let (end, length) = (head.len(), bytes.len());
    at_every_byte(bytes.into(), |offset, answer| {
        if offset < end {
            assert_eq!(delivery(&answer), Delivery::Unanswered, "{answer:?}");
        } else {
            assert_eq!(delivery(&answer), Delivery::Answered(200), "{answer:?}");
        }
        assert_eq!(ok(&answer).is_some(), offset == length, "{answer:?}");
    })
    .await;
}

#[tokio::test]
async fn a_refusal_that_is_cut_at_any_byte_never_looks_like_a_success() {
    let body = r#"{"error":{"code":"ResourceNotFound","message":"no"}}"#;
    let head = format!("HTTP/1.1 404 No\r\nContent-Length: {}\r\n\r\n", body.len());
    let end = head.len();
    at_every_byte((head + body).into(), |offset, answer| {
        let expected = if offset < end {
            Delivery::Unanswered
        } else {
            Delivery::Answered(404)
        };
        assert_eq!(delivery(&answer), expected, "{offset}: {answer:?}");
        assert!(ok(&answer).is_none(), "{offset}: {answer:?}");
    })
    .await;
}

#[tokio::test]
async fn a_reset_is_never_taken_for_an_answer_or_for_not_sent() {
    let (bytes, _) = good(false);
    let length = bytes.len();
    let server = Server::new(move |mut peer| {
        peer.request();
        peer.send(&bytes[..length * peer.number / 30]);
        peer.reset();
    });
    let call = Call::new(Duration::from_secs(30));
    let connection = connection(&server.root());
    for _ in 0..30 {
        let answer = call.offboard(&connection).await;
        assert_ne!(delivery(&answer), Delivery::NotSent, "{answer:?}");
        assert!(ok(&answer).is_none(), "{answer:?}");
        assert!(!failure(&answer).is_empty(), "{answer:?}");
    }
}

/// A request is reported as not sent only if no byte was written to the connection.
fn judge_early(answer: &Answer) {
    let sent = answer.record.exchange.as_ref().unwrap().bytes_sent;
    let expected = match sent {
        0 => Delivery::NotSent,
        _ => Delivery::Unanswered,
    };
    assert_eq!(delivery(answer), expected, "{answer:?}");
    assert!(
        !matches!(answer.result, Ok(Ok(_)) | Err(CallError::Deadline(_))),
        "{answer:?}"
    );
    assert!(!failure(answer).is_empty(), "{answer:?}");
}

#[tokio::test]
async fn a_connection_that_ends_before_the_request_was_read_is_not_an_answer() {
    let call = Call::new(Duration::from_secs(30));
    for manner in 0..3 {
        let server = Server::new(move |peer| match manner {
            0 => drop(peer),
            1 => peer.reset(),
            _ => peer.end(),
        });
        for _ in 0..20 {
            judge_early(&call.offboard(&connection(&server.root())).await);
        }
    }
}

#[tokio::test]
async fn a_connection_that_ends_in_the_middle_of_the_request_is_not_an_answer() {
    let call = Call::new(Duration::from_secs(30));
    for manner in 0..2 {
        let server = Server::new(move |mut peer| {
            peer.head();
            if manner == 0 {
                peer.reset();
            }
        });
        for _ in 0..10 {
            let answer = call.offboard(&connection(&server.root())).await;
            judge_early(&answer);
            assert_eq!(delivery(&answer), Delivery::Unanswered, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_closed_port_is_not_sent_anything() {
    let call = Call::new(Duration::from_secs(30));
    let closed = ClosedPort::new();
    let answer = call.offboard(&connection(&closed.root())).await;
    assert_eq!(delivery(&answer), Delivery::NotSent, "{answer:?}");
    assert!(
        matches!(answer.result, Ok(Err(OffboardError::NotSent(_)))),
        "{answer:?}"
    );
    assert!(failure(&answer).contains("does not answer"), "{answer:?}");
    assert_eq!(answer.record.exchange.unwrap().bytes_sent, 0);
}

#[test]
fn the_command_calls_a_cut_answer_unknown_and_a_closed_port_not_sent() {
    let (bytes, end) = good(false);
    for (length, kind) in [
        (1, "outcome-unknown"),
        (end - 1, "outcome-unknown"),
        (end, "unreadable-answer"),
        (bytes.len() - 1, "unreadable-answer"),
    ] {
        let service = Scripted::posting(Reply::raw(&bytes[..length]));
        let outcome = service.run(&[]);
        let row = outcome.row();
        assert_eq!((outcome.code, row["state"].as_str()), (4, Some("unknown")));
        assert_eq!(row["error"]["kind"], kind, "{length}: {outcome:?}");
        assert_eq!(service.posts(), 1);
    }

    let service = Scripted::posting(Reply::raw(&bytes));
    let closed = ClosedPort::new();
    let outcome: Outcome = order(&service, &closed.root()).output().unwrap().into();
    let row = outcome.row();
    assert_eq!((outcome.code, row["state"].as_str()), (5, Some("not-sent")));
    assert_eq!(row["error"]["retry"], "safe");
}
