//! The commands, as a user runs them.

mod arguments;
mod cancellation;
mod demo;
mod discard;
mod exit_codes;
mod find;
mod run;
mod runs;
mod shell;
mod simulate;
mod status;
