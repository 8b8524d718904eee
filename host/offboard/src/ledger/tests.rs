#![allow(clippy::unwrap_used)]

#[cfg(unix)]
use super::files::Known;
use super::*;
use crate::{
    contract::{Problem, Retry},
    order::{Preflight, State, Target},
    plan::{Confirmation, Method},
};

const MACHINE: &str = "0123456789abcdef0123456789abcdef01234567";

async fn open(path: &Path) -> Result<Ledger, LedgerError> {
    Ledger::open(path, Waiting::default()).await
}

fn who() -> Who {
    Who::new(None, "0", "http://127.0.0.1:1")
}

fn plan() -> Plan {
    Plan {
        target: Target::Id(MACHINE.parse().unwrap()),
        comment: "Lost".parse().unwrap(),
        called: None,
    }
}

fn consent() -> Confirmation {
    Confirmation {
        digest: None,
        method: Method::Consent,
        by: None,
        resend_unknown: false,
    }
}

/// A run of one order that was looked at.
async fn ordered(session: &Session) -> Entry {
    let run = session
        .plan(uuid::Uuid::new_v4(), None, false, None, [plan()])
        .await
        .unwrap();
    session.confirm(run, true, &consent()).await.unwrap();
    let mut entry = session.ledger().entries(run, 0, 1).await.unwrap().remove(0);
    entry.order.record_preflight(Preflight::Unavailable);
    session.save(&mut entry).await.unwrap();
    entry
}

async fn claim(session: &Session, entry: &mut Entry) -> Result<RequestId, Taken> {
    let claimed = session.claim(entry, false, "/route", "one POST").await;
    claimed.unwrap()
}

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
    assert_eq!(claim(&other, &mut theirs).await, Err(Taken::Elsewhere));
    // Nor another order of the same machine.
    let mut second = ordered(&other).await;
    let taken = claim(&other, &mut second).await;
    assert!(matches!(
        taken,
        Err(Taken::Machine {
            state: State::Sending,
            ..
        })
    ));
}

/// Both resend an unknown order. The first has had its answer, which decides nothing.
#[tokio::test]
async fn of_two_sessions_one_resends_an_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledgers = [open(&path).await.unwrap(), open(&path).await.unwrap()];
    let one = Session::begin(&ledgers[0], &who(), "resume").await.unwrap();
    let other = Session::begin(&ledgers[1], &who(), "resume").await.unwrap();
    let unknown = || {
        let problem = Problem::new("outcome-unknown", Retry::AskFirst, "x");
        crate::order::Verdict::Unknown(problem)
    };
    let mut mine = ordered(&one).await;
    mine.order.settle(unknown());
    one.save(&mut mine).await.unwrap();
    let mut theirs = mine.clone();
    assert!(!one.is_its_own(&mine));

    assert!(claim(&one, &mut mine).await.is_ok());
    mine.order.settle(unknown());
    mine.known = Some(std::collections::HashSet::from(["new".to_owned()]));
    one.save(&mut mine).await.unwrap();
    assert!(one.is_its_own(&mine));
    assert_eq!(claim(&other, &mut theirs).await, Err(Taken::Elsewhere));
    // Nor does it overwrite what was known before the second request.
    other.save(&mut theirs).await.unwrap();
    assert_eq!(theirs.known, mine.known);

    let changes = ledgers[0].moments(&mine).await.unwrap();
    let sending = changes.iter().filter(|change| change.state == "sending");
    let details: Vec<_> = sending.map(|change| change.detail.as_deref()).collect();
    assert_eq!(details, [Some("resent")]);
    // A choice of its user that is made now covers what is unknown now.
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
    let claimed = session.claim(first, true, "/route", "one POST").await;
    assert!(claimed.unwrap().is_ok());
    let action = crate::contract::MachineAction::bare("action");
    first
        .order
        .settle(crate::order::Verdict::Accepted(Box::new(action)));
    session.save(first).await.unwrap();
    let claimed = session.claim(second, true, "/route", "one POST").await;
    assert!(matches!(claimed.unwrap(), Err(Taken::Machine { .. })));
    // Another run may.
    let mut other = ordered(&session).await;
    let claimed = session.claim(&mut other, true, "/route", "one POST").await;
    assert!(claimed.unwrap().is_ok());
}

