#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use super::*;
use crate::timestamp::after;

fn started() -> Timestamp {
    "2030-01-02T03:04:05Z".parse().unwrap()
}

fn at(millis: u64) -> Timestamp {
    after(started(), Duration::from_millis(millis))
}

fn state(on_duplicate: OnDuplicate) -> State {
    State::new(
        Fleet::new(30, 1, started()),
        Duration::from_secs(2),
        Duration::from_secs(3600),
        on_duplicate,
    )
}

fn find(state: &State, what: impl Fn(&Device) -> bool) -> String {
    state
        .fleet
        .iter()
        .find(|device| what(device))
        .unwrap()
        .machine
        .id
        .clone()
}

fn ready(state: &State) -> String {
    find(state, |device| {
        device.machine.health_status == "Active" && device.machine.os_platform == "Windows11"
    })
}

fn created(result: Result<Accepted, ActionRefusal>) -> ActionBody {
    match result {
        Ok(Accepted::Created(body)) => body,
        other => panic!("{other:?}"),
    }
}

#[test]
fn of_many_at_once_exactly_one_is_carried_out() {
    for on_duplicate in [OnDuplicate::Return, OnDuplicate::Refuse] {
        let state = state(on_duplicate);
        let machine = ready(&state);
        let answers: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16)
                .map(|_| {
                    scope.spawn(|| {
                        state.offboard(&machine, "app", "why".to_owned(), Course::default(), at(0))
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let created = answers
            .iter()
            .filter(|answer| matches!(answer, Ok(Accepted::Created(_))))
            .count();
        assert_eq!((created, state.carried_out(at(0)).len()), (1, 1));
        let ids: HashSet<_> = answers
            .iter()
            .filter_map(|answer| match answer {
                Ok(Accepted::Created(body) | Accepted::Pending(body)) => Some(body.id),
                Err(refusal) => {
                    assert_eq!(
                        (refusal, on_duplicate),
                        (&ActionRefusal::AlreadyPending, OnDuplicate::Refuse)
                    );
                    None
                }
            })
            .collect();
        assert_eq!(ids.len(), 1);
    }
}

#[test]
fn a_duplicate_lasts_until_the_end_of_the_first() {
    let state = state(OnDuplicate::Return);
    let machine = ready(&state);
    let first =
        created(state.offboard(&machine, "app", "why".to_owned(), Course::default(), at(0)));
    match state
        .offboard(
            &machine,
            "app",
            "again".to_owned(),
            Course::default(),
            at(1999),
        )
        .unwrap()
    {
        Accepted::Pending(body) => assert_eq!(body.id, first.id),
        Accepted::Created(body) => panic!("{body:?}"),
    }
    let second = created(state.offboard(
        &machine,
        "app",
        "again".to_owned(),
        Course::default(),
        at(2000),
    ));
    assert_ne!(second.id, first.id);
    assert_eq!(state.carried_out(at(2000)).len(), 2);
}

#[test]
fn machines_that_cannot_be_offboarded_are_refused() {
    let state = state(OnDuplicate::Return);
    let refusal = |id: &str| {
        state
            .offboard(id, "app", "why".to_owned(), Course::default(), at(0))
            .unwrap_err()
    };
    assert_eq!(refusal(&"0".repeat(40)), ActionRefusal::UnknownMachine);
    for device in state.fleet.iter() {
        let machine = &device.machine;
        let result = state.offboard(
            &machine.id,
            "app",
            "why".to_owned(),
            Course::default(),
            at(0),
        );
        match (device.support, machine.onboarding_status.as_str()) {
            (Support::Platform, _) => assert!(matches!(result, Err(ActionRefusal::Platform(_)))),
            (Support::ClientVersion, _) => {
                assert!(matches!(result, Err(ActionRefusal::ClientVersion { .. })))
            }
            (Support::Supported, "Onboarded") => {
                assert!(matches!(result, Ok(Accepted::Created(_))))
            }
            (Support::Supported, _) => {
                assert!(matches!(result, Err(ActionRefusal::NotOnboarded(_))))
            }
        }
    }
}

#[test]
fn only_a_pending_action_can_be_cancelled() {
    let state = state(OnDuplicate::Return);
    let machine = ready(&state);
    let cancel = |id, now| state.cancel(id, "me", Some("no".to_owned()), now);
    assert_eq!(
        cancel(Uuid::from_u128(1), at(0)).unwrap_err(),
        CancelRefusal::UnknownAction
    );

    let first =
        created(state.offboard(&machine, "app", "why".to_owned(), Course::default(), at(0)));
    assert_eq!(
        cancel(first.id, at(1000)).unwrap_err(),
        CancelRefusal::TooLate(Status::InProgress)
    );
    assert_eq!(
        cancel(first.id, at(2000)).unwrap_err(),
        CancelRefusal::TooLate(Status::Succeeded)
    );

    let second = created(state.offboard(
        &machine,
        "app",
        "why".to_owned(),
        Course::default(),
        at(5000),
    ));
    assert_eq!(
        cancel(second.id, at(5999)).unwrap().status,
        Status::Cancelled
    );
    assert_eq!(
        cancel(second.id, at(5999)).unwrap_err(),
        CancelRefusal::TooLate(Status::Cancelled)
    );
    assert!(matches!(
        state.offboard(
            &machine,
            "app",
            "why".to_owned(),
            Course::default(),
            at(6000)
        ),
        Ok(Accepted::Created(_))
    ));
}

#[test]
fn the_truth_follows_the_actions() {
    let state = state(OnDuplicate::Return);
    let machine = ready(&state);
    let truth = |millis| {
        let truth = state.truth(&machine, at(millis)).unwrap();
        (truth.offboarded, truth.pending_action_id)
    };
    assert_eq!(truth(0), (false, None));
    let action =
        created(state.offboard(&machine, "app", "why".to_owned(), Course::default(), at(0)));
    assert_eq!(truth(1999), (false, Some(action.id)));
    assert_eq!(truth(2000), (true, None));
    let machine = &state.truth(&machine, at(2000)).unwrap().machine;
    assert_eq!(
        (
            machine.onboarding_status.as_str(),
            machine.health_status.as_str()
        ),
        ("Onboarded", "Active")
    );
}

#[test]
fn an_offline_device_is_not_offboarded() {
    let state = state(OnDuplicate::Return);
    let machine = find(&state, |device| {
        !device.online && device.is_onboarded() && device.support == Support::Supported
    });
    let action =
        created(state.offboard(&machine, "app", "why".to_owned(), Course::default(), at(0)));
    for (millis, pending) in [(3_599_999, Some(action.id)), (3_600_000, None)] {
        let truth = state.truth(&machine, at(millis)).unwrap();
        assert_eq!(
            (truth.offboarded, truth.pending_action_id),
            (false, pending)
        );
    }
}

#[test]
fn isolation_and_offboarding_are_independent() {
    let state = state(OnDuplicate::Return);
    let machine = ready(&state);
    let isolate = |millis| {
        let isolation = IsolationType::Full;
        let comment = "why".to_owned();
        state.isolate(
            &machine,
            isolation,
            "app",
            comment,
            Course::default(),
            at(millis),
        )
    };
    let unisolate = |millis| {
        let comment = "why".to_owned();
        state.unisolate(&machine, "app", comment, Course::default(), at(millis))
    };
    let truth = |millis| {
        let truth = state.truth(&machine, at(millis)).unwrap();
        (truth.isolated, truth.offboarded, truth.pending_action_id)
    };
    let isolation = created(isolate(0));
    assert!(matches!(isolate(1), Ok(Accepted::Pending(body)) if body.id == isolation.id));
    assert_eq!(truth(1), (false, false, None));
    let offboarding =
        created(state.offboard(&machine, "app", "why".to_owned(), Course::default(), at(1)));
    assert_eq!(truth(2000), (true, false, Some(offboarding.id)));
    assert_eq!(truth(2001), (true, true, None));
    created(unisolate(3000));
    assert_eq!(truth(4999), (true, true, None));
    assert_eq!(truth(5000), (false, true, None));
    created(isolate(6000));
    assert!(truth(8000).0);
    assert_eq!(state.carried_out(at(8000)).len(), 1);
}

#[test]
fn each_isolation_is_for_certain_devices() {
    let state = state(OnDuplicate::Return);
    for device in state.fleet.iter() {
        let machine = &device.machine;
        let try_it = |isolation| {
            let comment = "why".to_owned();
            state.isolate(
                &machine.id,
                isolation,
                "app",
                comment,
                Course::default(),
                at(0),
            )
        };
        let is_managed = device.support == Support::Supported && device.is_onboarded();
        assert_eq!(
            try_it(IsolationType::Full).is_ok(),
            is_managed,
            "{machine:?}"
        );
        let is_windows = machine.os_platform.starts_with("Windows1");
        assert_eq!(
            try_it(IsolationType::Selective).is_ok(),
            is_managed && is_windows,
            "{machine:?}"
        );
        let contained = try_it(IsolationType::UnManagedDevice);
        if device.is_onboarded() {
            assert_eq!(contained.unwrap_err(), ActionRefusal::Onboarded);
        } else {
            let body = created(contained);
            let later = state.action(body.id, at(2000)).unwrap();
            assert_eq!(later.status, Status::Succeeded);
        }
    }
}
