//! The durable record of all orders and their outcomes, in one SQLite file.
//!
//! A request is on the disk before it leaves, and its answer as soon as it is received. After
//! a crash or a lost connection, the next process knows which outcomes are certain, and
//! queries the others. Orders of one machine are claimed in one transaction, which prevents a
//! race between two processes that send for it. The windows of the quotas are here, too, for
//! all processes that share the account.
//!
//! The ledger never holds a token. If it cannot be written, the run stops before the next
//! request.

mod adopt;
mod calls;
mod cancellation;
mod checkpoint;
mod claim;
mod clock;
mod confirm;
mod database;
mod discard;
mod error;
mod external_ids;
mod files;
mod holder;
mod log;
mod open;
mod order_pages;
mod order_record;
mod orders;
mod place;
mod probe;
mod request;
mod request_key;
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
pub use cancellation::CancellationRecord;
pub use claim::{ClaimConflict, ListedAction, SentOrder};
pub(crate) use clock::now;
pub use confirm::{ConfirmationRow, PlanRow};
pub use database::Ledger;
pub(crate) use discard::reason as discard_reason;
pub use error::{DatabaseError, LedgerError, LedgerErrorKind};
pub use holder::Holder;
pub use order_pages::OrderPages;
pub use order_record::OrderRecord;
pub use orders::{NewOrder, OrderCounts};
pub use request::{RequestId, RequestRecord, StateChangeRecord, TagRecord};
pub use run::{RunFilter, RunRow};
pub use run_id::RunId;
pub use session::{Session, SessionInfo};
pub use summary::OrderGroup;
pub use wait::{Waited, Waiting};
