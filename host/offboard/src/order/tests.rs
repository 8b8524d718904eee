#![allow(clippy::unwrap_used)]

use super::*;
use super::{device::MAX_VALUE, transitions::MAX_RECORDED_NAME};
use crate::contract::{ActionStatus, Retry};

fn order() -> Order {
    let id = "0123456789abcdef0123456789abcdef01234567".parse().unwrap();
    Order::new(Target::Id(id), "Lost".parse().unwrap())
}

fn action(status: ActionStatus) -> MachineAction {
    MachineAction {
        status,
        ..MachineAction::bare("11111111-2222-3333-4444-555555555555")
    }
}

fn problem() -> Problem {
    Problem::new("rejected", Retry::Never, "no")
}

#[test]
fn what_is_kept_of_a_machine_does_not_grow_with_what_is_said() {
    let long = || Some("é".repeat(10_000));
    let seen = DeviceSnapshot {
        platform: long(),
        version: long(),
        health: long(),
        onboarding: long(),
        last_seen: long(),
        merged_into: long(),
    };
    let kept = seen.bounded();
    for word in [
        kept.platform,
        kept.version,
        kept.health,
        kept.onboarding,
        kept.last_seen,
        kept.merged_into,
    ] {
        assert_eq!(word.unwrap().len(), MAX_VALUE + '…'.len_utf8());
    }
    let (mut named, mut accepted) = (order(), order());
    named.resolve(named.machine().unwrap().clone(), long());
    accepted.settle(Verdict::Accepted(Box::new(MachineAction {
        computer_dns_name: long(),
        ..action(ActionStatus::Pending)
    })));
    for order in [named, accepted] {
        assert_eq!(
            order.name().unwrap().len(),
            MAX_RECORDED_NAME + '…'.len_utf8()
        );
    }
}

#[test]
fn an_accepted_order_ends_as_its_action_does() {
    for (status, state) in [
        (ActionStatus::Pending, State::Accepted),
        (ActionStatus::InProgress, State::Accepted),
        (ActionStatus::Other("New".to_owned()), State::Accepted),
        (ActionStatus::Succeeded, State::Succeeded),
        (ActionStatus::Failed, State::Failed),
        (ActionStatus::TimeOut, State::TimedOut),
        (ActionStatus::Cancelled, State::Cancelled),
    ] {
        let mut order = order();
        order.mark_sending();
        order.settle(Verdict::Accepted(Box::new(action(ActionStatus::Pending))));
        order.track(action(status));
        assert_eq!(order.state(), state);
    }
}

#[test]
fn only_an_order_that_was_not_sent_is_given_up() {
    let given_up = || Problem::new(ProblemKind::Discarded, Retry::Never, "x");
    let safe = || Problem::new("throttled", Retry::Safe, "x");
    for (verdict, is_discarded) in [
        (Verdict::NotSent(safe()), true),
        (Verdict::Rejected(safe()), true),
        (Verdict::Rejected(problem()), false),
        (Verdict::Unknown(problem()), false),
        (
            Verdict::Accepted(Box::new(action(ActionStatus::Pending))),
            false,
        ),
    ] {
        let mut order = order();
        order.mark_sending();
        order.discard(given_up());
        assert_eq!(order.state(), State::Sending);
        order.settle(verdict);
        let state = order.state();
        order.discard(given_up());
        assert_eq!(order.is_discarded(), is_discarded, "{state}");
        assert_eq!(order.state() == state, !is_discarded, "{state}");
    }
    let mut planned = order();
    planned.discard(given_up());
    assert!(planned.is_discarded());
    assert_eq!(planned.outcome_class(), OutcomeClass::Refused);
}

#[test]
fn trap_own_deadline_is_neither_failure_nor_success() {
    let mut order = order();
    order.mark_sending();
    order.settle(Verdict::Accepted(Box::new(action(ActionStatus::Pending))));
    order.mark_pending();
    assert_eq!(order.state(), State::Pending);
    order.track(action(ActionStatus::Succeeded));
    assert_eq!(order.state(), State::Succeeded);
    order.mark_pending();
    assert_eq!(order.state(), State::Succeeded);
}

#[test]
fn an_order_that_was_abandoned_while_it_was_sent_is_unknown() {
    let mut order = order();
    order.mark_sending();
    order.abandon();
    assert_eq!(order.state(), State::Unknown);
    assert_eq!(order.problem().unwrap().retry, Retry::AskFirst);
}

#[test]
fn an_order_that_was_abandoned_before_is_not_sent() {
    let mut order = order();
    order.abandon();
    assert_eq!(order.state(), State::NotSent);
    assert_eq!(order.problem().unwrap().retry, Retry::Safe);
}

#[test]
fn what_has_ended_is_not_skipped_sent_or_followed_again() {
    let mut order = order();
    order.settle(Verdict::Rejected(problem()));
    order.mark_sending();
    order.skip(problem());
    order.track(action(ActionStatus::Succeeded));
    order.abandon();
    assert_eq!(order.state(), State::Rejected);
}

#[test]
fn an_id_is_settled_before_anything_is_sent_and_never_after() {
    let first: MachineId = "a".repeat(40).parse().unwrap();
    let second: MachineId = "b".repeat(40).parse().unwrap();
    let mut order = Order::new(Target::Name("host1".to_owned()), "Lost".parse().unwrap());
    order.resolve(first.clone(), Some("host1.example.test".to_owned()));
    order.mark_sending();
    order.resolve(second, None);
    assert_eq!(order.machine(), Some(&first));
    assert_eq!(order.name(), Some("host1.example.test"));
}

#[test]
fn an_action_that_is_not_listed_leaves_its_order_pending_until_it_is() {
    let mut order = order();
    order.mark_sending();
    order.settle(Verdict::Accepted(Box::new(action(ActionStatus::Pending))));
    order.mark_not_listed(Problem::new(NOT_LISTED, Retry::Never, "gone"));
    assert_eq!(
        (order.state(), order.is_not_listed()),
        (State::Pending, true)
    );
    order.confirm_status();
    assert!(!order.is_not_listed());
    order.mark_not_listed(Problem::new(NOT_LISTED, Retry::Never, "gone"));
    order.track(action(ActionStatus::Succeeded));
    assert_eq!(order.state(), State::Succeeded);
    // A final state does not change.
    order.mark_not_listed(problem());
    assert_eq!(order.state(), State::Succeeded);
}
