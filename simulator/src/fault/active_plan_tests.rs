#![allow(clippy::unwrap_used)]

use axum::http::{Method, StatusCode};
use jiff::Timestamp;

use super::*;
use crate::action::End;
use crate::fleet::Fleet;

fn faults(rules: &[&str]) -> Faults {
    Faults::new(FaultPlan::parse(rules).unwrap())
}

fn offboarding(fleet: &Fleet) -> Call<'_> {
    let id = fleet.iter().next().unwrap().machine.id.as_str();
    Call::new(
        &Method::POST,
        "/api/machines/x/offboard",
        Some("/api/machines/{id}/offboard"),
        Some(id),
        fleet,
    )
}

fn list(fleet: &Fleet) -> Call<'_> {
    Call::new(
        &Method::GET,
        "/api/machines",
        Some("/api/machines"),
        None,
        fleet,
    )
}

fn fleet() -> Fleet {
    Fleet::new(3, 1, Timestamp::UNIX_EPOCH)
}

#[test]
fn each_rule_counts_the_calls_of_its_route() {
    let fleet = fleet();
    let faults = faults(&["offboard:2:garbage", "any:2:delay=1s"]);
    assert_eq!(faults.meet(&offboarding(&fleet)), Met::default());
    assert_eq!(faults.meet(&list(&fleet)).rules, ["any:2:delay=1s"]);
    assert_eq!(
        faults.meet(&offboarding(&fleet)).rules,
        ["offboard:2:garbage"]
    );
    assert_eq!(faults.meet(&offboarding(&fleet)), Met::default());
}

#[test]
fn each_rule_does_its_part() {
    let fleet = fleet();
    let met = faults(&[
        "any:always:delay=1s",
        "offboard:1:visible-after=5s",
        "offboard:1:ends=TimeOut",
        "api:1:delay-after-commit=2s",
        "offboard:1:drop-after-commit",
    ])
    .meet(&offboarding(&fleet));
    assert_eq!(met.rules.len(), 5);
    assert_eq!(met.delay, Some(Duration::from_secs(1)));
    assert_eq!(met.delay_after_commit, Some(Duration::from_secs(2)));
    assert_eq!(
        met.course,
        Course {
            visible_after: Some(Duration::from_secs(5)),
            end: Some(End::TimeOut),
        }
    );
    assert_eq!(met.after_commit, Some(Ending::Dropped));
    assert_eq!((met.before_commit, met.body), (None, None));
}

#[test]
fn of_two_that_want_the_same_the_first_has_it() {
    let fleet = fleet();
    let met = faults(&[
        "offboard:1:garbage",
        "offboard:always:status=503",
        "any:1:slow-body=1s",
        "any:1:delay=1s",
        "any:1:delay=2s",
    ])
    .meet(&offboarding(&fleet));
    assert_eq!(met.rules, ["offboard:1:garbage", "any:1:delay=1s"]);
    assert_eq!(met.body, Some(Spoilt::Garbage));
    assert_eq!((met.before_commit, met.after_commit), (None, None));
}

#[test]
fn what_is_not_carried_out_meets_nothing_after() {
    let fleet = fleet();
    let met = faults(&[
        "offboard:1:ends=Failed",
        "offboard:1:delay-after-commit=1s",
        "offboard:1:delay=1s",
        "offboard:1:status=429,retry-after=5s",
    ])
    .meet(&offboarding(&fleet));
    let refusal = Refusal {
        status: StatusCode::TOO_MANY_REQUESTS,
        retry_after: Some(5),
    };
    assert_eq!(
        met,
        Met {
            rules: vec![
                "offboard:1:delay=1s".to_owned(),
                "offboard:1:status=429,retry-after=5s".to_owned()
            ],
            delay: Some(Duration::from_secs(1)),
            before_commit: Some(Ending::Refused(refusal)),
            ..Met::default()
        }
    );
}

/// The numbers of the calls with a fault, out of a hundred.
fn of_hundred(plan: FaultPlan, rule: &str) -> Vec<u32> {
    let fleet = fleet();
    let faults = Faults::new(plan);
    let met = (0..100).filter(|_| {
        let met = faults.meet(&offboarding(&fleet));
        met.rules.iter().any(|met| met == rule)
    });
    met.collect()
}

#[test]
fn the_same_seed_draws_the_same_whatever_stands_beside() {
    let rule = "offboard:20%:ends=Failed";
    let plan = |seed, rules: &[&str]| FaultPlan {
        seed,
        ..FaultPlan::parse(rules).unwrap()
    };
    let alone = of_hundred(plan(1, &[rule]), rule);
    assert!((5..40).contains(&alone.len()), "{alone:?}");
    let beside = ["any:50%:delay=1s", rule, "offboard:20%:garbage"];
    assert_eq!(of_hundred(plan(1, &beside), rule), alone);
    assert_ne!(of_hundred(plan(2, &[rule]), rule), alone);
    let other = "offboard:20%:garbage";
    assert_ne!(of_hundred(plan(1, &beside), other), alone);
}

#[test]
fn a_new_plan_counts_from_one() {
    let fleet = fleet();
    let faults = Faults::new(FaultPlan::default());
    assert!(faults.is_empty());
    let plan = FaultPlan::parse(["offboard:1:garbage"]).unwrap();
    for _ in 0..2 {
        faults.replace(plan.clone());
        assert!(!faults.is_empty());
        assert_eq!(faults.meet(&offboarding(&fleet)).rules.len(), 1);
        assert_eq!(faults.meet(&offboarding(&fleet)).rules.len(), 0);
    }
    faults.replace(FaultPlan::default());
    assert!(faults.is_empty());
}
