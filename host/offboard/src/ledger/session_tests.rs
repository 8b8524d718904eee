#![allow(clippy::unwrap_used)]

#[cfg(unix)]
use super::super::sample::at_work;
use super::{
    super::sample::{claim, consent, open, ordered, plan, who},
    *,
};
use crate::ledger::RunId;

#[tokio::test]
async fn orders_of_a_stale_session_are_unknown_and_those_of_others_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = open(&path).await.unwrap();
    let gone = Session::begin(&ledger, &who(), "run").await.unwrap();
    let mut entry = ordered(&gone).await;
    claim(&gone, &mut entry).await.unwrap();
    // The next session finds it alive.
    let next = Session::begin(&ledger, &who(), "resume").await.unwrap();
    let run = RunId(1);
    let state = async || {
        let entries = ledger.entries(run, 0, 1).await.unwrap();
        entries[0].order.state()
    };
    assert_eq!(state().await, State::Sending);
    // The lock is released when it is dropped, as if the process was killed.
    drop(gone);
    next.end_stale_sessions().await.unwrap();
    assert_eq!(state().await, State::Unknown);
}

#[tokio::test]
async fn what_was_not_confirmed_is_forgotten_with_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder.path().join("ledger.db")).await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    let run = session
        .plan(uuid::Uuid::new_v4(), Some("key"), false, None, [plan()])
        .await
        .unwrap();
    assert_eq!(
        session.run_of_request("key").await.unwrap(),
        Some((run, true))
    );
    assert!(ledger.runs().await.unwrap().is_empty());
    session.end().await.unwrap();
    assert_eq!(session.run_of_request("key").await.unwrap(), None);
    assert_eq!(ledger.counts(run).await.unwrap().total(), 0);
}

#[tokio::test]
async fn a_living_process_is_found_alive_however_the_ledger_is_spelled_and_without_its_lock() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = open(&path).await.unwrap();
    let living = Session::begin(&ledger, &who(), "run").await.unwrap();
    let mut entry = ordered(&living).await;
    claim(&living, &mut entry).await.unwrap();
    #[cfg(unix)]
    {
        let link = folder.path().join("link.db");
        std::os::unix::fs::symlink("ledger.db", &link).unwrap();
        let other = open(&link).await.unwrap();
        Session::begin(&other, &who(), "resume").await.unwrap();
    }
    std::fs::remove_dir_all(folder.path().join("ledger.db-sessions")).unwrap();
    let next = Session::begin(&ledger, &who(), "resume").await.unwrap();
    next.end_stale_sessions().await.unwrap();
    let entries = ledger.entries(RunId(1), 0, 1).await.unwrap();
    assert_eq!(entries[0].order.state(), State::Sending);
}

/// A copy from before the end of a run has its session, and no lock file beside it.
#[tokio::test]
async fn in_a_copy_of_a_ledger_a_request_that_has_ended_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder.path().join("ledger.db")).await.unwrap();
    let earlier = Session::begin(&ledger, &who(), "run").await.unwrap();
    let mut entry = ordered(&earlier).await;
    claim(&earlier, &mut entry).await.unwrap();
    std::fs::remove_dir_all(folder.path().join("ledger.db-sessions")).unwrap();
    let next = Session::begin(&ledger, &who(), "resume").await.unwrap();
    let state_when = async |sent: i64| {
        for update in [
            "UPDATE orders SET sent = ?",
            "UPDATE session SET began = ? WHERE command = 'run'",
        ] {
            let update = sqlx::query(update).bind(sent);
            update.execute(&ledger.pool).await.unwrap();
        }
        next.end_stale_sessions().await.unwrap();
        let entries = ledger.entries(RunId(1), 0, 1).await.unwrap();
        entries[0].order.state()
    };
    assert_eq!(state_when(now() - LONGEST_CALL / 2).await, State::Sending);
    assert_eq!(state_when(now() - LONGEST_CALL).await, State::Unknown);
}

#[tokio::test]
async fn who_was_taken_for_dead_sends_and_confirms_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder.path().join("ledger.db")).await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    let mut entry = ordered(&session).await;
    let draft = session
        .plan(uuid::Uuid::new_v4(), None, false, None, [plan()])
        .await
        .unwrap();
    session.end().await.unwrap();
    let claimed = session
        .claim(&mut entry, false, "/route", "one POST", None)
        .await;
    assert!(matches!(
        claimed.unwrap_err().kind(),
        LedgerErrorKind::Ended
    ));
    let turn = session.admit("/api", &[], &[], || 0).await;
    assert!(matches!(turn.unwrap_err().kind(), LedgerErrorKind::Ended));
    let confirmed = session.confirm(draft, true, &consent()).await;
    assert!(matches!(
        confirmed.unwrap_err().kind(),
        LedgerErrorKind::Ended
    ));
}

#[cfg(unix)]
#[tokio::test]
async fn a_session_whose_lock_s_file_is_gone_or_another_one_sends_nothing_more() {
    for is_replaced in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let (session, mut entry) = at_work(&path).await;
        let locks = std::fs::read_dir(beside(&path, "-sessions")).unwrap();
        for lock in locks {
            let lock = lock.unwrap().path();
            std::fs::rename(&lock, folder.path().join("lock")).unwrap();
            if is_replaced {
                std::fs::write(&lock, "").unwrap();
            }
        }
        let claimed = session
            .claim(&mut entry, false, "/route", "one POST", None)
            .await;
        assert!(matches!(
            claimed.unwrap_err().kind(),
            LedgerErrorKind::Ended
        ));
        let request = session.request(None, "/route", "x", "y", "one POST").await;
        assert!(matches!(
            request.unwrap_err().kind(),
            LedgerErrorKind::Ended
        ));
    }
}

#[tokio::test]
async fn a_copy_from_before_a_session_is_not_its_ledger() {
    let ledger = Ledger::in_memory().await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    let mut entry = ordered(&session).await;
    // Another process got its number in the meantime.
    sqlx::query("UPDATE session SET uuid = ?")
        .bind(uuid::Uuid::new_v4().to_string())
        .execute(&ledger.pool)
        .await
        .unwrap();
    let claimed = session
        .claim(&mut entry, false, "/route", "one POST", None)
        .await;
    assert!(matches!(claimed.unwrap_err().kind(), LedgerErrorKind::Gone));
}
