//! No device is offboarded twice, and none is lost.

mod accounts;
mod concurrency;
mod crash;
mod external_ids;
mod later_activity;
mod preflight;
mod refusal;
mod resend;
mod resume;
mod same_comment;
#[cfg(unix)]
mod shutdown;
mod stale_list;
