//! Reading alerts, and the users of a machine.

use jiff::Timestamp;
use serde_json::json;

use super::{permitted, slow};
use crate::client::{find, get, ready};

#[tokio::test]
async fn alerts_are_listed_and_read() {
    let simulator = permitted(slow()).await;
    let test = get(&simulator, "/api/alerts?$top=1").await;
    assert_eq!(test.value().len(), 1);
    assert_eq!(
        test.json["@odata.context"],
        format!("{}/api/$metadata#Alerts", simulator.api_root())
    );
    let all = get(&simulator, "/api/alerts").await;
    assert!(all.value().len() > 3);
    let times = all.all("alertCreationTime");
    let times: Vec<Timestamp> = times.iter().map(|time| time.parse().unwrap()).collect();
    assert!(times.is_sorted_by(|one, other| one >= other), "{times:?}");
    let alert = &all.value()[0];
    assert_eq!(alert["evidence"], json!([]));

    let expanded = get(&simulator, "/api/alerts?$expand=evidence&$top=1").await;
    let evidence = expanded.value()[0]["evidence"].as_array().unwrap();
    assert!(!evidence.is_empty());
    let id = alert["id"].as_str().unwrap();
    let one = get(&simulator, &format!("/api/alerts/{id}")).await;
    assert_eq!(one.json["evidence"], json!(evidence));
    assert_eq!(
        one.json["@odata.context"]
            .as_str()
            .unwrap()
            .split('#')
            .next_back(),
        Some("Alerts/$entity")
    );

    let machine = alert["machineId"].as_str().unwrap();
    let path = format!("/api/machines/{machine}/alerts");
    assert_eq!(get(&simulator, &path).await.all("id"), [id]);
    let since = "$filter=alertCreationTime%20gt%202018-08-01Z%20and%20Severity%20ne%20'x'";
    let filtered = get(&simulator, &format!("/api/alerts?{since}&$count=true")).await;
    assert_eq!(filtered.json["@odata.count"], all.value().len());
    let selected = get(&simulator, "/api/alerts?$select=id&$top=1").await;
    assert_eq!(selected.value(), [json!({"id": id})]);

    for query in ["$filter=title%20eq%20'x'", "$expand=files", "$top=10001"] {
        let answer = get(&simulator, &format!("/api/alerts?{query}")).await;
        assert_eq!(answer.error(), (400, "ODataError"), "{query}");
    }
    for path in ["/api/alerts/x", "/api/machines/x/alerts"] {
        let answer = get(&simulator, path).await;
        assert_eq!(answer.error(), (404, "ResourceNotFound"), "{path}");
    }
}

#[tokio::test]
async fn the_users_of_a_machine() {
    let simulator = permitted(slow()).await;
    let machine = ready(&simulator);
    let answer = get(
        &simulator,
        &format!("/api/machines/{}/logonusers", machine.id),
    )
    .await;
    assert_eq!(
        answer.json["@odata.context"],
        format!("{}/api/$metadata#Users", simulator.api_root())
    );
    let user = &answer.value()[0];
    assert_eq!(
        user["id"],
        format!("contoso\\{}", user["accountName"].as_str().unwrap())
    );
    assert_eq!(user["firstSeen"], machine.first_seen);
    let other = find(&simulator, |machine| {
        machine.onboarding_status != "Onboarded"
    });
    let none = get(
        &simulator,
        &format!("/api/machines/{}/logonusers", other.id),
    )
    .await;
    assert!(none.value().is_empty());
    // By id only.
    for id in ["x", &machine.computer_dns_name] {
        let answer = get(&simulator, &format!("/api/machines/{id}/logonusers")).await;
        assert_eq!(answer.error(), (404, "ResourceNotFound"), "{id}");
    }
}
