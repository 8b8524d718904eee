//! The simulator over real HTTP: every success, every error of the service's table that
//! offboarding can encounter, and every grant type with its errors.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod actions;
mod client;
mod entra;
mod errors;
mod faults;
mod groups;
mod lists;
mod metadata;
mod observed;
mod offboarding;
mod paths;
mod playbook;
mod quotas;
mod tags;
mod tls;
mod tokens;
