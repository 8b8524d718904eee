//! Waits with a time limit: a test fails rather than waits forever.

use std::{
    net::{TcpListener, TcpStream},
    process::Child,
    thread,
    time::{Duration, Instant},
};

/// Time limit of one wait, also on a slow and busy machine.
const WAIT_LIMIT: Duration = Duration::from_secs(300);

/// How often a condition is evaluated.
const WAIT_INTERVAL: Duration = Duration::from_millis(5);

/// Waits until a condition holds.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(
            start.elapsed() < WAIT_LIMIT,
            "timed out waiting for: {what}"
        );
        thread::sleep(WAIT_INTERVAL);
    }
}

/// Waits until a condition holds while a command runs. Fails if the command ends before.
#[track_caller]
pub fn until_running(child: &mut Child, what: &str, mut holds: impl FnMut() -> bool) {
    until(what, || {
        let has_ended = child.try_wait().unwrap();
        let holds = holds();
        assert!(
            holds || has_ended.is_none(),
            "the command ended ({has_ended:?}) before: {what}"
        );
        holds
    });
}

/// Waits until a command ends. Its output has to fit into the pipes.
#[track_caller]
pub fn until_ended(child: &mut Child) {
    until("the end of the command", || {
        child.try_wait().unwrap().is_some()
    });
}

/// The result of a call in this process, within the time limit.
pub async fn in_time<T>(call: impl Future<Output = T>) -> T {
    let called = tokio::time::timeout(WAIT_LIMIT, call).await;
    called.expect("the call ends within the time limit")
}

/// Accepts the next connection.
#[track_caller]
pub fn accepted(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let mut stream = None;
    until("a connection", || {
        stream = listener.accept().ok();
        stream.is_some()
    });
    let (stream, _) = stream.unwrap();
    stream.set_nonblocking(false).unwrap();
    limited(&stream);
    stream
}

/// Sets the time limit for reads and writes of this connection.
pub fn limited(stream: &TcpStream) {
    stream.set_read_timeout(Some(WAIT_LIMIT)).unwrap();
    stream.set_write_timeout(Some(WAIT_LIMIT)).unwrap();
}
