//! Finding machines by tag and by address.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{permitted, slow};
use crate::client::{get, offline, post, ready};

#[tokio::test]
async fn machines_are_found_by_tag() {
    let simulator = permitted(slow()).await;
    let tagged = |tag: &'static str| {
        let machines = simulator.machines().into_iter();
        machines
            .filter(|machine| {
                machine
                    .machine_tags
                    .iter()
                    .any(|known| known.starts_with(tag))
            })
            .map(|machine| machine.machine.id)
            .collect::<Vec<_>>()
    };
    for (query, expected) in [
        ("tag=retire", tagged("retire")),
        ("tag=retire&useStartsWithFilter=false", tagged("retire")),
        ("tag=ret&useStartsWithFilter=true", tagged("ret")),
        ("Tag=building%207", tagged("building 7")),
        ("tag=build&usestartswithfilter=True", tagged("build")),
        ("tag=ret", Vec::new()),
        ("tag=Retire", Vec::new()),
    ] {
        let answer = get(&simulator, &format!("/api/machines/findbytag?{query}")).await;
        assert_eq!(answer.all("id"), expected, "{query}");
    }
    assert!(!tagged("retire").is_empty());
    let id = ready(&simulator).machine.id;
    let body = json!({"Value": "gone", "Action": "Add"});
    post(&simulator, &format!("/api/machines/{id}/tags"), &body).await;
    let found = get(&simulator, "/api/machines/findByTag?tag=gone").await;
    assert_eq!(found.all("id"), [&id]);
    assert_eq!(
        found.value()[0]["machineTags"]
            .as_array()
            .unwrap()
            .last()
            .unwrap(),
        "gone"
    );

    for (query, code) in [
        ("", "MissingRequiredParameter"),
        ("tag=", "MissingRequiredParameter"),
        ("tag=x&useStartsWithFilter=maybe", "InvalidInput"),
    ] {
        let answer = get(&simulator, &format!("/api/machines/findbytag?{query}")).await;
        assert_eq!(answer.error(), (400, code), "{query}");
    }
}

#[tokio::test]
async fn machines_are_found_by_address() {
    let simulator = permitted(slow()).await;
    let ago = |days: i64| {
        Timestamp::now()
            .checked_sub(SignedDuration::from_hours(24 * days))
            .unwrap()
    };
    let find = async |ip: &str, time: String| {
        get(
            &simulator,
            &format!("/api/machines/findbyip(ip='{ip}',timestamp={time})"),
        )
        .await
    };
    let (online, offline) = (ready(&simulator), offline(&simulator));
    for (machine, found) in [(&online, true), (&offline, false)] {
        let address = &machine.ip_addresses[0].ip_address;
        let answer = find(address, Timestamp::now().to_string()).await;
        assert_eq!(answer.all("id") == [&machine.id], found, "{answer:?}");
    }
    // Percent-encoded, as some libraries send it.
    let address = &online.ip_addresses[0].ip_address;
    let path = format!(
        "/api/machines/FindByIp%28ip%3D%27{address}%27%2Ctimestamp%3D{}%29",
        ago(1)
    );
    assert_eq!(get(&simulator, &path).await.all("id"), [&online.id]);
    assert!(
        find("192.0.2.1", ago(1).to_string())
            .await
            .value()
            .is_empty()
    );
    for (ip, time, code) in [
        ("x", ago(1).to_string(), "InvalidIpAddress"),
        ("", ago(1).to_string(), "InvalidIpAddress"),
        (address.as_str(), ago(31).to_string(), "BadRequest"),
        (address, ago(-1).to_string(), "BadRequest"),
        (address, "yesterday".to_owned(), "InvalidInput"),
    ] {
        let answer = find(ip, time).await;
        assert_eq!(answer.error(), (400, code), "{ip}");
    }
    for path in ["findbyip()", "findbyip(ip='::1')", "findbyip?ip='::1'"] {
        let answer = get(&simulator, &format!("/api/machines/{path}")).await;
        assert!([400, 404].contains(&answer.error().0), "{path}");
    }
}
