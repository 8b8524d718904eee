//! What reaches the terminal: cleared of everything that it would obey. Nothing
//! panics when the reader of a pipe goes away.

use std::{
    io::{self, ErrorKind, IsTerminal, Write, stderr, stdout},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use anstyle::{AnsiColor, Style};
use indicatif::ProgressBar;

use offboard::{
    mask::words,
    text::{clean, clean_error, clean_lines},
};

static FAILED: AtomicBool = AtomicBool::new(false);

/// The bar at the end of the terminal, while there is one: lines go above it.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

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
        self.bytes(text.as_bytes());
    }

    /// The same, of text that is already encoded.
    pub(super) fn bytes(&self, bytes: &[u8]) {
        let mut out = stdout().lock();
        let written = out.write_all(bytes).and_then(|()| out.flush());
        if let Err(error) = written
            && error.kind() != ErrorKind::BrokenPipe
        {
            self.fail(&format!("standard output cannot be written: {error}"));
        }
    }

    /// Standard output for code that writes data; a failure is handled as by [`Self::data`].
    pub(super) fn writer(&self) -> DataWriter {
        DataWriter(*self)
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
            above_the_bar(|| {
                let _ = writeln!(anstream::stderr().lock(), "{}", clean_lines(text));
            });
        }
    }

    /// What goes on: beside the bar where there is one, else a line.
    pub(super) fn progress(&self, text: &str) {
        let bar = bar().clone();
        match bar {
            Some(bar) if !self.quiet => bar.set_message(clean(text)),
            _ => self.say(text),
        }
    }

    /// From now on there is a bar, or none.
    pub(super) fn set_bar(new: Option<ProgressBar>) {
        let old = std::mem::replace(&mut *bar(), new);
        if let Some(old) = old {
            old.finish_and_clear();
        }
    }

    /// A line for people who want to know more.
    pub(super) fn detail(&self, text: &str) {
        if self.verbose > 0 {
            self.say(text);
        }
    }

    /// Something that went wrong and stops nothing, also where nothing else is
    /// said: no row tells it.
    pub(super) fn warn(&self, text: &str) {
        let style = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
        let text = clean_lines(&words(text));
        above_the_bar(|| {
            let _ = writeln!(anstream::stderr().lock(), "{style}warning:{style:#} {text}");
        });
    }

    /// An error, also where nothing else is said. Lines of it that are not ours
    /// were made one before.
    pub(super) fn error(&self, text: &str) {
        let style = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let text = clean_lines(&words(text));
        above_the_bar(|| {
            let _ = writeln!(anstream::stderr().lock(), "{style}error:{style:#} {text}");
        });
    }

    /// What to do about the error before, also where nothing else is said.
    pub(super) fn help(&self, text: &str) {
        let style = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
        let text = clean_lines(&words(text));
        above_the_bar(|| {
            let _ = writeln!(anstream::stderr().lock(), "{style}help:{style:#} {text}");
        });
    }

    /// What to do about what a row or a line before reports.
    pub(super) fn advise(&self, text: &str) {
        if !self.quiet {
            self.help(text);
        }
    }

    /// An error that does not end the command, and yet makes it fail.
    pub(super) fn fail(&self, text: &str) {
        self.error(&clean_error(text));
        FAILED.store(true, Ordering::SeqCst);
    }
}

/// Standard output of a screen.
pub(super) struct DataWriter(Screen);

impl Write for DataWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.bytes(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn bar() -> MutexGuard<'static, Option<ProgressBar>> {
    BAR.lock().unwrap_or_else(PoisonError::into_inner)
}

fn above_the_bar(write: impl FnOnce()) {
    let bar = bar().clone();
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}
