//! The time, as the ledger writes it.

use jiff::Timestamp;

/// Milliseconds since 1970, UTC.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}