#[tokio::test]
async fn a_run_that_has_ended_is_not_unfinished() {
    let ledger = Ledger::in_memory().await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    let mut entry = ordered(&session).await;
    let unfinished = ledger.unfinished().await.unwrap();
    assert_eq!(unfinished[0].counts.of(State::Planned), 1);
    let problem = |kind| crate::contract::Problem::new(kind, crate::contract::Retry::Never, "x");
    entry.order.skip(problem("duplicate"));
    session.save(&mut entry).await.unwrap();
    assert!(ledger.unfinished().await.unwrap().is_empty());
    assert_eq!(ledger.runs().await.unwrap().len(), 1);
}

#[tokio::test]
async fn orders_are_told_together_by_what_is_known_of_their_machines() {
    let ledger = Ledger::in_memory().await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    let plans = (0..4).map(|_| plan());
    let run = session.plan(uuid::Uuid::new_v4(), None, false, None, plans);
    let run = run.await.unwrap();
    let mut entries = ledger.entries(run, 0, 9).await.unwrap();
    for (entry, last_seen) in entries.iter_mut().zip([Some("2"), None, Some("1")]) {
        entry
            .order
            .record_preflight(Preflight::Found(crate::order::DeviceSnapshot {
                platform: Some("Linux".to_owned()),
                last_seen: last_seen.map(ToOwned::to_owned),
                ..crate::order::DeviceSnapshot::default()
            }));
    }
    session.save_all(&mut entries).await.unwrap();
    assert_eq!(ledger.not_looked_at(run).await.unwrap(), 1);
    let alike = ledger.alike(run).await.unwrap();
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

#[tokio::test]
async fn what_a_process_that_is_gone_was_sending_is_unknown_and_nobody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = open(&path).await.unwrap();
    let gone = Session::begin(&ledger, &who(), "run").await.unwrap();
    let mut entry = ordered(&gone).await;
    claim(&gone, &mut entry).await.unwrap();
    // Whoever comes finds it alive.
    let next = Session::begin(&ledger, &who(), "resume").await.unwrap();
    let run = RunId(1);
    let state = async || {
        let entries = ledger.entries(run, 0, 1).await.unwrap();
        entries[0].order.state()
    };
    assert_eq!(state().await, State::Sending);
    // Its lock ends with it, as with a process that was killed.
    drop(gone);
    next.end_the_dead().await.unwrap();
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
async fn an_order_is_read_as_it_was_written() {
    let ledger = Ledger::in_memory().await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    let mut entry = ordered(&session).await;
    entry.known = Some(["a".to_owned(), "b".to_owned()].into());
    let request = claim(&session, &mut entry).await.unwrap();
    let action = crate::contract::MachineAction {
        json: "{\"id\":1}".to_owned(),
        ..crate::contract::MachineAction::bare("action")
    };
    entry
        .order
        .settle(crate::order::Verdict::Accepted(Box::new(action)));
    let record = crate::egress::CallRecord::default();
    session
        .answered(request, &record, "accepted", None, Some(&mut entry))
        .await
        .unwrap();
    let read = ledger.entries(RunId(1), 0, 1).await.unwrap().remove(0);
    assert_eq!(read.order.state(), State::Accepted);
    assert_eq!(read.known, entry.known);
    let action = read.order.action().unwrap();
    assert_eq!(
        (action.id.as_str(), action.json.as_str()),
        ("action", "{\"id\":1}")
    );
    let states = ledger.moments(&read).await.unwrap();
    let states: Vec<&str> = states.iter().map(|moment| moment.state.as_str()).collect();
    assert_eq!(states, ["sending", "accepted"]);
    assert_eq!(ledger.evidence(&read).await.unwrap()[0].granted, "one POST");
}

/// Whether a call may leave at this time, in milliseconds.
async fn turn(session: &Session, windows: &[(u32, i64)], now: i64) -> Turn {
    session.turn("/api", windows, &[], || now).await.unwrap()
}

async fn call(session: &Session, windows: &[(u32, i64)], now: i64) -> CallId {
    match turn(session, windows, now).await {
        Turn::Now(call) => call,
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
    assert_eq!(turn(&one, &quota, 0).await, Turn::Answer);
    one.had_answers(&[(first, 3000)]).await.unwrap();
    assert_eq!(turn(&other, &quota, 4000).await, Turn::At(13_000));
    other.had_answers(&[(second, 5000)]).await.unwrap();
    assert_eq!(turn(&one, &quota, 5000).await, Turn::At(13_000));
    let third = call(&one, &quota, 13_000).await;
    assert_eq!(turn(&other, &quota, 13_000).await, Turn::At(15_000));
    one.had_answers(&[(third, 13_000)]).await.unwrap();
    // Another API has windows of its own, and another account, too.
    let elsewhere = one.turn("/other", &quota, &[], || 13_000).await.unwrap();
    assert!(matches!(elsewhere, Turn::Now(_)));
    let mut stranger = who();
    stranger.tenant = Some("another".to_owned());
    let stranger = Session::begin(&ledger, &stranger, "run").await.unwrap();
    assert!(matches!(
        turn(&stranger, &quota, 13_000).await,
        Turn::Now(_)
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
            Turn::Now(call) => {
                assert_eq!(expected, None, "{now}");
                session.had_answers(&[(call, now)]).await.unwrap();
            }
            other => assert_eq!(Some(other), expected.map(Turn::At), "{now}"),
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
    assert_eq!(turn(&session, &quota, 5000).await, Turn::At(6000));
}

#[tokio::test]
async fn a_pause_is_everybodys() {
    let ledger = Ledger::in_memory().await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    session.pause_until(5000).await.unwrap();
    session.pause_until(3000).await.unwrap();
    assert_eq!(turn(&session, &[], 4000).await, Turn::Paused(5000));
    assert!(matches!(turn(&session, &[], 5000).await, Turn::Now(_)));
}

/// Numbers that look like chance, and are the same each time.
fn chance(state: &mut u64, below: i64) -> i64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1);
    i64::try_from(*state >> 33).unwrap() % below
}

/// Wherever between its leaving and its answer the service counts each call.
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
            match session.turn("/api", &quota, &ended, || now).await.unwrap() {
                Turn::Now(call) => {
                    let takes = 1 + chance(&mut state, 300);
                    counted.push(now + chance(&mut state, takes + 1));
                    open.push((now + takes, call));
                }
                Turn::At(at) => now = at,
                Turn::Answer => now = open[0].0,
                Turn::Paused(_) => unreachable!(),
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

#[tokio::test]
async fn what_is_no_ledger_is_told_and_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    std::fs::write(&path, vec![b'x'; 10_000]).unwrap();
    let error = open(&path).await.unwrap_err();
    assert!(matches!(error.fault(), Fault::Damaged(_)), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), vec![b'x'; 10_000]);
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
    next.end_the_dead().await.unwrap();
    let entries = ledger.entries(RunId(1), 0, 1).await.unwrap();
    assert_eq!(entries[0].order.state(), State::Sending);
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
    let claimed = session.claim(&mut entry, false, "/route", "one POST").await;
    assert!(matches!(claimed.unwrap_err().fault(), Fault::Ended));
    let turn = session.turn("/api", &[], &[], || 0).await;
    assert!(matches!(turn.unwrap_err().fault(), Fault::Ended));
    let confirmed = session.confirm(draft, true, &consent()).await;
    assert!(matches!(confirmed.unwrap_err().fault(), Fault::Ended));
}

#[cfg(unix)]
#[tokio::test]
async fn what_nobody_finds_any_more_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = open(&path).await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    let mut entry = ordered(&session).await;
    std::fs::rename(&path, folder.path().join("elsewhere.db")).unwrap();
    let claimed = session.claim(&mut entry, false, "/route", "one POST").await;
    assert!(matches!(claimed.unwrap_err().fault(), Fault::Gone));
}

