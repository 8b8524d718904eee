//! The clouds: each one consistent set of API host, sign-in authority and token
//! resource (Microsoft's documentation for government customers and of its API
//! hosts). A set whose parts belong to different clouds would sign in at one
//! and be refused at the other, or hand one cloud's token to the other.

mod catalog;
mod service;

pub use catalog::{Cloud, RESOURCE, Region, is_microsoft};
pub use service::{Choice, ChoiceError, Issuer, Service};
