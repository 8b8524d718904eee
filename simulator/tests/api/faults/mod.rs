//! Faults, as a client sees them.

mod actions;
mod answers;
mod connections;
mod plan;

use std::io;
use std::time::Duration;

use offboard_simulator::{Config, FaultPlan, Simulator};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{call, start};

fn plan(rules: &[&str]) -> FaultPlan {
    FaultPlan::parse(rules).unwrap()
}

/// A simulator with actions so slow that they don't advance during a test.
async fn faulty(rules: &[&str]) -> Simulator {
    start(Config {
        faults: plan(rules),
        action_time: Duration::from_secs(3600),
        ..Config::default()
    })
    .await
}

async fn requests(simulator: &Simulator) -> Vec<Value> {
    let answer = call(simulator, "GET", "/_simulator/requests").send().await;
    answer.json.as_array().unwrap().clone()
}

async fn carried_out(simulator: &Simulator) -> usize {
    let answer = call(simulator, "GET", "/_simulator/offboardings")
        .send()
        .await;
    answer.json.as_array().unwrap().len()
}

/// A connection whose bytes are not interpreted.
struct Wire(TcpStream);

impl Wire {
    async fn to(simulator: &Simulator) -> Self {
        let address = simulator.api_root().strip_prefix("http://").unwrap();
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Sends a request, and leaves the connection open for the next one.
    async fn send(&mut self, simulator: &Simulator, method: &str, path: &str, body: &str) {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            simulator.token(),
            body.len()
        );
        self.0.write_all(request.as_bytes()).await.unwrap();
    }

    async fn offboard(&mut self, simulator: &Simulator, id: &str) {
        let path = format!("/api/machines/{id}/offboard");
        self.send(simulator, "POST", &path, r#"{"Comment":"why"}"#)
            .await;
    }

    /// All bytes until the connection ends, and the kind of its end.
    async fn rest(&mut self) -> (String, io::Result<()>) {
        let mut all = Vec::new();
        let end = tokio::time::timeout(Duration::from_secs(10), self.0.read_to_end(&mut all))
            .await
            .expect("the connection stays open");
        (String::from_utf8(all).unwrap(), end.map(|_| ()))
    }

    /// One answer with a known length: head and body.
    async fn answer(&mut self) -> (String, String) {
        let mut all = Vec::new();
        loop {
            let text = String::from_utf8(all.clone()).unwrap();
            if let Some((head, body)) = text.split_once("\r\n\r\n")
                && body.len() == length(head)
            {
                return (head.to_owned(), body.to_owned());
            }
            assert!(self.0.read_buf(&mut all).await.unwrap() > 0, "{text}");
        }
    }
}

fn length(head: &str) -> usize {
    let lower = head.to_ascii_lowercase();
    let (_, rest) = lower.split_once("content-length: ").unwrap();
    rest.lines().next().unwrap().trim().parse().unwrap()
}
