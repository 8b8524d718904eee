//! Offboards devices from Microsoft Defender for Endpoint: many calls, with a durable record.
//!
//! [`run`] drives orders through the sandbox, within the service's quotas
//! ([`rate_limit`]), and records each step in the [`ledger`] before the next one. The
//! modules of [`offboard_sandbox`] are re-exported: they make a single call.

#![deny(unsafe_code)]

pub mod advice;
pub mod audit;
pub mod client;
pub mod config;
pub mod doctor;
pub mod export;
pub mod external_id;
pub mod ledger;
mod lines;
pub mod members;
pub mod order;
pub mod output;
pub mod outputs;
pub mod plan;
pub mod platform;
pub mod policy;
pub mod problem;
pub mod rate_limit;
#[cfg(feature = "report")]
pub mod report;
pub mod run;
pub mod selection;
pub mod text;
mod user;
mod verify;

pub use client::Client;
pub use config::Config;
pub use offboard_sandbox::{
    Keyword, UnknownKeyword, component, connection, contract, cut, egress, grant, identity,
    input_file, mask, sandbox,
};

/// The example in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The example of embedding the sandbox compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/embed.md")]
struct Embedding;
