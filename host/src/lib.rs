//! The host of the `offboard` plugin: takes devices out of Microsoft Defender
//! for Endpoint from a sandbox that can do nothing else.
//!
//! A WebAssembly component knows Defender's API; this library decides which
//! service, which device and whose credential, and keeps the record of what
//! really happened. Data flows one way: [`sandbox`] calls a [`component`] and
//! gives it one way out, `egress`, which lets through what the call's
//! [`grant`] says and adds the token of the [`connection`].
//!
//! Without default features the library has these rooms alone; the feature
//! `command` adds what the `offboard` command is made of.

#![deny(unsafe_code)]

#[allow(unsafe_code)]
pub mod component;
pub mod connection;
pub mod contract;
mod cut;
pub mod egress;
pub mod grant;
pub mod sandbox;
pub mod shown;

#[cfg(feature = "command")]
pub mod audit;
#[cfg(feature = "command")]
pub mod cli;
#[cfg(feature = "command")]
pub mod ledger;
#[cfg(feature = "command")]
mod lines;
#[cfg(feature = "command")]
mod members;
#[cfg(feature = "command")]
pub mod order;
#[cfg(feature = "command")]
pub mod outputs;
#[cfg(feature = "command")]
pub mod pace;
#[cfg(feature = "command")]
pub mod policy;
#[cfg(feature = "command")]
pub mod run;
#[cfg(feature = "command")]
pub mod selection;
#[cfg(feature = "command")]
mod text;

/// The example in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
