//! The simulator's own routes.

use std::time::Duration;

use offboard_simulator::{Config, StartError};
use serde_json::{Value, json};

use crate::client::{call, get, offboard, post, ready, start, start_slow};

async fn own(simulator: &offboard_simulator::Simulator, path: &str) -> Value {
    let answer = call(simulator, "GET", &format!("/_simulator/{path}"))
        .send()
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json
}

#[tokio::test]
async fn requests_are_recorded_in_order_without_the_token() {
    let simulator = start_slow().await;
    let id = ready(&simulator).machine.id;
    get(&simulator, "/api/machines?$top=1").await;
    post(
        &simulator,
        &format!("/api/machines/{id}/offboard"),
        &json!({"Comment": "ticket 1234"}),
    )
    .await;
    call(&simulator, "GET", "/api/machine").send().await;
    own(&simulator, "offboardings").await;

    let answer = call(&simulator, "GET", "/_simulator/requests").send().await;
    assert!(!answer.text.contains(simulator.token()), "{}", answer.text);
    let requests = answer.json.as_array().unwrap();
    let seen: Vec<_> = requests
        .iter()
        .map(|request| (&request["method"], &request["path"], &request["status"]))
        .collect();
    assert_eq!(
        seen,
        [
            (&json!("GET"), &json!("/api/machines?$top=1"), &json!(200)),
            (
                &json!("POST"),
                &json!(format!("/api/machines/{id}/offboard")),
                &json!(200)
            ),
            (&json!("GET"), &json!("/api/machine"), &json!(404)),
        ]
    );
    assert_eq!(requests[1]["body"], r#"{"Comment":"ticket 1234"}"#);
    assert_eq!(requests[1]["headers"]["authorization"], "Bearer [redacted]");
    assert_eq!(requests[1]["headers"]["content-type"], "application/json");
    assert!(requests[2]["headers"].get("authorization").is_none());
    assert!(
        requests
            .iter()
            .all(|request| request["time"].as_str().unwrap().ends_with('Z'))
    );
}

#[tokio::test]
async fn offboardings_are_those_that_were_carried_out() {
    let simulator = start_slow().await;
    let id = ready(&simulator).machine.id;
    assert_eq!(own(&simulator, "offboardings").await, json!([]));
    let action = offboard(&simulator, &id).await.json;
    offboard(&simulator, &id).await;
    offboard(&simulator, "0123456789abcdef0123456789abcdef01234567").await;
    let carried_out = own(&simulator, "offboardings").await;
    assert_eq!(
        carried_out,
        json!([{
            "machineId": id,
            "actionId": action["id"],
            "time": action["creationDateTimeUtc"],
            "status": "Pending",
        }])
    );
}

#[tokio::test]
async fn the_truth_about_a_machine() {
    let taking = async |action_time| {
        start(Config {
            action_time,
            ..Config::default()
        })
        .await
    };
    let simulator = taking(Duration::from_secs(3600)).await;
    let machine = ready(&simulator);
    let path = format!("machines/{}", machine.id);
    let before = own(&simulator, &path).await;
    assert_eq!(before, serde_json::to_value(&machine).unwrap());
    let truth = |value: &Value| {
        ["online", "supported", "offboarded", "pendingActionId"].map(|member| value[member].clone())
    };
    assert_eq!(
        truth(&before),
        [json!(true), json!(true), json!(false), Value::Null]
    );

    let action = offboard(&simulator, &machine.id).await.json["id"].clone();
    assert_eq!(
        truth(&own(&simulator, &path).await),
        [json!(true), json!(true), json!(false), action]
    );
    let simulator = taking(Duration::ZERO).await;
    offboard(&simulator, &machine.id).await;
    // It ends as soon as the clock has advanced.
    let ended = [json!(true), json!(true), json!(true), Value::Null];
    while truth(&own(&simulator, &path).await) != ended {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    let all = own(&simulator, "machines").await;
    assert_eq!(all, serde_json::to_value(simulator.machines()).unwrap());
    let unknown = call(&simulator, "GET", "/_simulator/machines/x")
        .send()
        .await;
    assert_eq!(unknown.error(), (404, "ResourceNotFound"));
}

#[tokio::test]
async fn it_only_listens_on_loopback() {
    let config = Config {
        listen: "0.0.0.0:0".parse().unwrap(),
        ..Config::default()
    };
    match offboard_simulator::Simulator::start(config).await {
        Err(StartError::Config(error)) => {
            assert!(error.to_string().contains("loopback"), "{error}")
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("listens on all addresses"),
    }
}

#[tokio::test]
async fn a_stopped_simulator_answers_no_more() {
    let simulator = start_slow().await;
    let address = simulator
        .api_root()
        .strip_prefix("http://")
        .unwrap()
        .to_owned();
    // An idle keep-alive connection must not delay it.
    let idle = tokio::net::TcpStream::connect(&address).await.unwrap();
    get(&simulator, "/api/machines").await;
    let token = simulator.token().to_owned();
    // A limit that detects a hang; nothing is measured.
    tokio::time::timeout(Duration::from_secs(60), simulator.stop())
        .await
        .unwrap();
    assert!(!answers(&address, &token).await);
    drop(idle);

    let dropped = start_slow().await;
    let address = dropped
        .api_root()
        .strip_prefix("http://")
        .unwrap()
        .to_owned();
    let token = dropped.token().to_owned();
    drop(dropped);
    let ends = async {
        while answers(&address, &token).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), ends)
        .await
        .unwrap();
}

/// Whether the simulator that accepts this token is at this address. After it has stopped,
/// another one may use its port.
async fn answers(address: &str, token: &str) -> bool {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let Ok(mut stream) = tokio::net::TcpStream::connect(address).await else {
        return false;
    };
    let request = format!(
        "GET /api/machines?$top=1 HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Connection: close\r\n\r\n"
    );
    let mut answer = Vec::new();
    let _ = stream.write_all(request.as_bytes()).await;
    let _ = stream.read_to_end(&mut answer).await;
    answer.starts_with(b"HTTP/1.1 200")
}
