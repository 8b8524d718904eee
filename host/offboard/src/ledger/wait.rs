//! Waits for a ledger that another process holds for writing: that process may be stopped for
//! a while and then continue. The wait is reported, with that process if the system names it.

use std::{
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use super::{
    error::LedgerErrorKind,
    holder::{Holder, holder},
};

/// How long SQLite itself waits in one attempt. Between attempts the connection is free,
/// so that other tasks of this process can read.
pub(super) const TRY: Duration = Duration::from_millis(500);
/// The pause between two attempts.
const LOCK_PAUSE: Duration = Duration::from_millis(10);
/// If an attempt seems to have taken longer than this, this process was stopped in between.
const LONGEST_TRY: Duration = Duration::from_secs(3);
/// How long another process may hold the ledger.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// How long to wait for the last records of a process that is to stop.
const LAST_PATIENCE: Duration = Duration::from_secs(10);
/// When a wait is first reported, and how often.
const FIRST_REPORT: Duration = Duration::from_secs(5);
const REPORT_INTERVAL: Duration = Duration::from_secs(30);

/// A wait in progress.
#[derive(Debug, Clone, Copy)]
pub struct Waited {
    /// How long it has lasted.
    pub time: Duration,
    /// How long it may last.
    pub longest: Duration,
    /// The process that holds the ledger, if the system names it.
    pub holder: Option<Holder>,
}

/// How to wait for a ledger that another process holds.
#[derive(Clone)]
pub struct Waiting {
    longest: Duration,
    report: Arc<dyn Fn(Waited) + Send + Sync>,
    stop: CancellationToken,
    /// Whether the last wait of a process that is to stop failed.
    gave_up: Arc<AtomicBool>,
}

impl Waiting {
    /// Reports a wait after 5 seconds, and then every 30 seconds. When `stop` is
    /// cancelled, it no longer waits, except once for 10 seconds to record what was done.
    /// [`Events::ledger_reporter`] makes an event of a report.
    ///
    /// [`Events::ledger_reporter`]: crate::run::Events::ledger_reporter
    pub fn new(report: impl Fn(Waited) + Send + Sync + 'static, stop: CancellationToken) -> Self {
        Self {
            longest: PATIENCE,
            report: Arc::new(report),
            stop,
            gave_up: Arc::default(),
        }
    }

    /// Waits at most this long.
    #[must_use]
    pub(super) fn at_most(self, longest: Duration) -> Self {
        Self { longest, ..self }
    }

    /// Whether this process is to stop.
    pub(super) fn stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Retries until the ledger is not locked, or the wait takes too long. If `yields`, it
    /// ends when this process is to stop.
    pub(super) async fn for_lock<T, F>(
        &self,
        path: &Path,
        yields: bool,
        mut attempt: impl FnMut() -> F,
    ) -> Result<Option<T>, LedgerErrorKind>
    where
        F: Future<Output = Result<T, LedgerErrorKind>>,
    {
        let (mut waited, mut last) = (Duration::ZERO, Duration::ZERO);
        let mut next = FIRST_REPORT;
        loop {
            let begun = Instant::now();
            match attempt().await {
                Err(LedgerErrorKind::Locked(_)) => {}
                result => return result.map(Some),
            }
            tokio::time::sleep(LOCK_PAUSE).await;
            let tried = begun.elapsed().min(LONGEST_TRY);
            waited += tried;
            if self.stopped() {
                if yields {
                    return Ok(None);
                }
                last += tried;
            }
            let gave_up = last >= LAST_PATIENCE || self.gave_up.load(Ordering::Relaxed);
            if waited >= self.longest || gave_up {
                self.gave_up.store(gave_up, Ordering::Relaxed);
                return Err(LedgerErrorKind::Locked(holder(path)));
            }
            if waited >= next {
                next = waited + REPORT_INTERVAL;
                (self.report)(Waited {
                    time: waited,
                    longest: self.longest,
                    holder: holder(path),
                });
            }
        }
    }
}

impl Default for Waiting {
    /// Reports nothing, and is not stopped.
    fn default() -> Self {
        Self::new(|_| {}, CancellationToken::new())
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Waiting({:?})", self.longest)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_lock_is_waited_for_so_long_and_no_longer() {
        let locked = || async { Err::<(), _>(LedgerErrorKind::Locked(None)) };
        let waiting = Waiting::default().at_most(Duration::from_millis(30));
        let path = Path::new("nowhere");
        let ended = waiting.for_lock(path, false, locked).await;
        assert!(
            matches!(ended, Err(LedgerErrorKind::Locked(None))),
            "{ended:?}"
        );

        let mut tries = 0;
        let waiting = Waiting::default();
        let free = waiting.for_lock(path, false, || {
            tries += 1;
            let locked = (tries < 3).then_some(LedgerErrorKind::Locked(None));
            let tried = locked.map_or(Ok(tries), Err);
            async { tried }
        });
        assert_eq!(free.await.unwrap(), Some(3));
        // Another error is not a lock.
        let full = waiting.for_lock(path, false, || async {
            Err::<(), _>(LedgerErrorKind::Full)
        });
        assert!(matches!(full.await, Err(LedgerErrorKind::Full)));
    }

    #[tokio::test]
    async fn who_is_to_end_does_not_wait_to_send() {
        let stop = CancellationToken::new();
        let waiting = Waiting::new(|_| {}, stop.clone());
        let ended = waiting.for_lock(Path::new("nowhere"), true, || async {
            stop.cancel();
            Err::<(), _>(LedgerErrorKind::Locked(None))
        });
        assert_eq!(ended.await.unwrap(), None);
    }
}
