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
mod entry;
mod error;
mod files;
mod holder;
mod log;
mod open;
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

pub use calls::{CallId, Turn};
pub use claim::{SentOrder, Taken};
pub(crate) use clock::now;
pub use confirm::{ConfirmationRow, PlanRow};
pub use database::Ledger;
pub use entry::Entry;
pub use error::{Fault, LedgerError};
pub use holder::Holder;
pub use orders::{Counts, Plan};
pub use request::{Evidence, Moment, RequestId};
pub use run::RunRow;
pub use run_id::RunId;
pub use session::{Session, Who};
pub use summary::Alike;
pub use wait::{Waited, Waiting};
