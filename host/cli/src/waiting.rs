//! Reports waits, each with its reason, length and end. A long wait is reported even with
//! `--quiet`, because a command that is silent for minutes looks as if it had failed.

use std::time::Duration;

use jiff::Timestamp;

use super::terminal::Terminal;

/// A longer wait is reported even with `--quiet`.
const LONG: Duration = Duration::from_secs(60);

/// A time in whole seconds, rounded up, because it is an estimate.
fn seconds(time: Duration) -> Duration {
    let up = u64::from(time.subsec_nanos() > 0);
    Duration::from_secs(time.as_secs().saturating_add(up))
}

/// A wait in words, with the time of its end if it is long.
pub(super) fn in_words(wait: Duration) -> String {
    let length = humantime::format_duration(seconds(wait));
    match end(wait) {
        Some(end) if wait > LONG => format!("{length}, until {end}"),
        _ => length.to_string(),
    }
}

/// The time of the end of a wait that begins now.
pub(super) fn end(wait: Duration) -> Option<String> {
    let end = Timestamp::now().checked_add(seconds(wait)).ok()?;
    Some(end.strftime("%H:%M:%S UTC").to_string())
}

/// Whether a wait is long.
pub(super) fn is_long(wait: Duration) -> bool {
    wait > LONG
}

/// Shows that the command waits for this long.
pub(super) fn show(terminal: &Terminal, text: &str, wait: Duration) {
    if is_long(wait) && terminal.quiet() {
        terminal.unmuted().print(text);
    } else {
        terminal.show_progress(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_wait_has_an_end() {
        assert_eq!(in_words(Duration::from_secs(1)), "1s");
        assert_eq!(in_words(Duration::from_millis(1200)), "2s");
        let long = in_words(Duration::from_secs(3600));
        assert!(
            long.starts_with("1h, until ") && long.ends_with(" UTC"),
            "{long}"
        );
    }
}
