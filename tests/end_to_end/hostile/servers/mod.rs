//! Malicious or broken servers and proxies. In every case, the call ends, memory stays bounded,
//! the token does not leak, and the report about the request is true.

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
