//! Reports waits for the rate limiter and for the ledger as events in the stream of a run.

use super::{Event, Events};
use crate::{ledger::Waited, rate_limit::Wait};

impl Events {
    /// A reporter for [`RateLimiter::new`]: each wait that a user would notice is an
    /// [`Event::RateLimited`].
    ///
    /// [`RateLimiter::new`]: crate::rate_limit::RateLimiter::new
    pub fn rate_limit_reporter(&self) -> impl Fn(Wait) + Send + Sync + 'static + use<> {
        let events = self.clone();
        move |wait| {
            let is_requested = !matches!(wait, Wait::Quota(_));
            let after = wait.length();
            events.send(Event::RateLimited {
                is_requested,
                after,
            });
        }
    }

    /// A reporter for [`Waiting::new`]: each wait for another process is an
    /// [`Event::LedgerLocked`].
    ///
    /// [`Waiting::new`]: crate::ledger::Waiting::new
    pub fn ledger_reporter(&self) -> impl Fn(Waited) + Send + Sync + 'static + use<> {
        let events = self.clone();
        move |waited| {
            events.send(Event::LedgerLocked {
                process: waited.holder.map(|holder| holder.process),
                waited: waited.time,
                longest: waited.longest,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::StreamExt;

    use super::*;
    use crate::{ledger::Holder, run};

    #[tokio::test]
    async fn waits_are_events() {
        let (events, stream) = run::events();
        let wait = events.rate_limit_reporter();
        wait(Wait::Quota(Duration::from_secs(3)));
        wait(Wait::Requested(Duration::from_secs(4)));
        let locked = events.ledger_reporter();
        locked(Waited {
            time: Duration::from_secs(5),
            longest: Duration::from_secs(600),
            holder: Some(Holder {
                process: 7,
                stopped: true,
            }),
        });
        drop((events, wait, locked));
        let seen: Vec<_> = stream.map(|event| serde_json::json!(event)).collect().await;
        assert_eq!(
            seen,
            [
                serde_json::json!({"event": "rate-limited", "isRequested": false, "afterMs": 3000}),
                serde_json::json!({"event": "rate-limited", "isRequested": true, "afterMs": 4000}),
                serde_json::json!({
                    "event": "ledger-locked",
                    "process": 7,
                    "waitedMs": 5000,
                    "longestMs": 600_000
                }),
            ]
        );
    }
}
