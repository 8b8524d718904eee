//! Shared by the tests, with `offboard-testkit`: a server whose replies a test scripts, a
//! closed port, and Python.

mod closed;
pub(crate) mod python;
mod scripted;

pub(crate) use closed::ClosedPort;
pub(crate) use offboard_testkit::{
    Outcome, Running, World, accepted, builder, command, get_json, in_time, limited, offboard,
    program, read_ledger, until, until_ended, until_running, write_secret, written_ledger,
};
#[cfg(unix)]
pub(crate) use offboard_testkit::{after, signal, started_by, until_signals_are_caught};
pub(crate) use scripted::{MACHINE, Received, Reply, Scripted};

/// A machine id that no fleet has.
pub(crate) const UNKNOWN_MACHINE: &str = "00000000000000000000000000000000deadbeef";
