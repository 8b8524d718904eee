//! Plugins that attempt what a plugin must not be able to do. Most attacks are cases of the
//! guests in `tests/hostile/guests`; some are components in the text format. Each runs in
//! the real sandbox, against a server that records what it received. In `servers`, the
//! network is hostile.

mod addresses;
mod bodies;
mod bytes;
mod credential;
mod external_ids;
mod guest;
mod headers;
mod imports;
mod raw_components;
mod reads;
mod record;
mod requests;
mod resources;
mod results;
mod routes;
pub(crate) mod servers;
mod tags;
mod wasm_features;

use std::{
    net::TcpListener,
    ops::Deref,
    time::{Duration, Instant},
};

use offboard::{
    component::Component,
    connection::Connection,
    contract::{Comment, MachineAction, MachineId, OffboardError, WIT},
    egress::Delivery,
    grant::Refusal,
    identity::Token,
    sandbox::{CallError, CallOutcome, Limits, Sandbox},
};
use serde_json::Value;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

pub(crate) use guest::component_bytes;

use crate::support::{MACHINE, Received, Reply, Scripted, in_time};
use guest::{Attack, module};

const TOKEN: &str = "a.secret.token";

/// The id of the action that the service answers with.
const ACTION: &str = "aaaaaaaa-2222-3333-4444-555555555555";

/// A call of a guest's `offboard`: the ordered comment, and the outcome.
#[derive(Debug)]
struct Offboarding {
    comment: String,
    outcome: CallOutcome<Result<MachineAction, OffboardError>>,
}

impl Deref for Offboarding {
    type Target = CallOutcome<Result<MachineAction, OffboardError>>;

    fn deref(&self) -> &Self::Target {
        &self.outcome
    }
}

/// A module with the contract's functions as a component.
fn wrapped(module: Vec<u8>) -> Vec<u8> {
    wrapped_for("plugin", module)
}

