//! The commands, as a user runs them.

mod arguments;
mod demo;
mod exit_codes;
mod find;
mod run;
mod simulate;
mod status;
