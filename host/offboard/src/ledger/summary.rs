//! Summaries of many orders without reading each of them: a run may have a hundred thousand.

use sqlx::Row;

use super::{
    database::Ledger,
    error::{LedgerError, LedgerErrorKind},
    run_id::RunId,
};
use crate::order::DeviceSnapshot;

/// Planned orders whose machines have the same properties.
#[derive(Debug, Clone)]
pub struct OrderGroup {
    /// The properties, without the time at which each was last seen; if machines were merged
    /// into others, the id of one of the others.
    pub seen: Option<DeviceSnapshot>,
    /// The number of orders.
    pub orders: u64,
    /// The number of orders whose machine has no known time at which it was last seen.
    pub not_seen: u64,
    /// The earliest and the latest time at which one of them was last seen.
    pub last_seen: Option<(String, String)>,
}

impl Ledger {
    /// The planned orders of a run, grouped by the properties of their machines.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn order_groups(&self, run: RunId) -> Result<Vec<OrderGroup>, LedgerError> {
        let read = async {
            let rows = sqlx::query(
                "SELECT preflight = 'ok' AS seen, platform, version, health, onboarding, \
                 max(merged_into) AS merged, count(*) AS orders, count(last_seen) AS times, \
                 min(last_seen) AS first, max(last_seen) AS last FROM orders \
                 WHERE run = ? AND state = 'planned' \
                 GROUP BY 1, 2, 3, 4, 5, merged_into IS NULL ORDER BY 2, 3, 4, 5",
            )
            .bind(run.0)
            .fetch_all(&self.pool)
            .await?;
            let alike = |row| OrderGroup::of(row);
            rows.iter().map(alike).collect::<Result<_, _>>()
        };
        read.await.map_err(|kind: LedgerErrorKind| self.error(kind))
    }

    /// Distinct comments of a run's planned orders, at most `limit`.
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
        comments.map_err(|error| self.error(error))
    }
}

impl OrderGroup {
    fn of(row: &sqlx::sqlite::SqliteRow) -> Result<Self, LedgerErrorKind> {
        let count = |of: &str| row.try_get::<i64, _>(of).map(i64::unsigned_abs);
        let (first, last): (Option<String>, Option<String>) =
            (row.try_get("first")?, row.try_get("last")?);
        let seen: Option<bool> = row.try_get("seen")?;
        let seen = match seen {
            Some(true) => Some(DeviceSnapshot {
                platform: row.try_get("platform")?,
                version: row.try_get("version")?,
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{
        super::sample::{plan, who},
        *,
    };
    use crate::{ledger::Session, order::Preflight};

    /// Whether the service can offboard a machine depends on its version.
    #[tokio::test]
    async fn machines_with_different_versions_are_different_groups() {
        let ledger = Ledger::in_memory().await.unwrap();
        let session = Session::begin(&ledger, &who(), "run").await.unwrap();
        let plans = (0..3).map(|_| plan());
        let run = session.plan(uuid::Uuid::new_v4(), None, false, None, plans);
        let run = run.await.unwrap();
        let mut entries = ledger.entries(run, 0, 9).await.unwrap();
        for (entry, version) in entries.iter_mut().zip(["1607", "22H2", "22H2"]) {
            let device = DeviceSnapshot {
                platform: Some("Windows10".to_owned()),
                version: Some(version.to_owned()),
                ..DeviceSnapshot::default()
            };
            entry.order.record_preflight(Preflight::Found(device));
        }
        session.save_all(&mut entries).await.unwrap();
        let groups = ledger.order_groups(run).await.unwrap();
        let found: Vec<_> = groups
            .iter()
            .map(|group| {
                let version = group.seen.as_ref().and_then(|seen| seen.version.as_deref());
                (version, group.orders)
            })
            .collect();
        assert_eq!(found, [(Some("1607"), 1), (Some("22H2"), 2)]);
    }

    #[tokio::test]
    async fn orders_are_grouped_by_what_is_known_of_their_machines() {
        let ledger = Ledger::in_memory().await.unwrap();
        let session = Session::begin(&ledger, &who(), "run").await.unwrap();
        let plans = (0..4).map(|_| plan());
        let run = session.plan(uuid::Uuid::new_v4(), None, false, None, plans);
        let run = run.await.unwrap();
        let mut entries = ledger.entries(run, 0, 9).await.unwrap();
        for (entry, last_seen) in entries.iter_mut().zip([Some("2"), None, Some("1")]) {
            entry
                .order
                .record_preflight(Preflight::Found(DeviceSnapshot {
                    platform: Some("Linux".to_owned()),
                    last_seen: last_seen.map(ToOwned::to_owned),
                    ..DeviceSnapshot::default()
                }));
        }
        session.save_all(&mut entries).await.unwrap();
        assert_eq!(ledger.not_looked_at(run).await.unwrap(), 1);
        let alike = ledger.order_groups(run).await.unwrap();
        let found: Vec<_> = alike
            .iter()
            .map(|alike| {
                let platform = alike.seen.as_ref().and_then(|seen| seen.platform.clone());
                (platform, alike.orders, alike.not_seen)
            })
            .collect();
        let linux = Some("Linux".to_owned());
        assert_eq!(found, [(None, 1, 1), (linux, 3, 1)]);
        let times = Some(("1".to_owned(), "2".to_owned()));
        assert_eq!(alike[1].last_seen, times);
        assert_eq!(ledger.comments(run, 5).await.unwrap(), ["Lost"]);
    }
}
