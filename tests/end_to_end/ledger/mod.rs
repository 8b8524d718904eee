//! The ledger: what it records, where it may be, and who may use it.

mod location;
#[cfg(unix)]
mod locks;
mod record;
