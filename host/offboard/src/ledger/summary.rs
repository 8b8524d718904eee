//! What many orders are together, without reading each of them: a run may have a
//! hundred thousand.

use sqlx::Row;

use super::{Fault, Ledger, LedgerError, RunId};
use crate::order::DeviceSnapshot;

/// Planned orders of whose machines the same is known.
#[derive(Debug, Clone)]
pub struct Alike {
    /// What is known of each, but for when it was seen; of those that were merged
    /// into others, one of the others.
    pub seen: Option<DeviceSnapshot>,
    /// How many they are.
    pub orders: u64,
    /// How many of them are not known to have been seen.
    pub not_seen: u64,
    /// When the first of them was seen last, and when the last.
    pub last_seen: Option<(String, String)>,
}

impl Ledger {
    /// The planned orders of a run, by what is known of their machines.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn alike(&self, run: RunId) -> Result<Vec<Alike>, LedgerError> {
        let read = async {
            let rows = sqlx::query(
                "SELECT preflight = 'ok' AS seen, platform, health, onboarding, \
                 max(merged_into) AS merged, count(*) AS orders, count(last_seen) AS times, \
                 min(last_seen) AS first, max(last_seen) AS last FROM orders \
                 WHERE run = ? AND state = 'planned' \
                 GROUP BY 1, 2, 3, 4, merged_into IS NULL ORDER BY 2, 3, 4",
            )
            .bind(run.0)
            .fetch_all(&self.pool)
            .await?;
            let alike = |row| Alike::of(row);
            rows.iter().map(alike).collect::<Result<_, _>>()
        };
        read.await.map_err(|error: Fault| self.fault(error))
    }

    /// Comments of a run's planned orders, each once, at most so many.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn comments(&self, run: RunId, limit: u32) -> Result<Vec<String>, LedgerError> {
        let comments = sqlx::query_scalar(
            "SELECT DISTINCT comment FROM orders WHERE run = ? AND state = 'planned' LIMIT ?",
        )
        .bind(run.0)
        .bind(limit)
        .fetch_all(&self.pool)
        .await;
        comments.map_err(|error| self.fault(error))
    }
}

impl Alike {
    fn of(row: &sqlx::sqlite::SqliteRow) -> Result<Self, Fault> {
        let count = |of: &str| row.try_get::<i64, _>(of).map(i64::unsigned_abs);
        let (first, last): (Option<String>, Option<String>) =
            (row.try_get("first")?, row.try_get("last")?);
        let seen: Option<bool> = row.try_get("seen")?;
        let seen = match seen {
            Some(true) => Some(DeviceSnapshot {
                platform: row.try_get("platform")?,
                health: row.try_get("health")?,
                onboarding: row.try_get("onboarding")?,
                merged_into: row.try_get("merged")?,
                ..DeviceSnapshot::default()
            }),
            _ => None,
        };
        let orders = count("orders")?;
        Ok(Self {
            seen,
            orders,
            not_seen: orders.saturating_sub(count("times")?),
            last_seen: first.zip(last),
        })
    }
}
