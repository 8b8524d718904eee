#![allow(clippy::unwrap_used)]

use super::{
    super::sample::{open, who},
    *,
};
use crate::ledger::Ledger;

/// The admission of a call at this time, in milliseconds.
async fn turn(session: &Session, windows: &[(u32, i64)], now: i64) -> Admission {
    session.admit("/api", windows, &[], || now).await.unwrap()
}

async fn call(session: &Session, windows: &[(u32, i64)], now: i64) -> CallId {
    match turn(session, windows, now).await {
        Admission::Now(call) => call,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_slot_is_free_a_window_after_its_answer_for_all_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder.path().join("ledger.db")).await.unwrap();
    let one = Session::begin(&ledger, &who(), "run").await.unwrap();
    let other = Session::begin(&ledger, &who(), "run").await.unwrap();
    let quota = [(2, 10_000)];
    let first = call(&one, &quota, 0).await;
    let second = call(&other, &quota, 0).await;
    assert_eq!(turn(&one, &quota, 0).await, Admission::Answer);
    one.had_answers(&[(first, 3000)]).await.unwrap();
    assert_eq!(turn(&other, &quota, 4000).await, Admission::At(13_000));
    other.had_answers(&[(second, 5000)]).await.unwrap();
    assert_eq!(turn(&one, &quota, 5000).await, Admission::At(13_000));
    let third = call(&one, &quota, 13_000).await;
    assert_eq!(turn(&other, &quota, 13_000).await, Admission::At(15_000));
    one.had_answers(&[(third, 13_000)]).await.unwrap();
    // Each API has its own windows, and each account, too.
    let elsewhere = one.admit("/other", &quota, &[], || 13_000).await.unwrap();
    assert!(matches!(elsewhere, Admission::Now(_)));
    let mut stranger = who();
    stranger.tenant = Some("another".to_owned());
    let stranger = Session::begin(&ledger, &stranger, "run").await.unwrap();
    assert!(matches!(
        turn(&stranger, &quota, 13_000).await,
        Admission::Now(_)
    ));
}

