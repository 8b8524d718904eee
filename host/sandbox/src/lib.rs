//! One call of a plugin for Microsoft Defender for Endpoint, from a sandbox that
//! can send one request and nothing else.
//!
//! A WebAssembly component knows Defender's API. This crate decides which
//! service, which device and whose credential a call gets, and records what
//! really happened. Data flows one way: [`sandbox`] calls a [`component`] and
//! gives it one way out, [`egress`], which permits what the call's [`grant`] says,
//! adds the token of the caller's [`identity`], and sends the request over the
//! [`connection`].
//!
//! The crate uses no SQL, no terminal, and no files but those with credentials.

#![deny(unsafe_code)]
#![warn(clippy::match_bool)]

#[allow(unsafe_code)]
pub mod component;
pub mod connection;
pub mod contract;
pub mod cut;
pub mod egress;
pub mod grant;
pub mod identity;
mod keyword;
pub mod mask;
pub mod sandbox;

pub use keyword::{Keyword, UnknownKeyword};
