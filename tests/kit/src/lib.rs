//! Runs programs of this workspace against a simulator in the test's own process.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod files;
mod http;
mod process;
mod running;
mod wait;
mod world;

pub use files::{read_ledger, write_secret, written_ledger};
pub use http::{get_json, request};
pub use process::{Outcome, builder, built, command, isolated, offboard, program, signal};
#[cfg(unix)]
pub use process::{after, started_by, until_signals_are_caught};
pub use running::Running;
pub use wait::{accepted, in_time, limited, until, until_ended, until_running};
pub use world::World;
