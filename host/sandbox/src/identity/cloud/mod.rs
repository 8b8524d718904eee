//! The clouds: each is a consistent set of API host, sign-in authority and token resource
//! (Microsoft's documentation for government customers and of its API hosts). With parts of
//! different clouds, one cloud would reject the token of the other, or receive it.

mod catalog;
mod service;

pub use catalog::{Cloud, RESOURCE, Region, is_microsoft};
pub use service::{Choice, ChoiceError, Issuer, Service};
