//! Counts calls in sliding windows, for all processes that share an account. The service
//! counts a call at an unknown time between its request and its answer. So a call counts from
//! its request until one window after its answer.

use sqlx::{Sqlite, Transaction};

use super::{
    error::{LedgerError, LedgerErrorKind},
    session::Session,
};

/// The id of a call in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallId(i64);

/// Whether a call may leave now; if not, when to check again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The call may leave now, and is counted.
    Now(CallId),
    /// The call may leave at this time, in milliseconds since 1970, unless another call takes
    /// the slot first.
    At(i64),
    /// The call may not leave before an open call has its answer.
    Answer,
    /// The service requested a pause until this time, in milliseconds since 1970.
    Paused(i64),
}

/// The most calls in any window of this length, in milliseconds.
pub(crate) type Window = (u32, i64);

impl Session {
    /// Records that these calls were answered. Then counts a call to this API that leaves now,
    /// if one may.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn admit(
        &self,
        api: &str,
        windows: &[Window],
        answered: &[(CallId, i64)],
        clock: impl FnOnce() -> i64,
    ) -> Result<Admission, LedgerError> {
        let turn = async {
            let mut writing = self.ledger.write_now().await?;
            self.must_live(&mut writing).await?;
            end(&mut writing, answered).await?;
            // The clock is read after the wait for the ledger, which may have been long.
            let turn = self.begin_call(&mut writing, api, windows, clock());
            let turn = turn.await?;
            writing.commit().await?;
            Ok(turn)
        };
        turn.await.map_err(|kind: LedgerErrorKind| self.error(kind))
    }

    /// Records that these calls were answered. Then counts a call to this API that leaves now,
    /// whatever the windows and a recorded pause say: the user chose to send without a quota.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn count(
        &self,
        api: &str,
        answered: &[(CallId, i64)],
        clock: impl FnOnce() -> i64,
    ) -> Result<CallId, LedgerError> {
        let count = async {
            let mut writing = self.ledger.write_now().await?;
            self.must_live(&mut writing).await?;
            end(&mut writing, answered).await?;
            let call = self.insert_call(&mut writing, api, clock()).await?;
            writing.commit().await?;
            Ok(call)
        };
        count
            .await
            .map_err(|kind: LedgerErrorKind| self.error(kind))
    }

    /// Records that these calls were answered.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn had_answers(&self, answered: &[(CallId, i64)]) -> Result<(), LedgerError> {
        if answered.is_empty() {
            return Ok(());
        }
        let write = async {
            let mut writing = self.ledger.write().await?;
            end(&mut writing, answered).await?;
            Ok(writing.commit().await?)
        };
        write
            .await
            .map_err(|kind: LedgerErrorKind| self.error(kind))
    }

    /// Pauses all processes of the account until this time, as the service requested.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn pause_until(&self, until: i64) -> Result<(), LedgerError> {
        let write = async {
            let mut writing = self.ledger.write().await?;
            sqlx::query(
                "INSERT INTO retry_after (account, until) VALUES (?, ?) \
                 ON CONFLICT (account) DO UPDATE SET until = max(until, excluded.until)",
            )
            .bind(self.account)
            .bind(until)
            .execute(&mut *writing)
            .await?;
            Ok(writing.commit().await?)
        };
        write
            .await
            .map_err(|kind: LedgerErrorKind| self.error(kind))
    }

    async fn begin_call(
        &self,
        writing: &mut Transaction<'static, Sqlite>,
        api: &str,
        windows: &[Window],
        now: i64,
    ) -> Result<Admission, LedgerErrorKind> {
        let until: Option<i64> =
            sqlx::query_scalar("SELECT until FROM retry_after WHERE account = ?")
                .bind(self.account)
                .fetch_optional(&mut **writing)
                .await?;
        // A pause that is further in the future was set by a wrong clock.
        let is_ahead =
            |until: &i64| (now..now + MAX_RECORDED_PAUSE).contains(until) && *until > now;
        if let Some(until) = until.filter(is_ahead) {
            let until = self.by_this_clock(writing, until, now).await?;
            return Ok(Admission::Paused(until));
        }
        self.remove_expired(writing, api, windows, now).await?;
        match self.next_slot(writing, api, windows, now).await? {
            Slot::Now => {}
            Slot::At(at) => return Ok(Admission::At(at)),
            Slot::AfterAnswer => return Ok(Admission::Answer),
        }
        Ok(Admission::Now(self.insert_call(writing, api, now).await?))
    }

    async fn insert_call(
        &self,
        writing: &mut Transaction<'static, Sqlite>,
        api: &str,
        now: i64,
    ) -> Result<CallId, LedgerErrorKind> {
        let id = sqlx::query_scalar(
            "INSERT INTO call (account, session, api, began) VALUES (?, ?, ?, ?) RETURNING id",
        )
        .bind(self.account)
        .bind(self.id)
        .bind(api)
        .bind(now)
        .fetch_one(&mut **writing)
        .await?;
        Ok(CallId(id))
    }

    /// The end of a pause, corrected if the clock that recorded it was ahead: then that clock
    /// also recorded calls in the future, and the last of them shows by how much it was ahead.
    async fn by_this_clock(
        &self,
        writing: &mut Transaction<'static, Sqlite>,
        until: i64,
        now: i64,
    ) -> Result<i64, LedgerErrorKind> {
        let last: Option<i64> = sqlx::query_scalar(
            "SELECT max(max(began, coalesce(answered, 0))) FROM call WHERE account = ?",
        )
        .bind(self.account)
        .fetch_one(&mut **writing)
        .await?;
        let Some(last) = last.filter(|last| *last > now + CLOCK_TOLERANCE) else {
            return Ok(until);
        };
        let until = now + (until - last).max(0);
        for update in [
            "UPDATE retry_after SET until = ?1 WHERE account = ?2",
            "UPDATE call SET began = min(began, ?3), answered = min(answered, ?3) WHERE account = ?2",
        ] {
            sqlx::query(update)
                .bind(until)
                .bind(self.account)
                .bind(now)
                .execute(&mut **writing)
                .await?;
        }
        Ok(until)
    }

    /// Removes calls that no window counts any more, and corrects times in the future.
    async fn remove_expired(
        &self,
        writing: &mut Transaction<'static, Sqlite>,
        api: &str,
        windows: &[Window],
        now: i64,
    ) -> Result<(), LedgerErrorKind> {
        let longest = windows.iter().map(|(_, window)| *window).max().unwrap_or(0);
        sqlx::query("DELETE FROM call WHERE account = ? AND api = ? AND answered <= ?")
            .bind(self.account)
            .bind(api)
            .bind(now - longest.max(KEPT))
            .execute(&mut **writing)
            .await?;
        // If a clock was set back, calls must not count for longer than a window. A time
        // slightly in the future is valid: the answer arrived while this transaction waited
        // for the ledger.
        sqlx::query(
            "UPDATE call SET answered = ?3 \
             WHERE account = ?1 AND api = ?2 AND answered > ?3 + ?4",
        )
        .bind(self.account)
        .bind(api)
        .bind(now)
        .bind(CLOCK_TOLERANCE)
        .execute(&mut **writing)
        .await?;
        Ok(())
    }

    /// When the windows allow another call.
    async fn next_slot(
        &self,
        writing: &mut Transaction<'static, Sqlite>,
        api: &str,
        windows: &[Window],
        now: i64,
    ) -> Result<Slot, LedgerErrorKind> {
        let open: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM call WHERE account = ? AND api = ? AND answered IS NULL",
        )
        .bind(self.account)
        .bind(api)
        .fetch_one(&mut **writing)
        .await?;
        let mut at = None;
        for (calls, window) in windows {
            let recent: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM call WHERE account = ? AND api = ? AND answered > ?",
            )
            .bind(self.account)
            .bind(api)
            .bind(now - window)
            .fetch_one(&mut **writing)
            .await?;
            let too_many = open + recent - i64::from(*calls);
            if too_many < 0 {
                continue;
            }
            // The surplus calls have to leave the window first.
            let oldest: Option<i64> = sqlx::query_scalar(
                "SELECT answered FROM call WHERE account = ? AND api = ? AND answered > ? \
                 ORDER BY answered LIMIT 1 OFFSET ?",
            )
            .bind(self.account)
            .bind(api)
            .bind(now - window)
            .bind(too_many)
            .fetch_optional(&mut **writing)
            .await?;
            match oldest {
                Some(oldest) => at = at.max(Some(oldest + window)),
                None => return Ok(Slot::AfterAnswer),
            }
        }
        Ok(at.map_or(Slot::Now, Slot::At))
    }
}

/// When the windows allow another call.
enum Slot {
    Now,
    /// At this time, in milliseconds since the Unix epoch.
    At(i64),
    /// After an answer to one of the calls in flight.
    AfterAnswer,
}

/// The longest pause, in milliseconds. No service requests more than the longer window of its
/// quota.
const MAX_RECORDED_PAUSE: i64 = 2 * 3_600_000;

/// How far in the future, in milliseconds, a recorded time may be although no clock was wrong.
const CLOCK_TOLERANCE: i64 = 60_000;

/// How long calls are kept, in milliseconds. Another process may have a quota with a longer
/// window.
const KEPT: i64 = 3_600_000;

async fn end(
    writing: &mut Transaction<'static, Sqlite>,
    answered: &[(CallId, i64)],
) -> Result<(), LedgerErrorKind> {
    for (call, at) in answered {
        sqlx::query("UPDATE call SET answered = ? WHERE id = ?")
            .bind(at)
            .bind(call.0)
            .execute(&mut **writing)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "calls_tests.rs"]
mod tests;
