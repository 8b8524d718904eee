//! The sandbox's limits, with the real plugin and less than it needs.

use std::{net::TcpListener, time::Duration};

use offboard::{
    component::Component,
    connection::Connection,
    contract::{Comment, MachineId, OffboardError},
    egress::Delivery,
    grant::{ClockReading, LeaveBy, Refusal},
    identity::Token,
    sandbox::{CallError, Limits, Sandbox},
};

use crate::support::{MACHINE, Reply, Scripted};

fn sandbox(change: impl FnOnce(&mut Limits)) -> Sandbox {
    let mut limits = Limits::default();
    change(&mut limits);
    Sandbox::new(&Component::embedded().unwrap(), limits).unwrap()
}

fn connection(root: &str) -> Connection {
    Connection::new(
        root.parse().unwrap(),
        Some(Token::new("a.secret.token").unwrap()),
    )
}

fn order() -> (MachineId, Comment) {
    (MACHINE.parse().unwrap(), "Retired".parse().unwrap())
}

#[tokio::test]
async fn a_service_that_never_answers_is_left_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    let sandbox = sandbox(|limits| limits.deadline = Duration::from_secs(5));
    let (machine, comment) = order();
    let called = sandbox
        .offboard(&connection(&root), &machine, &comment)
        .await;
    assert!(
        matches!(called.result, Err(CallError::Deadline(_))),
        "{called:?}"
    );
    // The operating system buffered the request: the service may have read it.
    assert_eq!(called.record.delivery(), Delivery::Unanswered);
}

#[tokio::test]
async fn a_slow_answer_before_the_deadline_is_an_answer() {
    let server = Scripted::new(|request, _| {
        std::thread::sleep(Duration::from_millis(1500));
        request
            .starts_with("POST ")
            .then(|| Reply::error(400, "BadRequest", "slow"))
    });
    let sandbox = sandbox(|limits| limits.deadline = Duration::from_secs(120));
    let (machine, comment) = order();
    let called = sandbox
        .offboard(&connection(server.root()), &machine, &comment)
        .await;
    assert!(
        matches!(called.result, Ok(Err(OffboardError::Rejected(_)))),
        "{called:?}"
    );
}

#[tokio::test]
async fn a_plugin_that_wants_more_memory_than_it_may_have_is_ended() {
    let server = Scripted::posting(Reply::new(200, "{}"));
    let sandbox = sandbox(|limits| limits.memory = 1024 * 1024);
    let (machine, comment) = order();
    let called = sandbox
        .offboard(&connection(server.root()), &machine, &comment)
        .await;
    assert!(
        matches!(called.result, Err(CallError::Limit(_))),
        "{called:?}"
    );
    assert_eq!(called.record.delivery(), Delivery::NotSent);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let server = Scripted::posting(Reply::new(200, "{}"));
    let without_token = Connection::new(server.root().parse().unwrap(), None::<Token>);
    let (machine, comment) = order();
    let called = sandbox(|_| {})
        .offboard(&without_token, &machine, &comment)
        .await;
    assert!(
        matches!(called.result, Ok(Err(OffboardError::NoCredential(_)))),
        "{called:?}"
    );
    assert_eq!(called.record.delivery(), Delivery::NotSent);
    assert!(server.seen().is_empty());
}

/// The check is the last step before the first byte, however long the sign-in and the
/// connection took.
#[tokio::test]
async fn a_request_that_is_late_does_not_leave() {
    let server = Scripted::new(|_, _| None);
    let sandbox = sandbox(|_| {});
    let (machine, comment) = order();
    let connection = connection(server.root());
    let hour = Duration::from_secs(3600);
    for (within, expected) in [
        (Duration::ZERO, Delivery::NotSent),
        (hour, Delivery::Answered(404)),
    ] {
        let leave_by = LeaveBy::new(ClockReading::now(), within);
        let called = sandbox
            .offboard_by(&connection, &machine, &comment, Some(leave_by))
            .await;
        assert_eq!(called.record.delivery(), expected, "{called:?}");
        if expected == Delivery::NotSent {
            // It connected, and sent nothing.
            let exchange = called.record.exchange.unwrap();
            assert!(exchange.address.is_some(), "{exchange:?}");
            let failure = exchange.failure.unwrap();
            assert!(
                failure.contains("the deadline passed before the request was sent"),
                "{failure}"
            );
        }
    }
    assert_eq!(server.posts(), 1);
}

#[tokio::test]
async fn every_call_has_a_grant_of_its_own() {
    let server = Scripted::new(|_, _| None);
    let sandbox = sandbox(|_| {});
    let (machine, comment) = order();
    let connection = connection(server.root());
    for _ in 0..3 {
        let called = sandbox.offboard(&connection, &machine, &comment).await;
        assert_eq!(
            called.record.delivery(),
            Delivery::Answered(404),
            "{called:?}"
        );
        assert_eq!(called.record.refusals, Vec::<Refusal>::new());
    }
    assert_eq!(server.posts(), 3);
}
