//! The ledger: its records, its location, and its locks.

mod location;
#[cfg(unix)]
mod locks;
mod missing;
mod record;
