//! What reaches the terminal. Text that came through the sandbox is cleared of
//! everything that a terminal would obey, and nothing panics when the reader
//! of a pipe goes away.

use std::{
    fmt::Write as _,
    io::{ErrorKind, IsTerminal, Write, stderr, stdout},
    sync::atomic::{AtomicBool, Ordering},
};

use anstyle::{AnsiColor, Style};

/// The longest text of one cell or line, in characters.
const MAX_TEXT: usize = 2000;

static FAILED: AtomicBool = AtomicBool::new(false);

/// Standard output and standard error, and how much to say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Screen {
    quiet: bool,
    verbose: u8,
}

impl Screen {
    pub(super) fn new(quiet: bool, verbose: u8) -> Self {
        Self { quiet, verbose }
    }

    pub(super) fn quiet(&self) -> bool {
        self.quiet
    }

    /// Whether a person can be asked.
    pub(super) fn can_ask() -> bool {
        std::io::stdin().is_terminal() && stderr().is_terminal()
    }

    /// The same screen for what a person has to see before answering.
    pub(super) fn insisting(&self) -> Self {
        Self {
            quiet: false,
            ..*self
        }
    }

    /// Data, to standard output. A reader that went away has seen enough; any
    /// other failure is remembered.
    pub(super) fn data(&self, text: &str) {
        let mut out = stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        if let Err(error) = written
            && error.kind() != ErrorKind::BrokenPipe
        {
            self.fail(&format!("standard output cannot be written: {error}"));
        }
    }

    /// Whether something failed besides what was asked for.
    pub(super) fn failed() -> bool {
        FAILED.load(Ordering::SeqCst)
    }

    /// A line of data.
    pub(super) fn line(&self, text: &str) {
        self.data(&format!("{text}\n"));
    }

    /// A line for people.
    pub(super) fn say(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(anstream::stderr().lock(), "{}", clean_lines(text));
        }
    }

    /// A line for people who want to know more.
    pub(super) fn detail(&self, text: &str) {
        if self.verbose > 0 {
            self.say(text);
        }
    }

    /// An error, also where nothing else is said.
    pub(super) fn error(&self, text: &str) {
        let style = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let text = clean_lines(text);
        let _ = writeln!(anstream::stderr().lock(), "{style}error:{style:#} {text}");
    }

    /// An error that does not end the command, and yet makes it fail.
    pub(super) fn fail(&self, text: &str) {
        self.error(text);
        FAILED.store(true, Ordering::SeqCst);
    }
}

/// Text without anything that a terminal obeys: control characters, escape
/// sequences, and the marks that turn the direction of writing.
pub(super) fn clean(text: &str) -> String {
    let mut clean = String::new();
    for character in text.chars().take(MAX_TEXT) {
        match character {
            '\n' | '\r' | '\t' => clean.push(' '),
            c if c.is_control() || is_invisible(c) => {
                let _ = write!(clean, "\\u{{{:x}}}", u32::from(c));
            }
            c => clean.push(c),
        }
    }
    if text.chars().nth(MAX_TEXT).is_some() {
        clean.push('…');
    }
    clean
}

/// Lines without anything else that a terminal obeys, of any length.
pub(super) fn clean_lines(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            c if (c.is_control() && c != '\n') || is_invisible(c) => {
                let _ = write!(clean, "\\u{{{:x}}}", u32::from(c));
            }
            c => clean.push(c),
        }
    }
    clean
}

/// JSON on one line, with everything escaped that a terminal obeys. In valid
/// JSON these characters stand inside strings alone, and line ends outside.
pub(super) fn clean_json(json: &str) -> String {
    let mut clean = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '\n' | '\r' => clean.push(' '),
            c if c.is_control() && c != '\t' || is_invisible(c) => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    let _ = write!(clean, "\\u{unit:04x}");
                }
            }
            c => clean.push(c),
        }
    }
    clean
}

fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_given_nothing_to_obey() {
        assert_eq!(
            clean("a\u{1b}[2Jb\u{9b}c\u{202e}d\ne"),
            "a\\u{1b}[2Jb\\u{9b}c\\u{202e}d e"
        );
        assert_eq!(clean(&"x".repeat(3000)).chars().count(), MAX_TEXT + 1);
    }

    #[test]
    fn json_keeps_its_meaning_on_one_line() {
        let json = "{\n  \"a\": \"x\u{9b}y\u{7f}\u{202e}\"\n}";
        let clean = clean_json(json);
        assert!(
            !clean.contains(|c: char| c.is_control() || is_invisible(c)),
            "{clean}"
        );
        let before: Result<serde_json::Value, _> = serde_json::from_str(json);
        let after: Result<serde_json::Value, _> = serde_json::from_str(&clean);
        assert_eq!(before.ok(), after.ok());
    }
}
