//! The steps of a check on their way to the front end, and what the failed ones mean for it.

use super::{Finding, Report};
use crate::{output::CheckStep, problem::OutcomeClass};

/// What prevents an offboarding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// A setting cannot be used: the plugin, or a file that is written.
    Settings,
    /// A problem of this class, which ends a command or a call.
    Problem(OutcomeClass),
}

/// Passes the steps of a check on, and collects the obstacles.
pub(super) struct Steps<'a> {
    report: &'a mut dyn Report,
    obstacles: Vec<Obstacle>,
}

impl<'a> Steps<'a> {
    pub(super) fn new(report: &'a mut dyn Report) -> Self {
        Self {
            report,
            obstacles: Vec::new(),
        }
    }

    /// Adds a step that did not fail.
    pub(super) fn add(&mut self, step: CheckStep) {
        self.report.add(step);
    }

    /// Adds a step that failed.
    pub(super) fn fail(&mut self, step: CheckStep, obstacle: Obstacle) {
        self.report.add(step);
        self.obstacles.push(obstacle);
    }

    /// What the user can do about a finding.
    pub(super) fn hint(&self, finding: &Finding<'_>) -> String {
        self.report.hint(finding)
    }

    /// All obstacles, in the order of their steps.
    pub(super) fn end(self) -> Vec<Obstacle> {
        self.obstacles
    }
}
