//! Plugins that try what a plugin must not be able to do. Each is a component
//! of its own, most of them built from `tests/hostile/guests`, some written
//! down as text, and each runs in the real sandbox against a server that tells
//! what it really saw. In `servers`, it is the network that is not to be
//! trusted.

mod addresses;
mod bodies;
mod bytes;
mod credential;
mod features;
mod headers;
mod imports;
mod reads;
mod record;
mod requests;
mod resources;
mod results;
mod routes;
pub(crate) mod servers;
mod tags;
mod written;

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    sync::LazyLock,
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

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::support::{MACHINE, Received, Reply, Scripted, builder, in_time};

const TOKEN: &str = "a.secret.token";
const COMMENT: &str = "Retired";

/// The id of the action that the service answers with.
const ACTION: &str = "aaaaaaaa-2222-3333-4444-555555555555";

type Offboarding = CallOutcome<Result<MachineAction, OffboardError>>;

/// Builds every guest, once; the folder of the modules.
fn guests() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        const GUEST: &str = "wasm32-unknown-unknown";
        // A folder of its own: the outer build may hold the lock of its own.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile");
        let mut cargo = builder(env!("CARGO"));
        cargo
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/hostile"))
            .args(["build", "--examples", "--locked", "--target", GUEST])
            .arg("--target-dir")
            .arg(&target);
        // Meant for the outer build alone.
        for name in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "RUSTC_WORKSPACE_WRAPPER",
        ] {
            cargo.env_remove(name);
        }
        let output = cargo.output().expect("cargo runs");
        assert!(
            output.status.success(),
            "the hostile guests do not build:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        target.join(GUEST).join("debug/examples")
    });
    &FOLDER
}

/// A guest's component, as a file of it would be.
pub(crate) fn component_bytes(guest: &str) -> Vec<u8> {
    wrapped(module(guest))
}

fn module(guest: &str) -> Vec<u8> {
    let module = guests().join(guest).with_extension("wasm");
    std::fs::read(&module).unwrap_or_else(|error| panic!("{module:?}: {error}"))
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

fn component(guest: &str) -> Component {
    Component::from_bytes(component_bytes(guest)).unwrap()
}

/// What is wrong with a component that never becomes a sandbox.
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

fn sandbox(guest: &str) -> Sandbox {
    sandbox_with(guest, |_| {})
}

fn sandbox_with(guest: &str, change: impl FnOnce(&mut Limits)) -> Sandbox {
    let mut limits = Limits::default();
    change(&mut limits);
    sandbox_of(&component(guest), limits)
}

fn connection(root: &str) -> Connection {
    Connection::new(root.parse().unwrap(), Some(Token::new(TOKEN).unwrap()))
}

fn machine() -> MachineId {
    MACHINE.parse().unwrap()
}

/// A service that carries out what is asked of it.
fn service() -> Scripted {
    Scripted::posting(Reply::new(200, &action_json()))
}

/// A service where machines cannot be read: a plugin that says nothing true of
/// them would not come to send.
fn unreadable_machines(post: Reply) -> Scripted {
    Scripted::new(move |request, _| {
        Some(match request {
            _ if request.starts_with("POST ") => post.clone(),
            _ if request.starts_with("GET /api/machines/") => Reply::error(403, "Forbidden", "no"),
            _ => return None,
        })
    })
}

fn action_json() -> String {
    format!(
        r#"{{"id":"{ACTION}","type":"Offboard","status":"Pending","machineId":"{MACHINE}","requestorComment":"{COMMENT}"}}"#
    )
}

/// A guest's `offboard`, called for the one machine.
async fn attack(guest: &str, server: &Scripted) -> Offboarding {
    attack_with(guest, server, COMMENT).await
}

/// The same with another comment: what a guest cannot know, like a port, it is
/// told so.
async fn attack_with(guest: &str, server: &Scripted, comment: &str) -> Offboarding {
    call(&sandbox(guest), &connection(server.root()), comment).await
}

/// What a short deadline is here.
const SHORT: Duration = Duration::from_secs(1);

fn sandbox_briefly(guest: &str) -> Sandbox {
    sandbox_with(guest, |limits| limits.deadline = SHORT)
}

/// The same with a short deadline, which is kept.
async fn attack_briefly(guest: &str, server: &Scripted) -> Offboarding {
    call_briefly(&sandbox_briefly(guest), server).await
}

async fn call_briefly(sandbox: &Sandbox, server: &Scripted) -> Offboarding {
    let started = Instant::now();
    let called = call(sandbox, &connection(server.root()), COMMENT).await;
    let took = started.elapsed();
    // A bound on a hang, not a measurement.
    assert!(took < SHORT * 60, "{took:?}: {called:?}");
    called
}

async fn call(sandbox: &Sandbox, connection: &Connection, comment: &str) -> Offboarding {
    let comment: Comment = comment.parse().unwrap();
    let machine = machine();
    in_time(sandbox.offboard(connection, &machine, &comment)).await
}

/// What the guest reports that it saw.
fn told(called: &Offboarding) -> &str {
    match &called.result {
        Ok(Err(OffboardError::Denied(text))) => text,
        other => panic!("the guest reports nothing: {other:?}"),
    }
}

/// Nothing left, for this reason, and the guest was told so.
#[track_caller]
fn assert_denied(called: &Offboarding, server: &Scripted, reason: &Refusal) {
    assert_eq!(
        called.record.refusals,
        std::slice::from_ref(reason),
        "{called:?}"
    );
    assert_eq!(told(called), "HttpRequestDenied");
    assert_nothing_left(called, server);
}

/// Nothing left: the request could not even be put together.
#[track_caller]
fn assert_impossible(called: &Offboarding, server: &Scripted, reason: &str) {
    assert_eq!(told(called), reason, "{called:?}");
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

/// Exactly the ordered request left, once, in the host's own words.
#[track_caller]
fn assert_as_ordered(server: &Scripted) {
    assert_request(server, COMMENT);
}

#[track_caller]
fn assert_request(server: &Scripted, comment: &str) {
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
    assert_eq!(*body, serde_json::json!({ "Comment": comment }).to_string());
}

/// The call was ended for what it used, and says for what.
#[track_caller]
fn assert_limit(called: &Offboarding, what: &str) {
    match &called.result {
        // A limit of its own, or of the engine's, in the engine's words.
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

/// A listener that nobody may come to.
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
            "somebody came: {came:?}"
        );
    }
}
