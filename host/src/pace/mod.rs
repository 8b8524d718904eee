//! How fast to ask: within the service's quotas, so that it need not refuse.
//! Each API has its own. What this process alone knows; the calls of others are
//! not counted.

mod quota;
mod windows;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use crate::grant::Route;
pub use quota::{InvalidQuota, Limit, Quota};
use windows::{Wait, Windows};

/// What is told of a wait that a person would notice.
type Tell = dyn Fn(Duration) + Send + Sync;

/// A wait that nobody needs to be told of.
const SHORT: Duration = Duration::from_secs(2);

/// The pace of all calls.
pub struct Pace {
    quota: Quota,
    apis: Mutex<HashMap<&'static str, Windows>>,
    answered: Notify,
    tell: Arc<Tell>,
}

/// A call that may leave. It is counted as answered when this is dropped.
#[must_use]
pub struct Slot<'a> {
    pace: &'a Pace,
    api: &'static str,
}

impl Pace {
    /// A pace that keeps to this quota for each API. A longer wait is told.
    pub fn new(quota: Quota, tell: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        Self {
            quota,
            apis: Mutex::default(),
            answered: Notify::new(),
            tell: Arc::new(tell),
        }
    }

    /// Waits until a call to this API may leave.
    pub async fn slot(&self, route: Route) -> Slot<'_> {
        let api = route.template();
        loop {
            // Before the look, so that an answer in between is not missed.
            let answered = self.answered.notified();
            let begun = self
                .apis()
                .entry(api)
                .or_default()
                .begin(&self.quota, Instant::now());
            match begun {
                Ok(()) => return Slot { pace: self, api },
                Err(Wait::Answer) => answered.await,
                Err(Wait::For(left)) => {
                    if left >= SHORT {
                        (self.tell)(left);
                    }
                    tokio::time::sleep(left).await;
                }
            }
        }
    }

    fn apis(&self) -> MutexGuard<'_, HashMap<&'static str, Windows>> {
        self.apis.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::new(Quota::default(), |_| {})
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        if let Some(windows) = self.pace.apis().get_mut(self.api) {
            windows.end(&self.pace.quota, Instant::now());
        }
        self.pace.answered.notify_waiters();
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Pace({})", self.quota)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pace(quota: &str) -> (Arc<Pace>, Arc<Mutex<Vec<Duration>>>) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = Arc::clone(&told);
        let pace = Pace::new(quota.parse().unwrap(), move |wait| {
            tell.lock().unwrap().push(wait)
        });
        (Arc::new(pace), told)
    }

    #[tokio::test]
    async fn each_api_has_a_quota_of_its_own() {
        let (pace, _) = pace("1/1h");
        drop(pace.slot(Route::Offboard).await);
        drop(pace.slot(Route::ReadMachine).await);
        let again = tokio::time::timeout(Duration::from_millis(50), pace.slot(Route::Offboard));
        assert!(again.await.is_err());
    }

    #[tokio::test]
    async fn a_long_wait_is_told_and_who_gives_up_takes_no_slot() {
        let (pace, told) = pace("2/1h");
        drop(pace.slot(Route::Offboard).await);
        let held = pace.slot(Route::Offboard).await;
        let third = tokio::time::timeout(Duration::from_millis(50), pace.slot(Route::Offboard));
        assert!(third.await.is_err());
        assert_eq!(told.lock().unwrap().len(), 1);
        drop(held);
    }

    /// As many as there are slots at once; the others as soon as one is free.
    #[tokio::test]
    async fn many_wait_for_each_others_answers() {
        let (pace, _) = pace("3/100ms");
        let begun = Instant::now();
        let callers = (0..12).map(|_| {
            let pace = Arc::clone(&pace);
            tokio::spawn(async move {
                let slot = pace.slot(Route::ListActions).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
                drop(slot);
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await.unwrap();
        }
        assert!(begun.elapsed() >= Duration::from_millis(300));
    }
}
