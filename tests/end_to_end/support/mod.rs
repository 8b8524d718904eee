//! Shared by the tests: a simulator in this process, the command in another process, and
//! a server whose replies a test scripts.

mod closed;
mod command;
mod http;
pub(crate) mod python;
mod scripted;
mod wait;
mod world;

pub(crate) use closed::ClosedPort;
pub(crate) use command::{
    Outcome, builder, command, offboard, program, read_ledger, write_secret, written_ledger,
};
#[cfg(unix)]
pub(crate) use command::{after, signal, started_by, until_signals_are_caught};
pub(crate) use http::get_json;
pub(crate) use scripted::{MACHINE, Received, Reply, Scripted};
pub(crate) use wait::{accepted, in_time, limited, until, until_ended, until_running};
pub(crate) use world::World;

/// A machine id that no fleet has.
pub(crate) const UNKNOWN_MACHINE: &str = "00000000000000000000000000000000deadbeef";