fn wrapped_for(world: &str, mut module: Vec<u8>) -> Vec<u8> {
    let mut contract = Resolve::default();
    let package = contract.push_str("offboard.wit", WIT).unwrap();
    let world = contract.select_world(&[package], Some(world)).unwrap();
    embed_component_metadata(&mut module, &contract, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(|mut encoder| encoder.encode())
        .unwrap_or_else(|error| panic!("{error:#}"))
}

/// The error for a component that the sandbox must refuse.
fn refused(component: &Component) -> String {
    match Sandbox::new(component, Limits::default()) {
        Ok(_) => panic!("it was taken"),
        Err(error) => format!("{error:#}"),
    }
}

/// A sandbox for this component. The only place that knows what `new` returns.
fn sandbox_of(component: &Component, limits: Limits) -> Sandbox {
    Sandbox::new(component, limits).unwrap()
}

fn connection(root: &str) -> Connection {
    Connection::new(root.parse().unwrap(), Some(Token::new(TOKEN).unwrap()))
}

fn machine() -> MachineId {
    MACHINE.parse().unwrap()
}

/// A service that accepts every offboarding.
fn service() -> Scripted {
    Scripted::new(|request, _| {
        let (_, body) = request.strip_prefix("POST ")?.split_once(" HTTP/1.1 ")?;
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let comment = body["Comment"].as_str().unwrap_or_default();
        Some(Reply::new(200, &action_json(comment)))
    })
}

/// A service that permits no machine to be read. If the plugin reported a machine falsely,
/// the run would end before the offboarding.
fn unreadable_machines(post: Reply) -> Scripted {
    Scripted::new(move |request, _| {
        Some(match request {
            _ if request.starts_with("POST ") => post.clone(),
            _ if request.starts_with("GET /api/machines/") => Reply::error(403, "Forbidden", "no"),
            _ => return None,
        })
    })
}

/// The service's action for an order with this comment.
fn action_json(comment: &str) -> String {
    format!(
        r#"{{"id":"{ACTION}","type":"Offboard","status":"Pending","machineId":"{MACHINE}","requestorComment":"{comment}"}}"#
    )
}

/// Calls the `offboard` of an attack, `THEME/CASE`.
async fn attack(name: &str, server: &Scripted) -> Offboarding {
    Attack::new(name).offboard(&connection(server.root())).await
}

/// The same with a parameter, which the guest cannot know, for example a port.
async fn attack_with(name: &str, server: &Scripted, parameter: &str) -> Offboarding {
    Attack::new(name)
        .with_parameter(parameter)
        .offboard(&connection(server.root()))
        .await
}

/// A short deadline.
const SHORT_DEADLINE: Duration = Duration::from_secs(1);

fn shorten(limits: &mut Limits) {
    limits.deadline = SHORT_DEADLINE;
}

/// The same with a short deadline, which the call must not exceed.
async fn attack_briefly(name: &str, server: &Scripted) -> Offboarding {
    let attack = Attack::limited(name, shorten);
    briefly(attack.offboard(&connection(server.root()))).await
}

async fn briefly(call: impl Future<Output = Offboarding>) -> Offboarding {
    let started = Instant::now();
    let called = call.await;
    let took = started.elapsed();
    // A bound on a hang, not a measurement.
    assert!(took < SHORT_DEADLINE * 60, "{took:?}: {called:?}");
    called
}

async fn call(
    sandbox: &Sandbox,
    connection: &Connection,
    machine: &MachineId,
    comment: &str,
) -> Offboarding {
    let order: Comment = comment.parse().unwrap();
    Offboarding {
        comment: comment.to_owned(),
        outcome: in_time(sandbox.offboard(connection, machine, &order)).await,
    }
}

/// What the guest reports.
fn report(called: &Offboarding) -> &str {
    match &called.result {
        Ok(Err(OffboardError::Denied(text))) => text,
        other => panic!("the guest reports nothing: {other:?}"),
    }
}

/// Nothing was sent, for this reason, and the guest got the error.
#[track_caller]
fn assert_denied(called: &Offboarding, server: &Scripted, reason: &Refusal) {
    assert_eq!(
        called.record.refusals,
        std::slice::from_ref(reason),
        "{called:?}"
    );
    assert_eq!(report(called), "HttpRequestDenied");
    assert_nothing_left(called, server);
}

/// Nothing was sent: the guest could not even build the request.
#[track_caller]
fn assert_impossible(called: &Offboarding, server: &Scripted, reason: &str) {
    assert_eq!(report(called), reason, "{called:?}");
    assert_eq!(called.record.refused, 0, "{called:?}");
    assert_nothing_left(called, server);
}

#[track_caller]
fn assert_nothing_left(called: &Offboarding, server: &Scripted) {
    assert_eq!(
        called.record.delivery(),
        Delivery::NotSent,
        "{:?}",
        called.record
    );
    assert!(server.seen().is_empty(), "{:?}", server.received());
}

/// Exactly the ordered request was sent, once, with the host's own headers and body.
#[track_caller]
fn assert_as_ordered(called: &Offboarding, server: &Scripted) {
    let received = server.received();
    let [Received { head, body }] = received.as_slice() else {
        panic!("not one request: {received:?}");
    };
    let authority = server.root().strip_prefix("http://").unwrap();
    let mut lines = head.lines();
    assert_eq!(
        lines.next().unwrap(),
        format!("POST /api/machines/{MACHINE}/offboard HTTP/1.1")
    );
    let mut headers: Vec<&str> = lines.collect();
    headers.sort_unstable();
    let length = format!("content-length: {}", body.len());
    let host = format!("host: {authority}");
    let token = format!("authorization: Bearer {TOKEN}");
    let agent = format!(
        "user-agent: MdePartner-offboard-offboard/{}",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(
        headers,
        [
            "accept-encoding: identity",
            "accept: application/json",
            &token,
            "connection: close",
            &length,
            "content-type: application/json",
            &host,
            &agent,
        ]
    );
    assert_eq!(
        *body,
        serde_json::json!({ "Comment": called.comment }).to_string()
    );
}

/// The call was ended because of a limit, and the error names it.
#[track_caller]
fn assert_limit(called: &Offboarding, what: &str) {
    match &called.result {
        // The engine reports some of the limits in its own words.
        Err(CallError::Limit(reason)) => {
            let memory = "bytes of memory";
            assert_eq!(what == memory, reason.contains(memory), "{called:?}");
        }
        Err(CallError::Trap(reason) | CallError::Start(reason)) => {
            assert!(reason.contains(what), "{called:?}");
        }
        _ => panic!("it was not ended: {called:?}"),
    }
}

/// A listener that must get no connection.
struct Elsewhere(TcpListener);

impl Elsewhere {
    fn new() -> Self {
        Self::at("127.0.0.1:0")
    }

    fn at(address: impl std::net::ToSocketAddrs) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn authority(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    #[track_caller]
    fn assert_untouched(&self) {
        let came = self.0.accept();
        assert!(
            matches!(&came, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock),
            "a connection: {came:?}"
        );
    }
}
