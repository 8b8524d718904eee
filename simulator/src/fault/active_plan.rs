//! A plan in use: counts calls, and selects the faults of each.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::effect::{Effect, Refusal};
use super::plan::FaultPlan;
use super::route::Call;
use super::rule::FaultRule;
use crate::action::Course;

#[derive(Debug)]
pub(crate) struct Faults {
    /// Avoids the lock for every call while there is no plan.
    any: AtomicBool,
    rules: Mutex<Vec<Counted>>,
}

/// A rule, and its number of calls.
#[derive(Debug)]
struct Counted {
    rule: FaultRule,
    calls: u64,
    draw: ChaCha8Rng,
}

impl Counted {
    fn new(rule: FaultRule, seed: u64) -> Self {
        // Seeded by its text instead of its position, so that other rules don't change what it
        // draws.
        let mut hash = Context::new(&SHA256);
        hash.update(b"fault");
        hash.update(&seed.to_be_bytes());
        hash.update(rule.to_string().as_bytes());
        let mut digest = [0; 32];
        digest.copy_from_slice(hash.finish().as_ref());
        Self {
            rule,
            calls: 0,
            draw: ChaCha8Rng::from_seed(digest),
        }
    }

    fn meets(&mut self, call: &Call<'_>) -> bool {
        if !self.rule.counts(call) {
            return false;
        }
        self.calls += 1;
        self.rule.when.holds(self.calls, &mut self.draw)
    }
}

/// The end of a call instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The connection is closed.
    Dropped,
    Refused(Refusal),
}

/// The fault of an answer's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoilt {
    Garbage,
    Slow(Duration),
    Reset,
}

/// The faults of a call, in the order in which they take effect. At most one of
/// `before_commit`, `after_commit` and `body` is set.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Met {
    /// The rules as text, for the journal.
    pub(crate) rules: Vec<String>,
    pub(crate) delay: Option<Duration>,
    /// If set, the call isn't carried out.
    pub(crate) before_commit: Option<Ending>,
    pub(crate) course: Course,
    pub(crate) delay_after_commit: Option<Duration>,
    pub(crate) after_commit: Option<Ending>,
    pub(crate) body: Option<Spoilt>,
}

impl Met {
    /// Records an effect, unless an earlier rule has the same kind of effect.
    fn take(&mut self, effect: Effect) -> bool {
        let answered =
            self.before_commit.is_some() || self.after_commit.is_some() || self.body.is_some();
        match effect {
            Effect::Delay(time) => put(&mut self.delay, time),
            Effect::DelayAfterCommit(time) => put(&mut self.delay_after_commit, time),
            Effect::VisibleAfter(time) => put(&mut self.course.visible_after, time),
            Effect::Ends(end) => put(&mut self.course.end, end),
            _ if answered => false,
            Effect::DropBeforeCommit => put(&mut self.before_commit, Ending::Dropped),
            Effect::DropAfterCommit => put(&mut self.after_commit, Ending::Dropped),
            Effect::Status(refusal) => put(&mut self.before_commit, Ending::Refused(refusal)),
            Effect::StatusAfterCommit(refusal) => {
                put(&mut self.after_commit, Ending::Refused(refusal))
            }
            Effect::Garbage => put(&mut self.body, Spoilt::Garbage),
            Effect::SlowBody(pause) => put(&mut self.body, Spoilt::Slow(pause)),
            Effect::ResetInBody => put(&mut self.body, Spoilt::Reset),
        }
    }
}

fn put<T>(part: &mut Option<T>, value: T) -> bool {
    let free = part.is_none();
    if free {
        *part = Some(value);
    }
    free
}

impl Faults {
    pub(crate) fn new(plan: FaultPlan) -> Self {
        let faults = Self {
            any: AtomicBool::new(false),
            rules: Mutex::default(),
        };
        faults.replace(plan);
        faults
    }

    /// No step under the lock leaves the rules inconsistent, so they are usable after a panic.
    fn rules(&self) -> MutexGuard<'_, Vec<Counted>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the plan. Its rules count from 1.
    pub(crate) fn replace(&self, FaultPlan { seed, rules }: FaultPlan) {
        let mut running = self.rules();
        *running = rules
            .into_iter()
            .map(|rule| Counted::new(rule, seed))
            .collect();
        self.any.store(!running.is_empty(), Ordering::Release);
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.any.load(Ordering::Acquire)
    }

    /// Counts a call, and returns its faults.
    pub(crate) fn meet(&self, call: &Call<'_>) -> Met {
        let mut met = Met::default();
        let mut taken = Vec::new();
        for counted in self.rules().iter_mut() {
            // All rules count the call, even if another one answers it.
            if counted.meets(call) && met.take(counted.rule.effect) {
                taken.push(counted.rule.clone());
            }
        }
        if met.before_commit.is_some() {
            met.course = Course::default();
            met.delay_after_commit = None;
            taken.retain(|rule| rule.effect.is_before_commit());
        }
        met.rules = taken.iter().map(FaultRule::to_string).collect();
        met
    }
}

#[cfg(test)]
#[path = "active_plan_tests.rs"]
mod tests;
