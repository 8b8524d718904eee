//! Paths and names in another case, and paths with a trailing slash.

use offboard_simulator::FaultPlan;
use serde_json::json;

use crate::client::{call, get, offboard, post, ready, start_slow};

#[tokio::test]
async fn paths_are_accepted_in_any_case_and_with_a_trailing_slash() {
    let simulator = start_slow().await;
    let id = ready(&simulator).machine.id;
    let action = offboard(&simulator, &id).await.json["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for path in [
        "/api/machines/".to_owned(),
        "/API/Machines".to_owned(),
        "/Api/V1.0/machines/?$top=1".to_owned(),
        format!("/api/Machines/{id}/"),
        "/api/machineActions/".to_owned(),
        format!("/api/MachineActions/{action}/"),
        "/api/machines/findByTag/?tag=retire".to_owned(),
        "/api/$Metadata".to_owned(),
        "/api/%24metadata".to_owned(),
        "/_Simulator/Requests/".to_owned(),
        format!(
            "/{}/V2.0/.well-known/OpenId-Configuration",
            simulator.tenant_id()
        ),
    ] {
        let answer = get(&simulator, &path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    let comment = json!({"Comment": "why"});
    let again = post(
        &simulator,
        &format!("/api/machines/{id}/OffBoard/"),
        &comment,
    )
    .await;
    assert_eq!((again.status, &again.json["id"]), (200, &json!(action)));
    let token = format!("/{}/OAuth2/V2.0/Token/", simulator.tenant_id());
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &simulator.client_id().to_string()),
        ("client_secret", simulator.client_secret()),
        ("scope", "https://api.securitycenter.microsoft.com/.default"),
    ];
    let answer = call(&simulator, "POST", &token).form(&form).send().await;
    assert_eq!(answer.status, 200, "{answer:?}");

    // The values of parameters stay as they are.
    let upper = get(&simulator, &format!("/api/machines/{}", id.to_uppercase())).await;
    assert_eq!(upper.error(), (404, "ResourceNotFound"));
}

#[tokio::test]
async fn a_request_is_recorded_as_it_was_sent() {
    let simulator = start_slow().await;
    let id = ready(&simulator).machine.id;
    let path = format!("/API/machines/{id}/OffBoard/?x=%20");
    let answer = post(&simulator, &path, &json!({"Comment": "why"})).await;
    assert_eq!(answer.status, 200);
    let requests = get(&simulator, "/_simulator/requests").await.json;
    assert_eq!(requests[0]["path"], path);
    assert_eq!(requests[0]["body"], r#"{"Comment":"why"}"#);
}

#[tokio::test]
async fn a_fault_applies_to_its_route_however_the_path_is_written() {
    let simulator = start_slow().await;
    for (rule, path) in [
        ("machines:1:status=503", "/API/Machines/"),
        ("api:1:status=503", "/API/Nothing/"),
    ] {
        simulator.set_faults(FaultPlan::parse([rule]).unwrap());
        let answer = get(&simulator, path).await;
        assert_eq!(answer.error(), (503, "ServiceUnavailable"), "{rule}");
    }
}

#[tokio::test]
async fn the_links_of_a_list_stay_valid() {
    let simulator = start_slow().await;
    let first = get(&simulator, "/API/Machines/?$top=2&$OrderBy=x").await;
    assert_eq!(first.error(), (400, "ODataError"));
    let first = get(
        &simulator,
        "/API/Machines/?$filter=HealthStatus%20eq%20'Active'&$select=ID",
    )
    .await;
    assert!(
        first
            .value()
            .iter()
            .all(|machine| machine["id"].is_string())
    );
}
