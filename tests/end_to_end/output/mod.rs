//! What the command prints and writes.

mod audit;
mod csv;
mod files;
mod formats;
mod schemas;
