//! Runs one call of a plugin for Microsoft Defender for Endpoint in a sandbox that can send
//! one request and nothing else.
//!
//! A WebAssembly component implements Defender's API. This crate determines the service, the
//! device and the credential of a call, and records what was actually sent and received.
//! [`sandbox`] calls a [`component`] with one [`egress`]. It permits the requests in the
//! call's [`grant`], adds the token of the caller's [`identity`], and sends the request over
//! the [`connection`].
//!
//! The crate uses no SQL and no terminal. The only files that it reads are components and
//! credentials.

#![deny(unsafe_code)]

#[allow(unsafe_code)]
pub mod component;
pub mod connection;
pub mod contract;
pub mod cut;
pub mod egress;
mod encoding;
pub mod grant;
pub mod identity;
pub mod input_file;
mod keyword;
pub mod mask;
pub mod sandbox;

pub use keyword::{Keyword, UnknownKeyword};
