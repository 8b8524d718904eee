//! The question before something that is hard to undo. It takes a whole line,
//! ended with Enter and typed after the question, and leaves the terminal as it is. Any
//! other input means no.

use std::io::{Write, stderr, stdin};

use super::signal::Signals;

/// Asks; anything but this answer is no, and so is a wish to end.
pub(super) async fn confirm(question: &str, wanted: &str, signals: &Signals) -> bool {
    if !forget_what_was_typed() {
        return false;
    }
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
            answer.is_ok_and(|line| line.is_ok_and(|line| is_said(&line, wanted)))
        }
        () = signals.stopping() => false,
    }
}

/// Whether a line is this answer. A line that was cut off by Ctrl-D, or by the end of a
/// terminal, is not an answer: the user may have meant to type more.
fn is_said(line: &str, wanted: &str) -> bool {
    let line = line.strip_suffix('\n');
    line.is_some_and(|line| line.trim_matches([' ', '\t', '\r']) == wanted)
}

/// Keys that were pressed before the question appeared do not answer it. If the terminal
/// cannot discard them, the answer is no.
#[cfg(unix)]
fn forget_what_was_typed() -> bool {
    use rustix::termios::{QueueSelector, tcflush};
    tcflush(stdin(), QueueSelector::IFlush).is_ok()
}

#[cfg(not(unix))]
fn forget_what_was_typed() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_whole_line() {
        for said in ["yes\n", "yes\r\n", " yes \t\n"] {
            assert!(is_said(said, "yes"), "{said:?}");
        }
        for other in [
            "",
            "\n",
            "yes",
            "yes\r",
            "y\n",
            "yes\nno",
            "yes yes\n",
            "Yes\n",
            "yes\u{4}\n",
            "yes\u{a0}\n",
            "\u{1b}[Ayes\n",
            "yes.\n",
            "\u{feff}yes\n",
        ] {
            assert!(!is_said(other, "yes"), "{other:?}");
        }
        assert!(is_said("30\n", "30") && !is_said("30", "30") && !is_said("030\n", "30"));
    }
}
