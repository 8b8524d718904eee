//! The steps of a check, told as they are done.

use std::time::Duration;

use serde::Serialize;

use crate::screen::Screen;
use offboard::mask;

/// One step; the schema is in `docs/schema/check.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Step {
    pub(super) step: &'static str,
    pub(super) status: Status,
    pub(super) reason: String,
    /// What to do next, where something is to be done.
    pub(super) hint: Option<String>,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Status {
    /// As it should be.
    Passed,
    /// Offboarding works all the same, with less comfort.
    Warning,
    /// With this, nothing can be offboarded.
    Failed,
    /// Nothing can be said.
    Skipped,
}

impl Status {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    fn mark(self) -> &'static str {
        match self {
            Self::Passed => "✓",
            Self::Warning => "!",
            Self::Failed => "✗",
            Self::Skipped => "-",
        }
    }
}

impl Step {
    pub(super) fn passed(step: &'static str, reason: impl Into<String>) -> Self {
        Self::new(step, Status::Passed, reason, None)
    }

    pub(super) fn skipped(step: &'static str, reason: impl Into<String>) -> Self {
        Self::new(step, Status::Skipped, reason, None)
    }

    pub(super) fn warning(
        step: &'static str,
        reason: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::new(step, Status::Warning, reason, Some(hint.into()))
    }

    pub(super) fn failed(
        step: &'static str,
        reason: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::new(step, Status::Failed, reason, Some(hint.into()))
    }

    fn new(
        step: &'static str,
        status: Status,
        reason: impl Into<String>,
        hint: Option<String>,
    ) -> Self {
        Self {
            step,
            status,
            reason: mask::words(&reason.into()),
            hint,
        }
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
    steps: Vec<Step>,
}

impl Report {
    pub(super) fn new(screen: Screen, tells: bool) -> Self {
        Self {
            screen,
            tells,
            steps: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, step: Step) {
        if self.tells {
            let line = format!("{} {:<14} {}", step.status.mark(), step.step, step.reason);
            self.screen.line(&offboard::text::clean(&line));
            if let Some(hint) = &step.hint {
                self.screen
                    .line(&offboard::text::clean(&format!("  {:<14} {hint}", "")));
            }
        }
        self.steps.push(step);
    }

    pub(super) fn into_steps(self) -> Vec<Step> {
        self.steps
    }
}
