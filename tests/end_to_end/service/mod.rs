//! The service's answers, failures and quotas.

mod action_ids;
mod answer_bounds;
mod answers;
mod connection;
mod endings;
mod faults;
mod lists;
mod rate_limit;
mod refusals;
mod regressions;
mod tracking;
mod waits;