#[tokio::test]
async fn all_limits_hold_at_once() {
    let ledger = Ledger::in_memory().await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    let quota = [(2, 1000), (3, 10_000)];
    for (now, expected) in [
        (0, None),
        (0, None),
        (0, Some(1000)),
        (1000, None),
        (2000, Some(10_000)),
        (10_000, None),
    ] {
        match turn(&session, &quota, now).await {
            Admission::Now(call) => {
                assert_eq!(expected, None, "{now}");
                session.had_answers(&[(call, now)]).await.unwrap();
            }
            other => assert_eq!(Some(other), expected.map(Admission::At), "{now}"),
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_put_back_does_not_stop_everybody() {
    let ledger = Ledger::in_memory().await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    let quota = [(1, 1000)];
    let first = call(&session, &quota, 1_000_000).await;
    session.had_answers(&[(first, 1_000_000)]).await.unwrap();
    assert_eq!(turn(&session, &quota, 5000).await, Admission::At(6000));
}

#[tokio::test]
async fn a_pause_is_everybodys() {
    let ledger = Ledger::in_memory().await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    session.pause_until(5000).await.unwrap();
    session.pause_until(3000).await.unwrap();
    assert_eq!(turn(&session, &[], 4000).await, Admission::Paused(5000));
    assert!(matches!(turn(&session, &[], 5000).await, Admission::Now(_)));
}

#[tokio::test]
async fn a_pause_that_a_wrong_clock_set_ends() {
    let ledger = Ledger::in_memory().await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    session.pause_until(365 * 24 * 3_600_000).await.unwrap();
    assert!(matches!(turn(&session, &[], 5000).await, Admission::Now(_)));
}

/// Pseudo-random numbers, the same in each run.
fn chance(state: &mut u64, below: i64) -> i64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1);
    i64::try_from(*state >> 33).unwrap() % below
}

/// Holds for every time between request and answer at which the service may count a call.
#[tokio::test]
async fn no_stretch_of_time_has_more_calls_than_the_quota() {
    let quota = [(5, 700), (11, 3000)];
    for seed in 1..6 {
        let ledger = Ledger::in_memory().await.unwrap();
        let session = Session::begin(&ledger, &who(), "run").await.unwrap();
        let mut state = seed;
        let mut open: Vec<(i64, CallId)> = Vec::new();
        let mut counted: Vec<i64> = Vec::new();
        let mut now = 0;
        for _ in 0..250 {
            now += chance(&mut state, 60);
            open.sort_unstable_by_key(|(end, _)| *end);
            let ended: Vec<(CallId, i64)> = open
                .iter()
                .filter(|(end, _)| *end <= now)
                .map(|(end, call)| (*call, *end))
                .collect();
            open.retain(|(end, _)| *end > now);
            match session.admit("/api", &quota, &ended, || now).await.unwrap() {
                Admission::Now(call) => {
                    let takes = 1 + chance(&mut state, 300);
                    counted.push(now + chance(&mut state, takes + 1));
                    open.push((now + takes, call));
                }
                Admission::At(at) => now = at,
                Admission::Answer => now = open[0].0,
                Admission::Paused(_) => unreachable!(),
            }
        }
        counted.sort_unstable();
        for (calls, window) in quota {
            for pair in counted.windows(calls as usize + 1) {
                let apart = pair[calls as usize] - pair[0];
                assert!(apart >= window, "seed {seed}: {apart}");
            }
        }
        assert!(counted.len() > 60, "seed {seed}: {}", counted.len());
    }
}

/// The clock is read after the wait for the ledger.
#[tokio::test]
async fn a_call_that_waited_for_the_ledger_counts_from_the_end_of_its_wait() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = open(&path).await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    let other = open(&path).await.unwrap();
    let writing = other.write().await.unwrap();
    let is_free = std::cell::Cell::new(false);
    let clock = || if is_free.get() { 2000 } else { 1000 };
    let turn = session.admit("/api", &[], &[], clock);
    let free = async {
        tokio::task::yield_now().await;
        is_free.set(true);
        writing.commit().await.unwrap();
    };
    let (turn, ()) = tokio::join!(turn, free);
    turn.unwrap();
    let began: i64 = sqlx::query_scalar("SELECT began FROM call")
        .fetch_one(&ledger.pool)
        .await
        .unwrap();
    assert_eq!(began, 2000);
}

/// A pause of 2 seconds, recorded while the clock was an hour ahead.
#[tokio::test]
async fn a_short_pause_stays_short_when_the_clock_is_corrected() {
    const AHEAD: i64 = 3_600_000;
    let ledger = Ledger::in_memory().await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    let quota = [(100, 60_000)];
    for is_answered in [true, false] {
        let refused = call(&session, &quota, AHEAD).await;
        if is_answered {
            session.had_answers(&[(refused, AHEAD)]).await.unwrap();
        }
        session.pause_until(AHEAD + 2000).await.unwrap();
        // The clock is right again.
        assert_eq!(turn(&session, &quota, 0).await, Admission::Paused(2000));
        assert_eq!(turn(&session, &quota, 1000).await, Admission::Paused(2000));
        let next = call(&session, &quota, 2000).await;
        session.had_answers(&[(next, 2000)]).await.unwrap();
        let remove = sqlx::query("DELETE FROM retry_after");
        remove.execute(&ledger.pool).await.unwrap();
    }
    // A long pause that the service requested is kept.
    let refused = call(&session, &quota, 3000).await;
    session.had_answers(&[(refused, 3000)]).await.unwrap();
    session.pause_until(3_603_000).await.unwrap();
    let paused = turn(&session, &quota, 4000).await;
    assert_eq!(paused, Admission::Paused(3_603_000));
}