#[tokio::test]
async fn another_application_of_the_tenant_does_not_send_it_again() {
    let ledger = Ledger::in_memory().await.unwrap();
    let application = |name: &str| Who {
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
        Err(Taken::Machine {
            state: State::Sending,
            ..
        })
    ));
}

#[tokio::test]
async fn a_pause_that_a_wrong_clock_set_ends() {
    let ledger = Ledger::in_memory().await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    session.pause_until(365 * 24 * 3_600_000).await.unwrap();
    assert!(matches!(turn(&session, &[], 5000).await, Turn::Now(_)));
}

/// A ledger at work, and an order to send.
#[cfg(unix)]
async fn at_work(path: &Path) -> (Session, Entry) {
    let ledger = open(path).await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    let entry = ordered(&session).await;
    (session, entry)
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_is_claimed_without_one_of_the_ledger_s_files() {
    use std::fs;
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
            // Its descriptor stays, and with it SQLite's locks.
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
        let claimed = session.claim(&mut entry, false, "/route", "one POST").await;
        let error = claimed.map(|_| what).unwrap_err();
        // SQLite may be the first to notice that its log was emptied.
        let is_noticed = matches!(
            error.fault(),
            Fault::Gone | Fault::LogLost | Fault::Other(_)
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
        let claimed = session.claim(&mut entry, false, "/route", "one POST").await;
        assert!(matches!(claimed.unwrap_err().fault(), Fault::Linked));
        std::fs::remove_file(other).unwrap();
        assert!(claim(&session, &mut entry).await.is_ok(), "{end}");
    }
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
        let claimed = session.claim(&mut entry, false, "/route", "one POST").await;
        assert!(matches!(claimed.unwrap_err().fault(), Fault::Ended));
        let request = session.request(None, "/route", "x", "y", "one POST").await;
        assert!(matches!(request.unwrap_err().fault(), Fault::Ended));
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
        before.order.settle(crate::order::Verdict::Rejected(
            crate::contract::Problem::new("x", crate::contract::Retry::Never, "y"),
        ));
        session.save(&mut before).await.unwrap();
        other.close().await;
        Ledger::view(&path).await.unwrap().close().await;
        let mut after = ordered(&session).await;
        assert!(claim(&session, &mut after).await.is_ok(), "{statement}");
        after.order.settle(crate::order::Verdict::Rejected(
            crate::contract::Problem::new("x", crate::contract::Retry::Never, "y"),
        ));
        session.save(&mut after).await.unwrap();
    }
}

