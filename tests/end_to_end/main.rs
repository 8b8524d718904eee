//! End to end: the command, the simulator, the component, and an independent host, with
//! real processes and real sockets on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod commands;
mod hostile;
mod idempotency;
mod ledger;
mod library;
mod output;
mod planning;
mod plugin;
mod secrets;
mod service;
#[cfg(unix)]
mod sign_in;
mod support;
