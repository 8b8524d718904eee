//! The question before something that is hard to undo. It takes a whole line,
//! ended with Enter and typed after the question, and leaves the terminal as it is. Any
//! other input means no.

use std::io::{Write, stderr, stdin};

use super::signal::Signals;

/// What was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Confirmed,
    Declined,
    /// Only `y`, or another form of yes that is not the wanted answer.
    Short,
}

/// Asks. Anything but this answer means no, and so does a signal.
pub(super) async fn confirm(question: &str, wanted: &str, signals: &Signals) -> Answer {
    if !forget_what_was_typed() {
        return Answer::Declined;
    }
    let asked = write!(
        anstream::stderr().lock(),
        "{question}\nType {wanted} to go ahead: "
    );
    if asked.and_then(|()| stderr().flush()).is_err() {
        return Answer::Declined;
    }
    // A thread of its own: a line that never comes must not hold up a signal.
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        stdin().read_line(&mut line).map(|_| line)
    });
    tokio::select! {
        answer = answer => match answer {
            Ok(Ok(line)) => answer_of(&line, wanted),
            _ => Answer::Declined,
        },
        () = signals.stopping() => Answer::Declined,
    }
}

/// What a line says. A line that was cut off by Ctrl-D, or by the end of a terminal, is
/// not an answer: the user may have meant to type more.
fn answer_of(line: &str, wanted: &str) -> Answer {
    let line = line.strip_suffix('\n');
    let Some(line) = line else {
        return Answer::Declined;
    };
    let line = line.trim_matches([' ', '\t', '\r']);
    let is_short = ["y", "yes"]
        .iter()
        .any(|word| line.eq_ignore_ascii_case(word));
    if line == wanted {
        Answer::Confirmed
    } else if is_short {
        Answer::Short
    } else {
        Answer::Declined
    }
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
        let is_said = |line, wanted| answer_of(line, wanted) == Answer::Confirmed;
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
    #[test]
    fn a_short_yes_is_not_a_no() {
        for line in ["y\n", "Y\n", " y\r\n", "Yes\n", "YES\n"] {
            assert_eq!(answer_of(line, "yes"), Answer::Short, "{line:?}");
        }
        for line in ["", "y", "n\n", "yes please\n", "\n"] {
            assert_eq!(answer_of(line, "yes"), Answer::Declined, "{line:?}");
        }
        assert_eq!(answer_of("yes\n", "30"), Answer::Short);
    }
}