/// The clock is read once this process has the ledger, however long that took.
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
    let turn = session.turn("/api", &[], &[], clock);
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

/// While another process writes, this one reads, and reports which process it waits for.
#[tokio::test]
async fn a_locked_ledger_is_read_and_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let other = open(&path).await.unwrap();
    let ledger = open(&path).await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    let writing = other.write().await.unwrap();
    let waits = session.end_the_dead();
    waits.await.unwrap();
    let viewed = Ledger::view(&path).await.unwrap();
    assert!(viewed.runs().await.unwrap().is_empty());
    let patient = Ledger {
        waiting: Waiting::default().at_most(Duration::from_millis(600)),
        ..ledger.clone()
    };
    let locked = patient.write().await.map(|_| ()).unwrap_err();
    assert!(matches!(locked, Fault::Locked(_)), "{locked}");
    assert!(ledger.runs().await.unwrap().is_empty());
    let rest = tokio::join!(ledger.write(), async {
        drop(writing);
        drop(viewed);
    });
    rest.0.unwrap();
}

#[tokio::test]
async fn a_copy_from_before_a_session_is_not_its_ledger() {
    let ledger = Ledger::in_memory().await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    let mut entry = ordered(&session).await;
    // Another process got its number meanwhile.
    sqlx::query("UPDATE session SET uuid = ?")
        .bind(uuid::Uuid::new_v4().to_string())
        .execute(&ledger.pool)
        .await
        .unwrap();
    let claimed = session.claim(&mut entry, false, "/route", "one POST").await;
    assert!(matches!(claimed.unwrap_err().fault(), Fault::Gone));
}

#[tokio::test]
async fn what_is_confirmed_is_the_plan_that_was_shown() {
    let ledger = Ledger::in_memory().await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    let run = session
        .plan(uuid::Uuid::new_v4(), None, false, None, [plan()])
        .await
        .unwrap();
    let shown = session.plan_of(run, false).await.unwrap();
    assert_eq!(shown.machines, 1);
    let mut confirmation = Confirmation {
        digest: Some(shown.digest),
        method: Method::Answer,
        by: Some("ada".to_owned()),
        resend_unknown: false,
    };
    // Another process has done the order meanwhile.
    let mut entry = ledger.entries(run, 0, 1).await.unwrap().remove(0);
    let skipped = Problem::new("already-offboarded", Retry::Never, "by another one");
    entry.order.skip(skipped);
    session.save(&mut entry).await.unwrap();
    let refused = session.confirm(run, true, &confirmation).await;
    assert!(matches!(refused.unwrap_err().fault(), Fault::PlanChanged));
    assert!(ledger.confirmations(run).await.unwrap().is_empty());

    let now = session.plan_of(run, false).await.unwrap();
    confirmation.digest = Some(now.digest);
    session.confirm(run, true, &confirmation).await.unwrap();
    let recorded = ledger.confirmations(run).await.unwrap();
    assert_eq!(recorded.len(), 1);
    assert_eq!(recorded[0].method, "answer");
    assert_eq!(recorded[0].by.as_deref(), Some("ada"));
    assert_eq!(recorded[0].digest, now.digest.to_string());
    assert_eq!(recorded[0].machines, 0);
}

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
    let none = ledger.confirmations(runs[0].id).await.unwrap();
    assert!(none.is_empty());
}
