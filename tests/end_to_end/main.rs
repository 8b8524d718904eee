//! End to end: the command, the simulator, the component, and a host that
//! nobody here wrote, over real processes and real sockets on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod answers;
mod audit;
mod confirm;
mod connection;
mod contract;
mod crash;
mod csv;
mod demo;
#[cfg(unix)]
mod digest;
mod done_before;
mod faults;
mod find;
mod fleet;
mod hostile;
mod kept;
mod ledger;
mod library;
mod limits;
mod list;
#[cfg(unix)]
mod locked;
mod misplaced;
mod output;
mod outputs;
mod pace;
mod place;
mod plan;
mod plugin;
mod policy;
mod python;
mod resend;
mod run;
mod schema;
mod secret;
mod seen_since;
#[cfg(unix)]
mod sign_in;
mod simulate;
mod stale;
mod status;
#[cfg(unix)]
mod stopping;
mod support;
mod tagging;
mod taken_up;
mod together;
mod traps;
mod usage;
