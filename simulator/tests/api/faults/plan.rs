//! The calls that a plan selects.

use offboard_simulator::{Config, FaultPlan, Simulator};
use serde_json::json;

use super::{faulty, plan, requests};
use crate::client::{call, get, offboard, ready, start};

async fn statuses(simulator: &Simulator, path: &str, calls: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..calls {
        statuses.push(get(simulator, path).await.status);
    }
    statuses
}

#[tokio::test]
async fn calls_are_counted() {
    for (when, expected) in [
        ("3", [200, 200, 503, 200, 200, 200]),
        ("2-4", [200, 503, 503, 503, 200, 200]),
        ("5-", [200, 200, 200, 200, 503, 503]),
        ("every=2", [200, 503, 200, 503, 200, 503]),
        ("always", [503; 6]),
    ] {
        let simulator = faulty(&[&format!("machines:{when}:status=503")]).await;
        let seen = statuses(&simulator, "/api/v1.0/machines?$top=1", 6).await;
        assert_eq!(seen, expected, "{when}");
    }
}

#[tokio::test]
async fn the_same_seed_and_calls_meet_the_same() {
    let mut seen = Vec::new();
    for seed in [1, 1, 2] {
        let simulator = start(Config {
            faults: FaultPlan {
                seed,
                ..plan(&["machineactions:30%:status=503"])
            },
            ..Config::default()
        })
        .await;
        seen.push(statuses(&simulator, "/api/machineactions", 60).await);
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2]);
    assert!(seen[0].contains(&503) && seen[0].contains(&200));
}

#[tokio::test]
async fn other_routes_are_left_alone() {
    let simulator = faulty(&["offboard:always:status=503", "token:always:status=503"]).await;
    let id = ready(&simulator).machine.id;
    for path in [
        "/api/machines",
        &format!("/api/machines/{id}"),
        "/api/machineactions",
    ] {
        assert_eq!(get(&simulator, path).await.status, 200, "{path}");
    }
    // With another method, it is another route.
    let path = format!("/api/machines/{id}/offboard");
    assert_eq!(get(&simulator, &path).await.error(), (404, "NotFound"));
    assert_eq!(offboard(&simulator, &id).await.status, 503);
    let keys = format!("/{}/discovery/v2.0/keys", simulator.tenant_id());
    assert_eq!(get(&simulator, &keys).await.status, 200);
    let answer = call(&simulator, "GET", "/msi/token").send().await;
    assert_eq!(answer.status, 503);
}

#[tokio::test]
async fn any_means_all_but_the_simulator_s_own() {
    let simulator = faulty(&["any:always:status=502"]).await;
    for path in ["/", "/api/machines", "/federation/keys", "/api/unknown"] {
        assert_eq!(get(&simulator, path).await.status, 502, "{path}");
    }
    assert_eq!(requests(&simulator).await.len(), 4);
}

#[tokio::test]
async fn a_name_with_a_blank_is_found() {
    let simulator = faulty(&[]).await;
    let phone = crate::client::find(&simulator, |machine| {
        machine.computer_dns_name.contains(' ')
    });
    simulator.set_faults(plan(&[&format!(
        "machine/{}:always:status=500",
        phone.computer_dns_name
    )]));
    let path = format!(
        "/api/machines/{}",
        phone.computer_dns_name.replace(' ', "%20")
    );
    assert_eq!(get(&simulator, &path).await.status, 500);
    let path = format!("/api/machines/{}", phone.id);
    assert_eq!(get(&simulator, &path).await.status, 500);
    let path = format!("/api/machines/{}", ready(&simulator).id);
    assert_eq!(get(&simulator, &path).await.status, 200);
}

#[tokio::test]
async fn the_plan_of_a_running_simulator_changes() {
    let simulator = start(Config::default()).await;
    let path = "/api/machines?$top=1";
    assert_eq!(statuses(&simulator, path, 2).await, [200, 200]);
    for _ in 0..2 {
        simulator.set_faults(plan(&["machines:2:status=503"]));
        assert_eq!(statuses(&simulator, path, 3).await, [200, 503, 200]);
    }
    simulator.set_faults(FaultPlan::default());
    assert_eq!(statuses(&simulator, path, 3).await, [200; 3]);
    let met: Vec<_> = requests(&simulator)
        .await
        .iter()
        .map(|request| request.get("faults").cloned())
        .collect();
    let fault = Some(json!(["machines:2:status=503"]));
    let none = None;
    assert_eq!(
        met,
        [
            none.clone(),
            none.clone(),
            none.clone(),
            fault.clone(),
            none.clone(),
            none.clone(),
            fault,
            none.clone(),
            none.clone(),
            none.clone(),
            none
        ]
    );
}
