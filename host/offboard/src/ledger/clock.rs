//! The current time in the ledger's format.

use jiff::Timestamp;

/// Milliseconds since 1970, UTC.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}
