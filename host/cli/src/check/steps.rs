//! The steps of a check, told as they are done.

use std::time::Duration;

use crate::screen::Screen;
use offboard::output::{CheckStatus, CheckStep};

/// The mark of a status, before its step.
fn mark(status: CheckStatus) -> &'static str {
    match status {
        CheckStatus::Passed => "✓",
        CheckStatus::Warning => "!",
        CheckStatus::Failed => "✗",
        CheckStatus::Skipped => "-",
    }
}

/// A time in whole seconds, in words.
pub(super) fn words(duration: Duration) -> String {
    humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string()
}

/// Tells each step to people as soon as it is done, and keeps them all.
pub(super) struct Report {
    screen: Screen,
    tells: bool,
    steps: Vec<CheckStep>,
}

impl Report {
    pub(super) fn new(screen: Screen, tells: bool) -> Self {
        Self {
            screen,
            tells,
            steps: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, step: CheckStep) {
        if self.tells {
            let line = format!("{} {:<14} {}", mark(step.status), step.step, step.reason);
            self.screen.line(&offboard::text::clean(&line));
            if let Some(hint) = &step.hint {
                self.screen
                    .line(&offboard::text::clean(&format!("  {:<14} {hint}", "")));
            }
        }
        self.steps.push(step);
    }

    pub(super) fn into_steps(self) -> Vec<CheckStep> {
        self.steps
    }
}
