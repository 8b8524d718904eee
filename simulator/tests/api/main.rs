//! The simulator over real HTTP: every success it has, every error of the
//! service's table that offboarding can meet, and every way to a token with
//! what can go wrong on it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod actions;
mod client;
mod entra;
mod errors;
mod faults;
mod groups;
mod lists;
mod observed;
mod offboarding;
mod quotas;
mod tags;
mod tls;
mod tokens;
