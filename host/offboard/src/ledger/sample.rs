//! Shared by the tests of the ledger: a ledger, a session, and a run of one order.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use super::{
    claim::ClaimConflict,
    database::Ledger,
    error::LedgerError,
    order_record::OrderRecord,
    orders::NewOrder,
    request::RequestId,
    session::{Session, SessionInfo},
    wait::Waiting,
};
use crate::{
    order::{Preflight, Target},
    plan::Confirmation,
};

const MACHINE: &str = "0123456789abcdef0123456789abcdef01234567";

pub(super) async fn open(path: &Path) -> Result<Ledger, LedgerError> {
    Ledger::open(path, Waiting::default()).await
}

pub(super) fn who() -> SessionInfo {
    SessionInfo::new(None, "0", "http://127.0.0.1:1")
}

pub(super) fn plan() -> NewOrder {
    NewOrder {
        target: Target::Id(MACHINE.parse().unwrap()),
        comment: "Lost".parse().unwrap(),
        display_name: None,
    }
}

pub(super) fn consent() -> Confirmation {
    Confirmation::consent()
}

/// A run of one order after its preflight.
pub(super) async fn ordered(session: &Session) -> OrderRecord {
    let run = session
        .plan(uuid::Uuid::new_v4(), None, false, None, [plan()])
        .await
        .unwrap();
    session.confirm(run, true, &consent()).await.unwrap();
    let mut entry = session.ledger().entries(run, 0, 1).await.unwrap().remove(0);
    entry.order.record_preflight(Preflight::Unavailable);
    session.save(&mut entry).await.unwrap();
    entry
}

pub(super) async fn claim(
    session: &Session,
    entry: &mut OrderRecord,
) -> Result<RequestId, ClaimConflict> {
    let claimed = session
        .claim(entry, false, "/route", "one POST", None)
        .await;
    claimed.unwrap()
}

/// An open ledger with a session, and an order to send.
#[cfg(unix)]
pub(super) async fn at_work(path: &Path) -> (Session, OrderRecord) {
    let ledger = open(path).await.unwrap();
    let session = Session::begin(&ledger, &who(), "run").await.unwrap();
    let entry = ordered(&session).await;
    (session, entry)
}
