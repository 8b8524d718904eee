//! The reported data: the types behind the JSON schemas in `docs/schema`.
//!
//! A front end serialises these types and adds nothing of its own. [`schemas`] generates the
//! schemas from them. Within 1.x a type may get new members. No member is removed, renamed or
//! given another meaning.

mod audit;
mod cancellation;
mod check;
mod component;
mod confirmation;
mod csv;
mod error;
mod exported;
mod hresult;
mod machine;
mod order;
mod order_in_run;
pub mod remarks;
mod run;
mod schema;
mod settings;

pub use audit::{AuditDecision, AuditEntry, AuditPhase};
pub use cancellation::CancellationInfo;
pub use check::{CheckReport, CheckStatus, CheckStep};
pub use component::{ComponentInfo, GrantInfo, LimitInfo};
pub use confirmation::ConfirmationInfo;
pub use csv::{CsvRow, write_csv};
pub use error::{CommandError, ErrorOutput};
#[cfg(feature = "report")]
pub(crate) use exported::action_read;
pub use exported::{ExportedOrder, ExportedRequest, RequestError, StateChange};
pub use machine::MachineRow;
pub use order::{OrderError, OrderRow, PreflightResult};
pub use order_in_run::OrderInRun;
pub use run::RunInfo;
pub use schema::schemas;
pub use settings::{AUTH_METHODS, EffectiveSettings, SettingRow};

use serde_json::value::RawValue;

use crate::members::is_too_deep;

/// A time of the ledger, in milliseconds since 1970, as RFC 3339 in UTC.
#[must_use]
pub fn time(at: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(at);
    time.map_or_else(|_| at.to_string(), |time| format!("{time:.3}"))
}

/// A time of the service with its seven fractional digits: the service omits zeros at the end.
/// Another text stays as it is.
fn service_time(text: &str) -> String {
    crate::verify::time(text).map_or_else(|| text.to_owned(), |time| format!("{time:.7}"))
}

/// JSON as the service sent it; `None` if it is not JSON, or is nested so deeply that programs
/// cannot read it.
fn raw(json: &str) -> Option<Box<RawValue>> {
    if is_too_deep(json) {
        return None;
    }
    RawValue::from_string(json.to_owned()).ok()
}
