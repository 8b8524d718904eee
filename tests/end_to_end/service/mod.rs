//! The service's answers, failures and quotas.

mod answer_bounds;
mod answers;
mod connection;
mod faults;
mod rate_limit;
mod regressions;
mod tracking;
