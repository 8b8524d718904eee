//! Standard output and standard error. Text is cleaned of control characters that a terminal
//! would interpret. Nothing panics if the reader of a pipe goes away.

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

/// Whether something failed that does not end the command.
static FAILED: AtomicBool = AtomicBool::new(false);

/// Whether data was written to standard output.
static HAS_WRITTEN: AtomicBool = AtomicBool::new(false);

/// The current progress bar. Lines are printed above it.
static PROGRESS_BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Standard output and standard error, with the level of detail that the user chose.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terminal {
    quiet: bool,
    verbose: u8,
    is_wide: bool,
}

impl Terminal {
    pub(super) fn new(quiet: bool, verbose: u8) -> Self {
        Self {
            quiet,
            verbose,
            is_wide: false,
        }
    }

    /// The same terminal with tables as `--wide` selects them.
    pub(super) fn with_wide(self, is_wide: bool) -> Self {
        Self { is_wide, ..self }
    }

    /// Whether tables show whole ids and may have long lines.
    pub(super) fn is_wide(&self) -> bool {
        self.is_wide
    }

    /// The number of columns of the terminal that standard output goes to; `None` without one.
    #[cfg(unix)]
    pub(super) fn width() -> Option<u16> {
        let size = rustix::termios::tcgetwinsize(stdout()).ok()?;
        Some(size.ws_col).filter(|columns| *columns > 0)
    }

    #[cfg(not(unix))]
    pub(super) fn width() -> Option<u16> {
        None
    }

    /// Whether only errors and warnings are printed.
    pub(super) fn quiet(&self) -> bool {
        self.quiet
    }

    /// Whether a user can answer questions.
    pub(super) fn is_interactive() -> bool {
        std::io::stdin().is_terminal() && stderr().is_terminal()
    }

    /// The same terminal without `--quiet`, for what the user has to see.
    pub(super) fn unmuted(&self) -> Self {
        Self {
            quiet: false,
            ..*self
        }
    }

    /// Writes data to standard output. If its reader has gone away, that is not a failure.
    pub(super) fn write_data(&self, text: &str) {
        self.write_bytes(text.as_bytes());
    }

    /// Writes encoded data to standard output, as [`Self::write_data`] does.
    pub(super) fn write_bytes(&self, bytes: &[u8]) {
        HAS_WRITTEN.store(true, Ordering::SeqCst);
        let mut out = stdout().lock();
        let written = out.write_all(bytes).and_then(|()| out.flush());
        if let Err(error) = written
            && error.kind() != ErrorKind::BrokenPipe
        {
            self.report_failure(&format!("standard output cannot be written: {error}"));
        }
    }

    /// Standard output for code that writes data; a failure is handled as by [`Self::write_data`].
    pub(super) fn writer(&self) -> DataWriter {
        DataWriter(*self)
    }

    /// Whether [`Self::report_failure`] was called.
    pub(super) fn has_failed() -> bool {
        FAILED.load(Ordering::SeqCst)
    }

    /// Whether data was written to standard output.
    pub(super) fn has_written() -> bool {
        HAS_WRITTEN.load(Ordering::SeqCst)
    }

    /// Writes a line of data to standard output.
    pub(super) fn print_data(&self, text: &str) {
        self.write_data(&format!("{text}\n"));
    }

    /// Prints a message to standard error, unless `--quiet` is set.
    pub(super) fn print(&self, text: &str) {
        if !self.quiet {
            above_progress_bar(|| {
                let _ = writeln!(anstream::stderr().lock(), "{}", clean_lines(text));
            });
        }
    }

    /// Shows what is in progress: beside the progress bar, or as a line without one.
    pub(super) fn show_progress(&self, text: &str) {
        let bar = progress_bar().clone();
        match bar {
            Some(bar) if !self.quiet => bar.set_message(clean(text)),
            _ => self.print(text),
        }
    }

    /// Replaces the progress bar, or removes it.
    pub(super) fn set_progress_bar(new: Option<ProgressBar>) {
        let old = std::mem::replace(&mut *progress_bar(), new);
        if let Some(old) = old {
            old.finish_and_clear();
        }
    }

    /// Prints a message if `--verbose` is set.
    pub(super) fn print_detail(&self, text: &str) {
        if self.verbose > 0 {
            self.print(text);
        }
    }

    /// Prints a warning, even with `--quiet`: no row of the output contains it.
    pub(super) fn warn(&self, text: &str) {
        let style = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
        let text = clean_lines(&words(text));
        above_progress_bar(|| {
            let _ = writeln!(anstream::stderr().lock(), "{style}warning:{style:#} {text}");
        });
    }

    /// Prints an error, even with `--quiet`. Text from outside must not contain line breaks.
    pub(super) fn error(&self, text: &str) {
        let style = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let text = clean_lines(&words(text));
        above_progress_bar(|| {
            let _ = writeln!(anstream::stderr().lock(), "{style}error:{style:#} {text}");
        });
    }

    /// Prints what to do about the last error, even with `--quiet`.
    pub(super) fn help(&self, text: &str) {
        let style = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
        let text = clean_lines(&words(text));
        above_progress_bar(|| {
            let _ = writeln!(anstream::stderr().lock(), "{style}help:{style:#} {text}");
        });
    }

    /// Prints what to do about a row or a message, unless `--quiet` is set.
    pub(super) fn print_advice(&self, text: &str) {
        if !self.quiet {
            self.help(text);
        }
    }

    /// Prints an error that does not end the command, but changes its exit code.
    pub(super) fn report_failure(&self, text: &str) {
        self.error(&clean_error(text));
        FAILED.store(true, Ordering::SeqCst);
    }
}

/// Standard output of a [`Terminal`].
pub(super) struct DataWriter(Terminal);

impl Write for DataWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_bytes(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn progress_bar() -> MutexGuard<'static, Option<ProgressBar>> {
    PROGRESS_BAR.lock().unwrap_or_else(PoisonError::into_inner)
}

fn above_progress_bar(write: impl FnOnce()) {
    let bar = progress_bar().clone();
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}
