//! Asks the user to confirm. Only a whole line confirms, typed after the question and ended
//! with Enter. Any other input declines. The settings of the terminal are not changed.

use std::io::{Write, stderr, stdin};

use super::signal::Signals;

/// The answer of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Confirmed,
    Declined,
    /// Only `y`, or another form of yes that is not the expected answer.
    Short,
}

/// Asks the question. Any other answer than the expected one declines, and so does a signal.
pub(super) async fn confirm(question: &str, expected: &str, signals: &Signals) -> Answer {
    if !discard_typed_input() {
        return Answer::Declined;
    }
    let written = write!(
        anstream::stderr().lock(),
        "{question}\nType {expected} to continue: "
    );
    if written.and_then(|()| stderr().flush()).is_err() {
        return Answer::Declined;
    }
    // In another thread, because waiting for a line must not block a signal.
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        stdin().read_line(&mut line).map(|_| line)
    });
    tokio::select! {
        answer = answer => match answer {
            Ok(Ok(line)) => answer_of(&line, expected),
            _ => Answer::Declined,
        },
        () = signals.stopping() => Answer::Declined,
    }
}

/// Evaluates a line. A line that was cut off by Ctrl-D or by the end of the terminal declines:
/// the user may have intended to type more.
fn answer_of(line: &str, expected: &str) -> Answer {
    let line = line.strip_suffix('\n');
    let Some(line) = line else {
        return Answer::Declined;
    };
    let line = line.trim_matches([' ', '\t', '\r']);
    let is_short = ["y", "yes"]
        .iter()
        .any(|word| line.eq_ignore_ascii_case(word));
    if line == expected {
        Answer::Confirmed
    } else if is_short {
        Answer::Short
    } else {
        Answer::Declined
    }
}

/// Discards keys that were pressed before the question appeared. Returns whether that was
/// possible.
#[cfg(unix)]
fn discard_typed_input() -> bool {
    use rustix::termios::{QueueSelector, tcflush};
    tcflush(stdin(), QueueSelector::IFlush).is_ok()
}

#[cfg(not(unix))]
fn discard_typed_input() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_whole_line() {
        let confirms = |line, expected| answer_of(line, expected) == Answer::Confirmed;
        for line in ["yes\n", "yes\r\n", " yes \t\n"] {
            assert!(confirms(line, "yes"), "{line:?}");
        }
        for line in [
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
            assert!(!confirms(line, "yes"), "{line:?}");
        }
        assert!(confirms("30\n", "30") && !confirms("30", "30") && !confirms("030\n", "30"));
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
