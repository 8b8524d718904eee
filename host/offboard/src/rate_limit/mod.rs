//! How fast to ask: within the service's quotas, so that it need not refuse.
//! Each API has its own. The windows stand in the ledger, so that all processes
//! of one account share them and a restart forgets nothing.

mod forecast;
mod quota;

use std::{
    collections::HashMap,
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{self, Notify};
use tracing::debug;

use crate::{
    grant::Route,
    ledger::{Admission, CallId, LedgerError, Session, now},
};
pub use forecast::time_left;
pub use quota::{InvalidQuota, Limit, Quota};

/// What is told of a wait that a person would notice.
type Tell = dyn Fn(Wait) + Send + Sync;

/// A wait that nobody needs to be told of.
const SHORT: Duration = Duration::from_secs(2);
/// How soon another process's answer is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// How many looks there are before a process that is gone is looked for.
const LOOKS: u32 = 10;

/// Why a call does not leave yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The quota is used up for so long.
    Quota(Duration),
    /// The service wants a pause of so long.
    Asked(Duration),
}

/// Limits the rate of all calls.
pub struct RateLimiter {
    quota: Quota,
    session: Arc<Session>,
    /// Calls that had their answers, and when; not yet in the ledger.
    answered: Mutex<Vec<(CallId, i64)>>,
    changed: Notify,
    /// Of those that wait for one API, one asks the ledger, and the others wait
    /// for that one: all would be told the same, and keep it from its work.
    queues: Mutex<HashMap<&'static str, Arc<sync::Mutex<()>>>>,
    tell: Arc<Tell>,
}

/// A call that may leave. It is counted as answered when this is dropped, or
/// before, where somebody knows better.
#[must_use]
pub struct Slot<'a> {
    limiter: &'a RateLimiter,
    call: CallId,
    answered: Option<Instant>,
    is_unused: bool,
}

impl RateLimiter {
    /// A rate limiter that keeps to this quota for each API. It reports each wait of at
    /// least 2 seconds; [`Events::rate_limit_reporter`] makes an event of it.
    ///
    /// [`Events::rate_limit_reporter`]: crate::run::Events::rate_limit_reporter
    pub fn new(
        quota: Quota,
        session: Arc<Session>,
        tell: impl Fn(Wait) + Send + Sync + 'static,
    ) -> Self {
        Self {
            quota,
            session,
            answered: Mutex::default(),
            changed: Notify::new(),
            queues: Mutex::default(),
            tell: Arc::new(tell),
        }
    }

    /// The quota that it keeps to.
    #[must_use]
    pub fn quota(&self) -> &Quota {
        &self.quota
    }

    /// Waits until a call to this API may leave.
    ///
    /// # Errors
    /// The ledger cannot be written: the call must not leave.
    pub async fn slot(&self, route: Route) -> Result<Slot<'_>, LedgerError> {
        let api = route.template();
        let windows = self.quota.windows();
        let mut looks = 0;
        let queue = self.queue(api);
        let _first = queue.lock().await;
        loop {
            // Before the look, so that an answer in between is not missed.
            let changed = self.changed.notified();
            let answered = self.take_answered();
            let turn = match self.session.admit(api, &windows, &answered, now).await {
                Ok(turn) => turn,
                Err(error) => {
                    self.answered().extend(answered);
                    return Err(error);
                }
            };
            match turn {
                Admission::Now(call) => {
                    return Ok(Slot {
                        limiter: self,
                        call,
                        answered: None,
                        is_unused: false,
                    });
                }
                // Of this process, or of another.
                Admission::Answer => {
                    looks += 1;
                    if looks % LOOKS == 0 {
                        self.session.end_stale_sessions().await?;
                    }
                    let _ = tokio::time::timeout(LOOK, changed).await;
                }
                Admission::At(at) => self.wait(at, Wait::Quota, changed).await,
                Admission::Paused(until) => self.wait(until, Wait::Asked, changed).await,
            }
        }
    }

    /// Every call of every process waits for so long.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn hold(&self, pause: Duration) -> Result<(), LedgerError> {
        let pause = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        let held = self.session.pause_until(now().saturating_add(pause)).await;
        self.changed.notify_waiters();
        held
    }

    /// Puts on record which calls have had their answers, so that no other
    /// process waits for them.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn flush(&self) -> Result<(), LedgerError> {
        let answered = self.take_answered();
        self.session.had_answers(&answered).await
    }

    async fn wait(&self, until: i64, why: fn(Duration) -> Wait, changed: impl Future<Output = ()>) {
        let left = u64::try_from(until - now()).unwrap_or(0);
        let left = Duration::from_millis(left);
        let wait = why(left);
        debug!(?wait, "waiting before a call");
        if left >= SHORT {
            (self.tell)(wait);
        }
        // A pause that was asked for in between is longer.
        tokio::select! {
            () = tokio::time::sleep(left) => {}
            () = changed, if left > LOOK => {}
        }
    }

    fn queue(&self, api: &'static str) -> Arc<sync::Mutex<()>> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(queues.entry(api).or_default())
    }

    fn take_answered(&self) -> Vec<(CallId, i64)> {
        mem::take(&mut *self.answered())
    }

    fn answered(&self) -> MutexGuard<'_, Vec<(CallId, i64)>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot<'_> {
    /// The call is over, and had its answer then, if it had one. The service counted
    /// it before.
    pub fn end(mut self, answered: Option<Instant>) {
        self.answered = answered;
    }

    /// Nothing was sent, so the call does not count.
    pub fn unused(mut self) {
        self.is_unused = true;
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        // A millisecond more: times are cut to whole ones.
        let ago = self.answered.map(|at| at.elapsed()).unwrap_or_default();
        let ago = i64::try_from(ago.as_millis()).unwrap_or_default();
        let at = if self.is_unused {
            // No window reaches back to 1970.
            0
        } else {
            now() - ago + 1
        };
        self.limiter.answered().push((self.call, at));
        self.limiter.changed.notify_waiters();
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RateLimiter({})", self.quota)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ledger::{Ledger, SessionInfo};

    #[tokio::test]
    async fn a_call_counts_from_its_answer_whenever_somebody_comes_to_it() {
        let ledger = Ledger::in_memory().await.unwrap();
        let who = SessionInfo::new(None, "0", "https://api.example.test");
        let session = Session::begin(&ledger, &who, "run").await.unwrap();
        let limiter = RateLimiter::new(Quota::default(), Arc::new(session), |_| {});
        let slot = || limiter.slot(Route::Offboard);

        let earlier = Duration::from_secs(5);
        let before = now();
        slot()
            .await
            .unwrap()
            .end(Instant::now().checked_sub(earlier));
        let after = now();
        let answered = limiter.take_answered()[0].1 + 5000;
        assert!((before..=after + 1).contains(&answered), "{answered}");

        // One that was not used is not counted.
        slot().await.unwrap().unused();
        assert_eq!(limiter.take_answered()[0].1, 0);

        // One that was given up may be counted until now.
        let before = now();
        drop(slot().await.unwrap());
        assert!(limiter.take_answered()[0].1 > before);
    }
}
