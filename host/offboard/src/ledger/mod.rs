//! The durable record of every order and what became of it, in one SQLite file.
//!
//! What leaves is on the disk before it leaves, and its answer as soon as it is
//! in: whoever comes later, after a crash or a lost line, knows what is certain
//! and asks for the rest. Orders of one machine are claimed in one transaction,
//! so that two processes never send for it at once. The quotas' windows stand
//! here, too, for all processes that share the account.
//!
//! It never holds a token. A ledger that cannot be written stops the run before
//! the next request.

mod calls;
mod checkpoint;
mod claim;
mod clock;
mod confirm;
mod database;
mod error;
mod files;
mod holder;
mod log;
mod open;
mod order_record;
mod orders;
mod place;
mod probe;
mod request;
mod run;
mod run_id;
#[cfg(test)]
mod sample;
mod schema;
mod session;
mod sidecar;
mod summary;
mod wait;

pub use calls::{Admission, CallId};
pub use claim::{ClaimConflict, SentOrder};
pub(crate) use clock::now;
pub use confirm::{ConfirmationRow, PlanRow};
pub use database::Ledger;
pub use error::{LedgerError, LedgerErrorKind};
pub use holder::Holder;
pub use order_record::OrderRecord;
pub use orders::{NewOrder, OrderCounts};
pub use request::{RequestId, RequestRecord, StateChangeRecord};
pub use run::RunRow;
pub use run_id::RunId;
pub use session::{Session, SessionInfo};
pub use summary::OrderGroup;
pub use wait::{Waited, Waiting};
