//! Waits that end: a test that would wait forever fails instead.

use std::{
    net::{TcpListener, TcpStream},
    process::Child,
    thread,
    time::{Duration, Instant},
};

/// The longest that a test waits for one thing, also on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// How often a condition is evaluated.
const PAUSE: Duration = Duration::from_millis(5);

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for: {what}");
        thread::sleep(PAUSE);
    }
}

/// Waits until something is so while a command runs. If the command ends before, it never
/// will be.
#[track_caller]
pub(crate) fn until_running(child: &mut Child, what: &str, mut is_so: impl FnMut() -> bool) {
    until(what, || {
        let has_ended = child.try_wait().unwrap();
        let is_so = is_so();
        assert!(
            is_so || has_ended.is_none(),
            "the command ended ({has_ended:?}) before: {what}"
        );
        is_so
    });
}

/// Waits until a command ends. What it prints has to fit into its pipes.
#[track_caller]
pub(crate) fn until_ended(child: &mut Child) {
    until("the end of the command", || {
        child.try_wait().unwrap().is_some()
    });
}

/// What a call in this process returns.
pub(crate) async fn in_time<T>(call: impl Future<Output = T>) -> T {
    let called = tokio::time::timeout(PATIENCE, call).await;
    called.expect("the call ends")
}

/// The next connection that comes to this listener.
#[track_caller]
pub(crate) fn accepted(listener: &TcpListener) -> TcpStream {
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

/// Reads and writes of this connection end.
pub(crate) fn limited(stream: &TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
}
