#![allow(clippy::unwrap_used)]

#[cfg(unix)]
use super::super::sample::at_work;
use super::{
    super::sample::{claim, open, ordered, who},
    *,
};
use crate::{
    contract::{Problem, Retry},
    ledger::{Ledger, Session},
    order::Verdict,
};

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_was_removed_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = open(&path).await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    let mut entry = ordered(&session).await;
    std::fs::rename(&path, folder.path().join("elsewhere.db")).unwrap();
    let claimed = session
        .claim(&mut entry, false, "/route", "one POST", None)
        .await;
    assert!(matches!(claimed.unwrap_err().kind(), LedgerErrorKind::Gone));
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_is_claimed_without_one_of_the_ledger_s_files() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 11] = [
        ("the log is gone", |path| {
            fs::remove_file(beside(path, "-wal")).unwrap();
        }),
        ("the index is gone", |path| {
            fs::remove_file(beside(path, "-shm")).unwrap();
        }),
        ("the log is another one", |path| {
            fs::copy(beside(path, "-wal"), beside(path, "-new")).unwrap();
            fs::rename(beside(path, "-new"), beside(path, "-wal")).unwrap();
        }),
        ("the index is another one", |path| {
            fs::copy(beside(path, "-shm"), beside(path, "-new")).unwrap();
            fs::rename(beside(path, "-new"), beside(path, "-shm")).unwrap();
        }),
        ("the file is another one", |path| {
            fs::copy(path, beside(path, "-new")).unwrap();
            fs::rename(beside(path, "-new"), path).unwrap();
        }),
        ("the log is a link", |path| {
            fs::rename(beside(path, "-wal"), beside(path, "-new")).unwrap();
            std::os::unix::fs::symlink(beside(path, "-new"), beside(path, "-wal")).unwrap();
        }),
        ("the log was emptied", |path| {
            fs::write(beside(path, "-wal"), "").unwrap();
        }),
        ("the log was cut", |path| {
            let mut options = fs::OpenOptions::new();
            let log = options.write(true).open(beside(path, "-wal")).unwrap();
            log.set_len(1000).unwrap();
        }),
        ("the log was overwritten", |path| {
            let mut options = fs::OpenOptions::new();
            let log = options.write(true).open(beside(path, "-wal")).unwrap();
            std::os::unix::fs::FileExt::write_all_at(&log, &[0; 64], 4096).unwrap();
        }),
        ("the folder is another one", |path| {
            let folder = path.parent().unwrap();
            fs::rename(folder, folder.with_file_name("elsewhere")).unwrap();
            fs::create_dir(folder).unwrap();
        }),
        ("a file was cut", |path| {
            let file = fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(0).unwrap();
            // The descriptor stays open, so that SQLite keeps its locks.
            std::mem::forget(file);
        }),
    ];
    for (what, change) in changes {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("folder/ledger.db");
        let (session, mut entry) = at_work(&path).await;
        sqlx::query("PRAGMA wal_checkpoint")
            .execute(&session.ledger.pool)
            .await
            .unwrap();
        let before = Known::see(path.clone()).unwrap().check().unwrap();
        session.save(&mut entry).await.unwrap();
        assert!(before > 0);
        change(&path);
        let claimed = session
            .claim(&mut entry, false, "/route", "one POST", None)
            .await;
        let error = claimed.map(|_| what).unwrap_err();
        // SQLite may notice first that its log was emptied.
        let is_noticed = matches!(
            error.kind(),
            LedgerErrorKind::Gone | LedgerErrorKind::LogLost | LedgerErrorKind::Database(_)
        );
        assert!(is_noticed, "{what}: {error}");
        let request = session.request(None, "/route", "x", "y", "one POST").await;
        assert!(request.is_err(), "{what}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_is_claimed_once_a_file_has_two_names() {
    for end in ["", "-wal", "-shm"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let (session, mut entry) = at_work(&path).await;
        let other = folder.path().join("other");
        std::fs::hard_link(beside(&path, end), &other).unwrap();
        let claimed = session
            .claim(&mut entry, false, "/route", "one POST", None)
            .await;
        assert!(matches!(
            claimed.unwrap_err().kind(),
            LedgerErrorKind::Linked
        ));
        std::fs::remove_file(other).unwrap();
        assert!(claim(&session, &mut entry).await.is_ok(), "{end}");
    }
}

/// Access by other programs through SQLite does not end a run.
#[tokio::test]
async fn a_ledger_that_others_read_tidy_and_copy_is_still_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = open(&path).await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    let copy = folder.path().join("copy.db");
    let into = format!("VACUUM INTO '{}'", copy.display());
    for statement in [
        "SELECT count(*) FROM orders",
        "PRAGMA wal_checkpoint(PASSIVE)",
        "PRAGMA wal_checkpoint(RESTART)",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
         WHERE i < 3000) SELECT randomblob(100) FROM n",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "DROP TABLE filler",
        "VACUUM",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        &into,
        "PRAGMA journal_mode = WAL",
    ] {
        let other = open(&path).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .execute(&other.pool)
            .await
            .unwrap();
        let mut before = ordered(&session).await;
        assert!(claim(&session, &mut before).await.is_ok(), "{statement}");
        before
            .order
            .settle(Verdict::Rejected(Problem::new("x", Retry::Never, "y")));
        session.save(&mut before).await.unwrap();
        other.close().await;
        Ledger::view(&path).await.unwrap().close().await;
        let mut after = ordered(&session).await;
        assert!(claim(&session, &mut after).await.is_ok(), "{statement}");
        after
            .order
            .settle(Verdict::Rejected(Problem::new("x", Retry::Never, "y")));
        session.save(&mut after).await.unwrap();
    }
}
