//! The question before something that is hard to undo. It takes a whole line,
//! typed after it was asked, and leaves the terminal as it is.

use std::io::{Write, stderr, stdin};

use super::signal::Signals;

/// Asks; anything but this answer is no, and so is a wish to end.
pub(super) async fn confirm(question: &str, wanted: &str, signals: &Signals) -> bool {
    forget_what_was_typed();
    let asked = write!(
        anstream::stderr().lock(),
        "{question}\nType {wanted} to go ahead: "
    );
    if asked.and_then(|()| stderr().flush()).is_err() {
        return false;
    }
    // A thread of its own: a line that never comes must not hold up a signal.
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        stdin().read_line(&mut line).map(|_| line)
    });
    tokio::select! {
        answer = answer => {
            answer.is_ok_and(|line| line.is_ok_and(|line| line.trim() == wanted))
        }
        () = signals.stopping() => false,
    }
}

/// Keys that were pressed before the question was there are no answer to it.
#[cfg(unix)]
fn forget_what_was_typed() {
    use rustix::termios::{QueueSelector, tcflush};
    let _ = tcflush(stdin(), QueueSelector::IFlush);
}

#[cfg(not(unix))]
fn forget_what_was_typed() {}
