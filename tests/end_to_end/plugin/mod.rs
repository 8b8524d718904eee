//! The component: the contract, the sandbox's limits, its digest, and other hosts.

mod contract;
#[cfg(unix)]
mod digest;
mod limits;
mod python_host;
mod settings;
