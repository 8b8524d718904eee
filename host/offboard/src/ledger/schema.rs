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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};

    use super::{super::sample::open, *};

    /// A ledger of version 0.1.0 is migrated when it is opened, and keeps its runs.
    #[tokio::test]
    async fn a_ledger_of_the_first_version_is_migrated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        let all = schema();
        let first = all.iter().take(1).cloned().collect();
        Migrator::with_migrations(first).run(&pool).await.unwrap();
        let old = "INSERT INTO account VALUES (1, 't', 'a', 'https://api.example.test'); \
            INSERT INTO session (id, uuid, account, command, began, ended, version, plugin_sha256) \
            VALUES (1, '00000000-0000-4000-8000-000000000001', 1, 'run', 1, 2, '0.1.0', 'p'); \
            INSERT INTO run (id, uuid, account, session, began, again, draft) \
            VALUES (1, '00000000-0000-4000-8000-000000000002', 1, 1, 1, 0, 0);";
        sqlx::raw_sql(old).execute(&pool).await.unwrap();
        pool.close().await;

        let ledger = open(&path).await.unwrap();
        let runs = ledger.runs().await.unwrap();
        assert_eq!(runs.len(), 1);
        assert!(runs[0].confirmations.is_empty());
    }
}
