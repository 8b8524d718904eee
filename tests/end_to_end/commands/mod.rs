//! Each command, as a user runs it.

mod arguments;
mod demo;
mod find;
mod run;
mod simulate;
mod status;
