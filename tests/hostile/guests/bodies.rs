//! Bodies that differ from what was ordered.

use hostile::{Attack::Report, Case, Order, Request, Started, monotonic_clock, response_of, write};

hostile::export!(CASES);

const CASES: &[Case] = &[
    (
        "forged_comment",
        Report(|order| Request::offboarding(&order.machine_id, "Nothing to see here").send()),
    ),
    ("writes_late", Report(writes_late)),
    (
        "comment_with_a_space",
        Report(|order| {
            let comment = [&order.comment, " "].concat();
            Request::offboarding(&order.machine_id, &comment).send()
        }),
    ),
    (
        "second_member",
        Report(|order| with_body(order, r#"{"Comment":""#, r#"","IsolationType":"Full"}"#)),
    ),
    (
        "array_body",
        Report(|order| with_body(order, r#"[""#, r#""]"#)),
    ),
    // The last of the two is what was ordered.
    (
        "duplicate_member",
        Report(|order| with_body(order, r#"{"Comment":"forged","Comment":""#, r#""}"#)),
    ),
    // A second object behind the first.
    (
        "two_values",
        Report(|order| with_body(order, r#"{"Comment":""#, r#""} {}"#)),
    ),
    (
        "other_spelling_of_comment",
        Report(|order| with_body(order, r#"{"comment":""#, r#""}"#)),
    ),
    (
        "no_body",
        Report(|order| {
            let request = order.request();
            Request {
                body: None,
                ..request
            }
            .send()
        }),
    ),
    // What was ordered, in an unusual form.
    (
        "odd_form_of_body",
        Report(|order| {
            let body = ["  {\n\t\"Comm\\u0065nt\" : \"", &order.comment, "\" }\n"].concat();
            order
                .request()
                .body(&body)
                .header("content-type", "text/plain")
                .header("user-agent", "evil")
                .send()
        }),
    ),
    // A megabyte.
    (
        "huge_body",
        Report(|order| {
            let body = [order.body(), " ".repeat(1 << 20)].concat();
            order.request().body(&body).send()
        }),
    ),
    // A body until the host closes the stream.
    (
        "endless_body",
        Report(|order| {
            order.request().start_then(|started| {
                if let Ok(stream) = started.body.write() {
                    while write(&stream, &[b' '; 4096]).is_ok() {}
                }
                started.finish(&[])
            })
        }),
    ),
    // The ordered body, which is never finished.
    (
        "body_never_ended",
        Report(|order| {
            order.request().start_then(|started| {
                started.write(order.body().as_bytes());
                response_of(&started.response)
            })
        }),
    ),
    ("slow_body", Report(slow_body)),
    // A part of the body; the rest is dropped.
    (
        "body_abandoned",
        Report(|order| {
            order.request().start_then(|started| {
                started.write(b"{");
                let Started { body, response, .. } = started;
                drop(body);
                response_of(&response)
            })
        }),
    ),
];

/// The ordered request, with the comment between these two in its body.
fn with_body(order: &Order, before: &str, after: &str) -> String {
    let body = [before, &order.comment, after].concat();
    order.request().body(&body).send()
}

/// Requests another route, and writes the body when the host has had time to decide. A
/// writer whose stream is closed would not query the reason.
fn writes_late(order: &Order) -> String {
    order.request_to("isolate").start_then(|started| {
        monotonic_clock::subscribe_duration(200_000_000).block();
        let body = order.body();
        let written = started
            .body
            .write()
            .map(|stream| write(&stream, body.as_bytes()));
        match written {
            Ok(Ok(())) => started.finish(&[]),
            _ => "the stream of the body was closed".to_owned(),
        }
    })
}

/// Writes one byte every two seconds.
fn slow_body(order: &Order) -> String {
    order.request().start_then(|started| {
        if let Ok(stream) = started.body.write() {
            for _ in 0..1_000_000 {
                let _ = write(&stream, b" ");
                // Longer than the deadline: a guest that wakes right before it is ended as one
                // that computes.
                monotonic_clock::subscribe_duration(2_000_000_000).block();
            }
        }
        started.finish(&[])
    })
}
