//! Compile-time checks: every future that a caller awaits is `Send`, so that tasks of a
//! multi-threaded runtime, handlers of a web server and Python bindings can hold it. The
//! functions are never called.

#![allow(dead_code)]

use std::{ops::ControlFlow, path::Path, slice, time::Duration};

use super::{
    event_stream::{EventStream, Events},
    runner::Runner,
    send::SendOptions,
};
use crate::{
    contract::{ActionId, Comment, MachineId},
    egress::CallRecord,
    grant::Route,
    ledger::{
        Ledger, LedgerError, NewOrder, OrderRecord, RequestId, RunId, Session, SessionInfo, Waiting,
    },
    order::{State, Verdict},
    plan::Confirmation,
    rate_limit::RateLimiter,
};

fn is_send<T: Send>(_: T) {}
fn is_shared<T: Send + Sync + 'static>() {}

fn types() {
    is_shared::<Runner>();
    is_shared::<Session>();
    is_shared::<Ledger>();
    is_shared::<RateLimiter>();
    is_shared::<Events>();
    is_shared::<EventStream>();
    is_shared::<LedgerError>();
}

fn of_a_runner(runner: &Runner, run: RunId, events: &Events, verdict: &Verdict) {
    is_send(runner.preflight(run, false, events));
    is_send(runner.dry_run(run, 1, false));
    is_send(runner.send(run, SendOptions::default(), events));
    is_send(runner.track(run, Some(Duration::ZERO), events));
    is_send(runner.settle_planned(run, verdict));
    is_send(runner.poll(Duration::ZERO, || async { ControlFlow::Break(()) }));
}

fn of_its_reads(runner: &Runner, machine: &MachineId, action: &ActionId, comment: &Comment) {
    is_send(runner.cancel(action, comment, &Events::none()));
    is_send(runner.machine(machine));
    is_send(runner.one_machine());
    is_send(runner.find("srv-1"));
    is_send(runner.action(action));
    is_send(runner.offboardings(&[machine]));
}

fn of_the_rate_limiter(limiter: &RateLimiter) {
    is_send(limiter.slot(Route::Offboard));
    is_send(limiter.hold(Duration::ZERO));
    is_send(limiter.flush());
}

fn of_a_ledger(ledger: &Ledger, path: &Path, run: RunId, entry: &OrderRecord) {
    is_send(Ledger::open(path, Waiting::default()));
    is_send(Ledger::in_memory());
    is_send(Ledger::view(path));
    is_send(Ledger::probe(path));
    is_send(ledger.close());
    is_send(ledger.rest());
    is_send(ledger.entries(run, 0, 1));
    is_send(ledger.entries_in(run, State::Accepted, 0, 1));
    is_send(ledger.entries_of(run, &[], &[]));
    is_send(ledger.unseen(run, 0, 1));
    is_send(ledger.rivals(run, 0, 1));
    is_send(ledger.twin(run, entry));
    is_send(ledger.not_looked_at(run));
    is_send(ledger.counts(run));
    is_send(ledger.requests(slice::from_ref(entry)));
    is_send(ledger.state_changes(slice::from_ref(entry)));

    is_send(ledger.runs());
    is_send(ledger.unfinished());
    is_send(ledger.run(""));
    is_send(ledger.run_at(run));
    is_send(ledger.order_groups(run));
    is_send(ledger.comments(run, 1));
}

fn of_a_session(session: &Session, who: &SessionInfo, run: RunId, plans: Vec<NewOrder>) {
    is_send(Session::begin(session.ledger(), who, "run"));
    is_send(session.is_busy_elsewhere(run));
    is_send(session.end_stale_sessions());
    is_send(session.end());
    is_send(session.release_as_unknown());
    is_send(session.plan(uuid::Uuid::nil(), None, false, None, plans));
    is_send(session.plan_of(run, true));
    let confirmation = Confirmation::consent();
    is_send(session.confirm(run, true, &confirmation));
    is_send(session.run_of_request(""));
    is_send(session.owns(run));
    is_send(session.planned(run, 0, 1));
    is_send(session.admit("", &[], &[], || 0));
    is_send(session.had_answers(&[]));
    is_send(session.pause_until(0));
}

fn of_its_orders(session: &Session, entry: &mut OrderRecord, record: &CallRecord, id: RequestId) {
    is_send(session.save(entry));
    is_send(session.save_all(std::slice::from_mut(entry)));
    is_send(session.claim(entry, false, "", "", None));
    is_send(session.conflict(entry, false));
    is_send(session.request(Some(entry), "", "", "", ""));
    is_send(session.answered(id, record, "", None, None));
}
