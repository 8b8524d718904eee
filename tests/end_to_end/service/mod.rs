//! The answers and failures of the service, and its quotas.

mod answer_bounds;
mod answers;
mod connection;
mod faults;
mod rate_limit;
mod regressions;
