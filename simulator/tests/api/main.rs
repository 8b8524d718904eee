//! The simulator over real HTTP: every success it has and every error of the
//! service's table that offboarding can meet.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod actions;
mod client;
mod errors;
mod lists;
mod observed;
mod offboarding;
mod quotas;
mod tokens;
