//! Tags, by the plugin that is built in, on a simulated machine.

use offboard_host::{
    component::Component,
    connection::{Connection, Token},
    contract::{Problem, Retry, Tag, TagError},
    egress::Delivery,
    sandbox::{Called, Limits, Sandbox},
};
use offboard_simulator::{Config, FaultPlan, Simulator};

use crate::support::offboard;

async fn start(role: &str) -> Simulator {
    let config = Config {
        roles: vec![role.to_owned()],
        ..Config::default()
    };
    Simulator::start(config).await.unwrap()
}

async fn tag(simulator: &Simulator, machine: &str, tag: &str) -> Called<Result<(), TagError>> {
    let plugin = Component::embedded().unwrap();
    let sandbox = Sandbox::new(&plugin, Limits::default()).unwrap();
    assert!(sandbox.can_tag());
    let token = Token::new(simulator.token()).unwrap();
    let connection = Connection::new(simulator.api_root().parse().unwrap(), Some(token));
    let tag: Tag = tag.parse().unwrap();
    sandbox
        .tag_machine(&connection, &machine.parse().unwrap(), &tag)
        .await
}

/// Which machines have this tag.
fn with_tag(simulator: &Simulator, tag: &str) -> Vec<String> {
    let mut machines = simulator.machines();
    machines.retain(|machine| machine.machine_tags.iter().any(|known| known == tag));
    machines
        .into_iter()
        .map(|machine| machine.machine.id)
        .collect()
}

fn first(simulator: &Simulator) -> String {
    simulator.machines()[0].machine.id.clone()
}

#[tokio::test]
async fn one_machine_gets_the_tag_and_is_not_offboarded() {
    let simulator = start("Machine.ReadWrite.All").await;
    let id = first(&simulator);
    let text = r#"Retired "2030" \ Überholt"#;
    // Twice, which changes nothing more.
    for _ in 0..2 {
        let called = tag(&simulator, &id, text).await;
        assert!(matches!(called.result, Ok(Ok(()))), "{called:?}");
        assert_eq!(called.record.delivery(), Delivery::Answered(200));
        assert_eq!(with_tag(&simulator, text), [id.as_str()]);
    }
    let machines = simulator.machines();
    assert!(machines.iter().all(|m| m.pending_action_id.is_none()));
}

#[tokio::test]
async fn the_permission_to_offboard_is_none_to_tag() {
    let simulator = start("Machine.Offboard").await;
    let called = tag(&simulator, &first(&simulator), "Retired").await;
    let Ok(Err(TagError::Forbidden(error))) = called.result else {
        panic!("{called:?}");
    };
    assert!(error.message.unwrap().contains("Machine.ReadWrite.All"));
    assert_eq!(called.record.delivery(), Delivery::Answered(403));
    assert!(with_tag(&simulator, "Retired").is_empty());
}

#[tokio::test]
async fn a_machine_that_nobody_knows_is_said_to_be_none() {
    let simulator = start("Machine.ReadWrite.All").await;
    let called = tag(&simulator, &"a".repeat(40), "Retired").await;
    assert!(
        matches!(called.result, Ok(Err(TagError::MachineNotFound(_)))),
        "{called:?}"
    );
}

#[tokio::test]
async fn a_tag_whose_answer_was_lost_may_be_added_again() {
    let simulator = start("Machine.ReadWrite.All").await;
    let id = first(&simulator);
    let faults = ["tags:1:drop-after-commit", "tags:2:garbage"];
    simulator.set_faults(FaultPlan::parse(faults).unwrap());
    for kind in ["outcome-unknown", "unreadable-answer"] {
        let called = tag(&simulator, &id, "Retired").await;
        let problem: Problem = called.result.unwrap().unwrap_err().into();
        assert_eq!((&*problem.kind, problem.retry), (kind, Retry::Safe));
        assert_eq!(with_tag(&simulator, "Retired"), [id.as_str()]);
    }
    let called = tag(&simulator, &id, "Retired").await;
    assert!(matches!(called.result, Ok(Ok(()))), "{called:?}");
    assert_eq!(with_tag(&simulator, "Retired"), [id.as_str()]);
}

#[test]
fn inspect_shows_what_a_tag_may_send() {
    let table = offboard(["inspect"]).stdout;
    let words = "tag: POST /api/machines/{id}/tags, once, with exactly the tag that was ordered";
    assert!(table.contains(words), "{table}");
    let json = offboard(["inspect", "--output", "jsonl"]).stdout;
    let row: serde_json::Value = serde_json::from_str(&json).unwrap();
    let grants = row["grants"].as_array().unwrap().iter();
    let bodies: Vec<_> = grants
        .filter(|grant| grant["method"] == "POST")
        .map(|grant| grant["body"].as_str().unwrap())
        .collect();
    assert_eq!(
        bodies,
        [
            r#"{"Comment": …}"#,
            r#"{"Comment": …}"#,
            r#"{"Value": …, "Action": "Add"}"#
        ]
    );
}
