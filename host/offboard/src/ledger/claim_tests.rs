#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use super::{
    super::sample::{claim, open, ordered, plan, who},
    *,
};
use crate::{
    contract::{MachineAction, Problem, Retry},
    ledger::{Ledger, SessionInfo},
    order::{Preflight, Verdict},
};

#[tokio::test]
async fn of_two_sessions_one_gets_an_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledgers = [open(&path).await.unwrap(), open(&path).await.unwrap()];
    let one = Session::begin(&ledgers[0], &who(), "run").await.unwrap();
    let other = Session::begin(&ledgers[1], &who(), "run").await.unwrap();
    let mut mine = ordered(&one).await;
    let mut theirs = mine.clone();
    assert!(claim(&one, &mut mine).await.is_ok());
    assert_eq!(
        claim(&other, &mut theirs).await,
        Err(ClaimConflict::Elsewhere)
    );
    // Another order of the same machine cannot be claimed, either.
    let mut second = ordered(&other).await;
    let conflict = claim(&other, &mut second).await;
    assert!(matches!(
        conflict,
        Err(ClaimConflict::Machine {
            state: State::Sending,
            ..
        })
    ));
}

/// Both resend an unknown order. The first has its answer, which does not settle it.
#[tokio::test]
async fn of_two_sessions_one_resends_an_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledgers = [open(&path).await.unwrap(), open(&path).await.unwrap()];
    let one = Session::begin(&ledgers[0], &who(), "resume").await.unwrap();
    let other = Session::begin(&ledgers[1], &who(), "resume").await.unwrap();
    let unknown = || {
        let problem = Problem::new("outcome-unknown", Retry::AskFirst, "x");
        Verdict::Unknown(problem)
    };
    let mut mine = ordered(&one).await;
    mine.order.settle(unknown());
    one.save(&mut mine).await.unwrap();
    let mut theirs = mine.clone();
    assert!(!one.is_its_own(&mine));

    assert!(claim(&one, &mut mine).await.is_ok());
    mine.order.settle(unknown());
    mine.known = Some(HashSet::from(["new".to_owned()]));
    one.save(&mut mine).await.unwrap();
    assert!(one.is_its_own(&mine));
    assert_eq!(
        claim(&other, &mut theirs).await,
        Err(ClaimConflict::Elsewhere)
    );
    // The stale copy does not overwrite the state from before the second request.
    other.save(&mut theirs).await.unwrap();
    assert_eq!(theirs.known, mine.known);

    let changes = ledgers[0].state_changes(&[mine]).await.unwrap().remove(0);
    let sending = changes.iter().filter(|change| change.state == "sending");
    let details: Vec<_> = sending.map(|change| change.detail.as_deref()).collect();
    assert_eq!(details, [Some("resent")]);
    // A new choice of the user covers orders that are unknown now.
    assert!(claim(&other, &mut theirs).await.is_ok());
}

#[tokio::test]
async fn of_one_run_a_machine_is_sent_for_once_also_where_that_is_done_again() {
    let ledger = Ledger::in_memory().await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    let run = session.plan(uuid::Uuid::new_v4(), None, true, None, [plan(), plan()]);
    let run = run.await.unwrap();
    let mut entries = ledger.entries(run, 0, 2).await.unwrap();
    for entry in &mut entries {
        entry.order.record_preflight(Preflight::Unavailable);
    }
    session.save_all(&mut entries).await.unwrap();
    let [first, second] = &mut entries[..] else {
        panic!("{entries:?}");
    };
    let claimed = session.claim(first, true, "/route", "one POST", None).await;
    assert!(claimed.unwrap().is_ok());
    let action = MachineAction::bare("action");
    first.order.settle(Verdict::Accepted(Box::new(action)));
    session.save(first).await.unwrap();
    let claimed = session
        .claim(second, true, "/route", "one POST", None)
        .await;
    assert!(matches!(
        claimed.unwrap(),
        Err(ClaimConflict::Machine { .. })
    ));
    // Another run may have one.
    let mut other = ordered(&session).await;
    let claimed = session
        .claim(&mut other, true, "/route", "one POST", None)
        .await;
    assert!(claimed.unwrap().is_ok());
}

#[tokio::test]
async fn another_application_of_the_tenant_does_not_send_it_again() {
    let ledger = Ledger::in_memory().await.unwrap();
    let application = |name: &str| SessionInfo {
        tenant: Some("contoso".to_owned()),
        application: Some(name.to_owned()),
        ..who()
    };
    let one = Session::begin(&ledger, &application("one"), "run")
        .await
        .unwrap();
    let other = Session::begin(&ledger, &application("other"), "run")
        .await
        .unwrap();
    let mut first = ordered(&one).await;
    claim(&one, &mut first).await.unwrap();
    let mut second = ordered(&other).await;
    assert!(matches!(
        claim(&other, &mut second).await,
        Err(ClaimConflict::Machine {
            state: State::Sending,
            ..
        })
    ));
}

/// Its action has no external id, so the external id alone must not decide.
#[tokio::test]
async fn a_request_without_an_external_id_decides_for_all_that_may_have_been_carried_out() {
    for (first, second, all) in [
        (true, true, true),
        (true, false, false),
        (false, true, false),
        (false, false, false),
    ] {
        for is_unknown in [true, false] {
            let ledger = Ledger::in_memory().await.unwrap();
            let session = Session::begin(&ledger, &who(), "run").await.unwrap();
            let mut entry = ordered(&session).await;
            let id = entry.order.external_id().unwrap().clone();
            let claim = async |entry: &mut OrderRecord, has_id: bool| {
                let id = Some(&id).filter(|_| has_id);
                let claimed = session.claim(entry, false, "/route", "one POST", id).await;
                claimed.unwrap().unwrap();
                let read = ledger.entries(RunId(1), 0, 1).await.unwrap().remove(0);
                let sent = entry.order.sent_external_id().cloned();
                assert_eq!(read.order.sent_external_id(), sent.as_ref());
            };
            claim(&mut entry, first).await;
            assert_eq!(entry.order.sent_external_id().is_some(), first);
            let problem = Problem::new("outcome-unknown", Retry::AskFirst, "lost");
            entry.order.settle(if is_unknown {
                Verdict::Unknown(problem)
            } else {
                Verdict::NotSent(problem)
            });
            entry.order.replan();
            session.save(&mut entry).await.unwrap();
            claim(&mut entry, second).await;
            // A request that was not sent does not count.
            let expected = if is_unknown { all } else { second };
            assert_eq!(entry.order.sent_external_id().is_some(), expected);
        }
    }
}
