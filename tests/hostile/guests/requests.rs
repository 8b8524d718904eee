//! Other methods than the granted one, and more requests than one.

use hostile::{
    Attack::{Report, Return},
    Case, MachineAction, Method, OffboardError, Order, OutgoingBody, Started,
};

hostile::export!(CASES);

const CASES: &[Case] = &[
    ("get", Report(|order| with(order, Method::Get))),
    ("head", Report(|order| with(order, Method::Head))),
    ("put", Report(|order| with(order, Method::Put))),
    ("delete", Report(|order| with(order, Method::Delete))),
    ("options", Report(|order| with(order, Method::Options))),
    ("trace", Report(|order| with(order, Method::Trace))),
    ("patch", Report(|order| with(order, Method::Patch))),
    ("connect", Report(|order| with(order, Method::Connect))),
    ("lower_case_post", Report(|order| with_name(order, "post"))),
    // A second request behind the method.
    (
        "line_break_in_method",
        Report(|order| with_name(order, "POST / HTTP/1.1\r\nX:")),
    ),
    // A method of megabytes.
    (
        "huge_method",
        Report(|order| with_name(order, &"A".repeat(30 << 20))),
    ),
    (
        "same_machine_twice",
        Report(|order| {
            let first = order.request().send();
            join(&[first, order.request().send()])
        }),
    ),
    // What is left of the grant, after the ordered request.
    (
        "isolate_after_offboarding",
        Report(|order| {
            let first = order.request().send();
            join(&[first, order.request_to("isolate").send()])
        }),
    ),
    ("many_at_once", Report(many_at_once)),
    ("two_in_a_race", Report(two_in_a_race)),
    ("fire_and_forget", Return(fire_and_forget)),
    ("refused_attempts", Report(refused_attempts)),
    ("redirect_by_hand", Report(redirect_by_hand)),
];

fn with(order: &Order, method: Method) -> String {
    order.request().method(method).send()
}

fn with_name(order: &Order, method: &str) -> String {
    with(order, Method::Other(method.to_owned()))
}

/// The reports of several requests.
fn join(reports: &[String]) -> String {
    reports.join("\n--\n")
}

/// Starts eight requests before it finishes one.
fn many_at_once(order: &Order) -> String {
    let all: Vec<Started> = (0..8)
        .filter_map(|_| order.request().start().ok())
        .collect();
    for started in &all {
        started.write(order.body().as_bytes());
    }
    let reports: Vec<String> = all.into_iter().map(|started| started.finish(&[])).collect();
    join(&reports)
}

/// Starts two requests, and finishes the bodies in reverse order.
fn two_in_a_race(order: &Order) -> String {
    let (first, second) = (order.request().start(), order.request().start());
    let (Ok(first), Ok(second)) = (first, second) else {
        return "not started".to_owned();
    };
    second.write(order.body().as_bytes());
    first.write(order.body().as_bytes());
    join(&[second.finish(&[]), first.finish(&[])])
}

/// Starts requests and never waits for a response.
fn fire_and_forget(order: &Order) -> Result<MachineAction, OffboardError> {
    for _ in 0..3 {
        if let Ok(started) = order.request().start() {
            started.write(order.body().as_bytes());
            let _ = OutgoingBody::finish(started.body, None);
            // Dropping it would cancel the request at once.
            std::mem::forget(started.response);
        }
    }
    Err(OffboardError::NotSent("nothing left, be sure".to_owned()))
}

/// Is refused a thousand times, and then sends the ordered request.
fn refused_attempts(order: &Order) -> String {
    for _ in 0..1000 {
        let _ = order.request_to("isolate").send();
    }
    order.request().send()
}

/// Gets a redirect and follows it to the parameter's host.
fn redirect_by_hand(order: &Order) -> String {
    let first = order.request().send();
    let second = order.request().authority(order.parameter()).send();
    let third = order.request().send();
    join(&[first, second, third])
}
