//! The schema of the ledger, and its versions.

use std::borrow::Cow;

use sqlx::{
    SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};

/// The schema's versions, oldest first. A released version must never be edited, not even its
/// comments: sqlx compares its checksum with the one in the ledger.
pub(super) fn schema() -> Migrator {
    let versions = [
        ("the ledger", include_str!("schema/0001_ledger.sql")),
        (
            "confirmations",
            include_str!("schema/0002_confirmations.sql"),
        ),
        ("names", include_str!("schema/0003_names.sql")),
        (
            "cancellations",
            include_str!("schema/0004_cancellations.sql"),
        ),
        ("external ids", include_str!("schema/0005_external_ids.sql")),
        (
            "signed-in users",
            include_str!("schema/0006_signed_in_user.sql"),
        ),
    ];
    let migration = |(version, (name, sql)): (i64, (&'static str, &'static str))| {
        let kind = MigrationType::Simple;
        Migration::new(
            version,
            Cow::Borrowed(name),
            kind,
            sql.into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations((1..).zip(versions).map(migration).collect())
}

/// Temporary views that give a ledger of an earlier version the names and columns of the present
/// one, for a connection that only reads; `None` if it needs none.
pub(super) fn view_of(version: i64) -> Option<&'static str> {
    match version {
        ..3 => Some(include_str!("schema/view_0002.sql")),
        3 | 4 => Some(include_str!("schema/view_0004.sql")),
        _ => None,
    }
}

/// The first version that records the signed-in user of a session.
pub(super) const SIGNED_IN_USER: i64 = 6;
/// A temporary view that gives the sessions of earlier versions the columns for it, for a
/// connection that only reads.
pub(super) const VIEW_WITHOUT_SIGNED_IN_USER: &str = include_str!("schema/view_signed_in_user.sql");

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};

    use super::{
        super::{database::Ledger, error::LedgerErrorKind, sample::open},
        *,
    };
    use crate::contract::ExternalId;

    /// Creates a ledger as an earlier version of the schema has it, with one order.
    async fn earlier(path: &std::path::Path, version: usize) {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        let all = schema();
        let migrate = async |version: usize| {
            let first = all.iter().take(version).cloned().collect();
            let migrator = Migrator::with_migrations(first);
            migrator.run(&pool).await.unwrap();
        };
        // With the names of version 1 and 2.
        migrate(version.min(2)).await;
        let old = "INSERT INTO account VALUES (1, 't', 'a', 'https://api.example.test'); \
            INSERT INTO session (id, uuid, account, command, began, ended, version, plugin_sha256) \
            VALUES (1, '00000000-0000-4000-8000-000000000001', 1, 'run', 1, 2, '0.1.0', 'p'); \
            INSERT INTO run (id, uuid, account, session, began, again, draft) \
            VALUES (1, '00000000-0000-4000-8000-000000000002', 1, 1, 1, 0, 0); \
            INSERT INTO orders (id, run, account, number, asked, sought, called, comment, state, \
            joined, known, named) VALUES (1, 1, 1, 1, 'pc-1', 'pc-1', 'PC 1', 'Lost', 'unknown', \
            1, '[\"a\"]', 'b'); \
            INSERT INTO moment (order_id, session, at, state) VALUES (1, 1, 5, 'unknown'); \
            INSERT INTO pause VALUES (1, 7);";
        sqlx::raw_sql(old).execute(&pool).await.unwrap();
        migrate(version).await;
        pool.close().await;
    }

    async fn assert_read(ledger: &Ledger) {
        let runs = ledger.runs().await.unwrap();
        assert_eq!(runs.len(), 1);
        assert!(runs[0].confirmations.is_empty());
        let orders = ledger.entries(runs[0].id, 0, 10).await.unwrap();
        let [order] = &orders[..] else {
            panic!("{orders:?}");
        };
        assert_eq!(order.display_name.as_deref(), Some("PC 1"));
        assert!(order.order.is_adopted());
        assert_eq!(order.known, Some(["a".to_owned()].into()));
        assert_eq!(order.named.as_deref(), Some("b"));
        let requests = ledger.requests(std::slice::from_ref(order)).await;
        assert!(requests.unwrap().remove(0).is_empty());
        let changes = ledger
            .state_changes(std::slice::from_ref(order))
            .await
            .unwrap()
            .remove(0);
        assert_eq!(changes.len(), 1);
        assert!(ledger.all_cancellations(0, 9).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_ledger_of_an_earlier_version_is_migrated() {
        for version in [1, 2, 3, 4, 5] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("ledger.db");
            earlier(&path, version).await;
            let ledger = open(&path).await.unwrap();
            assert_read(&ledger).await;
            // It was sent without one, and gets one if it is sent again.
            let run = ledger.runs().await.unwrap().remove(0).id;
            let entry = ledger.entries(run, 0, 1).await.unwrap().remove(0);
            let id = "00000000-0000-4000-8000-000000000002-1";
            assert_eq!(entry.order.external_id().map(ExternalId::as_str), Some(id));
            assert_eq!(entry.order.sent_external_id(), None);
        }
    }

    /// That process could not record the answers of its requests any more.
    #[tokio::test]
    async fn a_ledger_that_a_process_of_an_earlier_version_uses_is_not_migrated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        earlier(&path, 2).await;
        let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(&path));
        let pool = pool.await.unwrap();
        let open_session = "UPDATE session SET ended = NULL";
        sqlx::raw_sql(open_session).execute(&pool).await.unwrap();
        pool.close().await;
        let sessions = folder.path().join("ledger.db-sessions");
        std::fs::create_dir(&sessions).unwrap();
        let lock = sessions.join("00000000-0000-4000-8000-000000000001");
        let lock = std::fs::File::create_new(lock).unwrap();
        lock.lock().unwrap();
        let error = open(&path).await.unwrap_err();
        assert!(
            matches!(error.kind(), LedgerErrorKind::UsedByOlder),
            "{error}"
        );
        assert_read(&Ledger::view(&path).await.unwrap()).await;
        drop(lock);
        assert_read(&open(&path).await.unwrap()).await;
    }

    #[tokio::test]
    async fn a_ledger_of_an_earlier_version_is_read_without_a_change() {
        for version in [1, 2, 3, 4, 5] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("ledger.db");
            earlier(&path, version).await;
            let before = std::fs::read(&path).unwrap();
            let ledger = Ledger::view(&path).await.unwrap();
            assert_read(&ledger).await;
            ledger.close().await;
            assert_eq!(std::fs::read(&path).unwrap(), before);
        }
    }
}
