//! Calls of the real plugin in its sandbox, and their outcomes.

use std::{sync::LazyLock, time::Duration};

use offboard::{
    component::Component,
    connection::Connection,
    contract::{MachineAction, OffboardError},
    egress::Delivery,
    identity::Token,
    sandbox::{CallOutcome, Limits, Sandbox},
};
use serde_json::json;

use super::Server;
use crate::support::{MACHINE, in_time};

pub(crate) const TOKEN: &str = "a.secret.token";
pub(crate) const NEW: &str = "aaaaaaaa-2222-3333-4444-555555555555";

/// The outcome of a call.
pub(crate) type Answer = CallOutcome<Result<MachineAction, OffboardError>>;

/// The real plugin, whose digest is computed once.
static PLUGIN: LazyLock<Component> = LazyLock::new(|| Component::embedded().unwrap());

/// The sandbox and the connection for calls.
pub(crate) struct Call(Sandbox);

impl Call {
    /// Calls that end after this long.
    pub(crate) fn new(deadline: Duration) -> Self {
        let mut limits = Limits::default();
        limits.deadline = deadline;
        Self(Sandbox::new(&PLUGIN, limits).unwrap())
    }

    pub(crate) async fn offboard(&self, connection: &Connection) -> Answer {
        let (machine, comment) = (MACHINE.parse().unwrap(), "Retired".parse().unwrap());
        in_time(self.0.offboard(connection, &machine, &comment)).await
    }
}

pub(crate) fn connection(root: &str) -> Connection {
    Connection::new(root.parse().unwrap(), Some(Token::new(TOKEN).unwrap()))
}

/// One call with enough time.
pub(crate) async fn plain(server: &Server) -> Answer {
    within(server, Duration::from_secs(30)).await
}

/// The deadline of a call that never gets its answer. A busy machine may take seconds to
/// send its request.
pub(crate) const SILENCE_DEADLINE: Duration = Duration::from_secs(8);

/// One call that ends at this deadline.
pub(crate) async fn within(server: &Server, deadline: Duration) -> Answer {
    let call = Call::new(deadline);
    call.offboard(&connection(&server.root())).await
}

pub(crate) fn delivery(answer: &Answer) -> Delivery {
    answer.record.delivery()
}

/// The error of the connection.
pub(crate) fn failure(answer: &Answer) -> &str {
    let exchange = answer.record.exchange.as_ref();
    exchange
        .and_then(|exchange| exchange.failure.as_deref())
        .unwrap_or_default()
}

/// The action that was accepted.
pub(crate) fn ok(answer: &Answer) -> Option<&MachineAction> {
    answer.result.as_ref().ok()?.as_ref().ok()
}

/// Whether the answer was a success that cannot be read.
pub(crate) fn unreadable(answer: &Answer) -> bool {
    matches!(delivery(answer), Delivery::Answered(200))
        && matches!(answer.result, Ok(Err(OffboardError::UnreadableAnswer(_))))
}

/// The JSON of a new action.
pub(crate) fn accepted() -> String {
    json!({
        "id": NEW,
        "type": "Offboard",
        "status": "Pending",
        "machineId": MACHINE,
        "requestorComment": "Retired",
    })
    .to_string()
}
