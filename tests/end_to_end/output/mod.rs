//! The command's output and the files that it writes.

mod audit;
mod csv;
mod files;
mod formats;
mod rows;
mod schemas;
