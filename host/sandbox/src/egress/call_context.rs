//! What all requests of one call share: the connection, the grant, and the records.

use std::{
    sync::{Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use super::{audit::Auditor, record::Recorder};
use crate::{connection::Connection, contract::Function, grant::Grant};

/// How long to wait for requests of a call that has ended.
const SETTLE: Duration = Duration::from_secs(2);

/// The state of one call.
pub(super) struct CallContext {
    pub(super) connection: Connection,
    pub(super) call: Function,
    pub(super) grant: Mutex<Grant>,
    pub(super) auditor: Auditor,
    pub(super) recorder: Recorder,
    pub(super) began: Instant,
    /// How many requests and forbidden headers the plugin attempted.
    pub(super) attempts: AtomicU64,
    /// Dropped with the last request that still runs.
    pub(super) _open: mpsc::Sender<()>,
}

impl CallContext {
    pub(super) fn grant(&self) -> MutexGuard<'_, Grant> {
        self.grant.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a call's last request.
pub(crate) struct Ended(pub(super) mpsc::Receiver<()>);

impl Ended {
    /// Waits until no request of the call runs any more and all of them are recorded.
    /// Requests of a call that has ended are cancelled, so this takes 2 seconds at
    /// most.
    pub(crate) async fn wait(mut self) {
        let _ = tokio::time::timeout(SETTLE, self.0.recv()).await;
    }
}
