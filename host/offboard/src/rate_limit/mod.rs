//! The rate limiter: keeps calls within the service's quotas, so that the service does not
//! reject them. Each API has its own quota. The windows are in the ledger, so that all
//! processes of one account share them and a restart keeps them.

mod forecast;
mod quota;

use std::{
    collections::HashMap,
    fmt, mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
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

/// Reports a wait that a user would notice.
type WaitReporter = dyn Fn(Wait) + Send + Sync;

/// A shorter wait is not reported.
const MIN_REPORTED: Duration = Duration::from_secs(2);
/// The interval at which the ledger is checked for another process's answer.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// The number of checks before stale sessions are searched.
const CHECKS_PER_SEARCH: u32 = 10;

/// Why a call may not leave yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The quota is used up for this long.
    Quota(Duration),
    /// The service requested a pause, which lasts for this long, from this process.
    Requested(Duration),
    /// The service requested a pause, which lasts for this long, from another process or an
    /// earlier one of the account. Without a quota, a process does not wait for it.
    Recorded(Duration),
}

impl Wait {
    /// The length of the wait.
    #[must_use]
    pub fn length(self) -> Duration {
        match self {
            Self::Quota(length) | Self::Requested(length) | Self::Recorded(length) => length,
        }
    }
}

/// Limits the rate of all calls.
pub struct RateLimiter {
    quota: Quota,
    session: Arc<Session>,
    /// Calls that were answered, and when; not yet in the ledger.
    answered: Mutex<Vec<(CallId, i64)>>,
    changed: Notify,
    /// Of the calls that wait for one API, only one queries the ledger, and the others wait
    /// for it. All would get the same answer, and would delay it.
    queues: Mutex<HashMap<&'static str, Arc<sync::Mutex<()>>>>,
    report: Arc<WaitReporter>,
    /// The end of the pause that the service requested from this process, in milliseconds since
    /// 1970.
    paused_until: AtomicI64,
}

/// A slot for a call that may leave. When it is dropped, the call counts as answered, unless
/// [`Slot::end`] or [`Slot::unused`] was called.
#[must_use]
pub struct Slot<'a> {
    limiter: &'a RateLimiter,
    call: CallId,
    answered: Option<Instant>,
    is_unused: bool,
}

impl RateLimiter {
    /// A rate limiter for this quota, which applies to each API. It reports each wait of at
    /// least 2 seconds; [`Events::rate_limit_reporter`] makes an event of it.
    ///
    /// [`Events::rate_limit_reporter`]: crate::run::Events::rate_limit_reporter
    pub fn new(
        quota: Quota,
        session: Arc<Session>,
        report: impl Fn(Wait) + Send + Sync + 'static,
    ) -> Self {
        Self {
            quota,
            session,
            answered: Mutex::default(),
            changed: Notify::new(),
            queues: Mutex::default(),
            report: Arc::new(report),
            paused_until: AtomicI64::new(0),
        }
    }

    /// The quota.
    #[must_use]
    pub fn quota(&self) -> &Quota {
        &self.quota
    }

