//! Servers that mean harm, or are broken beyond belief, and everything on the
//! way to them. Whatever they do, a call ends, memory stays bounded, the token
//! stays where it is, and what is said about the request is true.

mod address;
mod body;
mod echo;
mod head;
mod proxy;
mod redirect;
mod silence;
pub(crate) mod support;
mod tls;
mod truncated;