    /// Waits until a call to this API may leave.
    ///
    /// # Errors
    /// The ledger cannot be written: the call must not leave.
    pub async fn slot(&self, route: Route) -> Result<Slot<'_>, LedgerError> {
        loop {
            if let Ok(slot) = self.slot_within(route, Duration::MAX).await? {
                return Ok(slot);
            }
        }
    }

    /// Waits until a call to this API may leave, unless one wait would be longer than this. Then
    /// returns that wait.
    ///
    /// # Errors
    /// The ledger cannot be written: the call must not leave.
    pub async fn slot_within(
        &self,
        route: Route,
        longest: Duration,
    ) -> Result<Result<Slot<'_>, Wait>, LedgerError> {
        let api = route.template();
        let windows = self.quota.windows();
        let mut checks = 0;
        let queue = self.queue(api);
        let _first = queue.lock().await;
        loop {
            // Registered before the query, which prevents a race: an answer in between must
            // not be missed.
            let changed = self.changed.notified();
            let (wait, until) = match self.admit(api, &windows).await? {
                Admission::Now(call) => {
                    return Ok(Ok(Slot {
                        limiter: self,
                        call,
                        answered: None,
                        is_unused: false,
                    }));
                }
                // An open call of this process or of another one.
                Admission::Answer => {
                    checks += 1;
                    if checks % CHECKS_PER_SEARCH == 0 {
                        self.session.end_stale_sessions().await?;
                    }
                    let _ = tokio::time::timeout(POLL_INTERVAL, changed).await;
                    continue;
                }
                Admission::At(at) => (Wait::Quota as fn(Duration) -> Wait, at),
                Admission::Paused(until) if until > self.paused_until() => {
                    (Wait::Recorded as fn(Duration) -> Wait, until)
                }
                Admission::Paused(until) => (Wait::Requested as fn(Duration) -> Wait, until),
            };
            let left = u64::try_from(until - now()).unwrap_or(0);
            let wait = wait(Duration::from_millis(left));
            if wait.length() > longest {
                return Ok(Err(wait));
            }
            self.wait(wait, changed).await;
        }
    }

    /// Whether a call may leave now. Without a quota, only a pause that the service requested
    /// from this process delays it.
    async fn admit(&self, api: &str, windows: &[(u32, i64)]) -> Result<Admission, LedgerError> {
        let own = self.paused_until();
        if windows.is_empty() && own > now() {
            return Ok(Admission::Paused(own));
        }
        let answered = self.take_answered();
        let admission = if windows.is_empty() {
            let call = self.session.count(api, &answered, now).await;
            call.map(Admission::Now)
        } else {
            self.session.admit(api, windows, &answered, now).await
        };
        admission.inspect_err(|_| self.answered().extend(answered))
    }

    fn paused_until(&self) -> i64 {
        self.paused_until.load(Ordering::Relaxed)
    }

    /// Pauses every call of every process of the account for this long.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn hold(&self, pause: Duration) -> Result<(), LedgerError> {
        let pause = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        let until = now().saturating_add(pause);
        self.paused_until.fetch_max(until, Ordering::Relaxed);
        let held = self.session.pause_until(until).await;
        self.changed.notify_waiters();
        held
    }

    /// Records which calls were answered, so that no other process waits for them.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn flush(&self) -> Result<(), LedgerError> {
        let answered = self.take_answered();
        self.session.had_answers(&answered).await
    }

    async fn wait(&self, wait: Wait, changed: impl Future<Output = ()>) {
        let left = wait.length();
        debug!(?wait, "waiting before a call");
        if left >= MIN_REPORTED {
            (self.report)(wait);
        }
        // A pause that the service requested in the meantime is longer.
        tokio::select! {
            () = tokio::time::sleep(left) => {}
            () = changed, if left > POLL_INTERVAL => {}
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
    /// Ends the call, which was answered at this time, if at all. The service counted it
    /// before.
    pub fn end(mut self, answered: Option<Instant>) {
        self.answered = answered;
    }

    /// Releases the slot: nothing was sent, so the call does not count.
    pub fn unused(mut self) {
        self.is_unused = true;
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        // Plus one millisecond, because times are truncated.
        let ago = self.answered.map(|at| at.elapsed()).unwrap_or_default();
        let ago = i64::try_from(ago.as_millis()).unwrap_or_default();
        let at = if self.is_unused {
            // A time outside every window.
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
    async fn a_call_counts_from_its_answer_not_from_its_processing() {
        let ledger = Ledger::in_memory().await.unwrap();
        let info = SessionInfo::new(None, "0", "https://api.example.test");
        let session = Session::begin(&ledger, &info, "run").await.unwrap();
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

        // An unused call does not count.
        slot().await.unwrap().unused();
        assert_eq!(limiter.take_answered()[0].1, 0);

        // A call that was dropped may count until now.
        let before = now();
        drop(slot().await.unwrap());
        assert!(limiter.take_answered()[0].1 > before);
    }
}
