//! What a simulator is started with, as plain data.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::ValueEnum;
use uuid::Uuid;

use crate::quota::Quota;

/// The largest fleet a simulator is started with.
pub const MAX_MACHINES: u32 = 100_000;

/// The largest page and the largest `$top`, as in Microsoft's API
/// documentation.
pub const MAX_PAGE_SIZE: u32 = 10_000;

/// How a simulator behaves. [`Config::default`] is a service as documented,
/// with a fleet of 30 machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to listen; port 0 picks a free one. Must be a loopback address.
    pub listen: SocketAddr,
    /// How many machines the fleet has, 0 to [`MAX_MACHINES`].
    pub machines: u32,
    /// What the fleet is drawn from: the same seed and number of machines give
    /// the same fleet.
    pub seed: u64,
    /// How long an action takes on an online device, from `Pending` to
    /// `Succeeded`. It is `InProgress` in the second half of that time.
    pub action_time: Duration,
    /// What a second offboarding answers while the first isn't final.
    pub on_duplicate: OnDuplicate,
    /// What an accepted offboarding answers.
    pub success_status: SuccessStatus,
    /// How many calls one application of one tenant may make to one API.
    pub quota: Quota,
    /// How many items a page of a list has at most, 1 to [`MAX_PAGE_SIZE`].
    pub page_size: u32,
    /// What a machine list without machines answers.
    pub empty_list: EmptyList,
    /// The application roles in the ready token.
    pub roles: Vec<String>,
    /// The audience of the ready token. The service accepts
    /// `https://api.securitycenter.microsoft.com` alone, so any other gives a
    /// token that is answered with 403.
    pub audience: String,
    /// The tenant in the ready token.
    pub tenant: Uuid,
    /// The client id in the ready token.
    pub client_id: Uuid,
    /// The application's display name in the ready token, which actions show
    /// as their `requestor`.
    pub app_name: String,
    /// How long the ready token is valid, in whole seconds. Microsoft's API
    /// documentation says one hour.
    pub token_lifetime: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            machines: 30,
            seed: 1,
            action_time: Duration::from_secs(2),
            on_duplicate: OnDuplicate::Return,
            success_status: SuccessStatus::Ok,
            quota: Quota::default(),
            page_size: MAX_PAGE_SIZE,
            empty_list: EmptyList::Ok,
            roles: ["Machine.Offboard", "Machine.Read.All"]
                .map(String::from)
                .to_vec(),
            audience: crate::token::AUDIENCE.to_owned(),
            tenant: Uuid::from_u128(0x7e4a_4700_0000_4000_8000_0000_0000_0001),
            client_id: Uuid::from_u128(0xc11e_4700_0000_4000_8000_0000_0000_0001),
            app_name: "offboard-simulator-app".to_owned(),
            token_lifetime: Duration::from_secs(3600),
        }
    }
}

impl Config {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if !self.listen.ip().is_loopback() {
            return Err(ConfigError::NotLoopback(self.listen));
        }
        if self.machines > MAX_MACHINES {
            return Err(ConfigError::Machines(self.machines));
        }
        if !(1..=MAX_PAGE_SIZE).contains(&self.page_size) {
            return Err(ConfigError::PageSize(self.page_size));
        }
        Ok(())
    }
}

/// Why a configuration can't be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The address could be reached from other machines.
    #[error(
        "refusing to listen on {0}: the simulator hands out tokens and shows every request it \
         received, so it listens on loopback addresses only (127.0.0.1 or [::1])"
    )]
    NotLoopback(SocketAddr),
    /// More machines than [`MAX_MACHINES`].
    #[error("{0} machines are too many, {MAX_MACHINES} is the most")]
    Machines(u32),
    /// A page size of 0, or above [`MAX_PAGE_SIZE`].
    #[error("a page size of {0} is out of range, it is 1 to {MAX_PAGE_SIZE}")]
    PageSize(u32),
}

/// What a second offboarding of a machine answers while the first isn't final.
///
/// Microsoft's API documentation is silent for offboarding; for isolation it
/// knows both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnDuplicate {
    /// 200 with the action that is pending already
    Return,
    /// 400 `ActiveRequestAlreadyExists`
    Refuse,
}

/// What an accepted offboarding answers. Microsoft's API documentation has
/// said both over the years, and its text of today says "200 - Created".
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SuccessStatus {
    /// 200 OK
    #[value(name = "200")]
    Ok,
    /// 201 Created
    #[value(name = "201")]
    Created,
}

/// What a machine list without machines answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EmptyList {
    /// 200 with an empty `value`
    Ok,
    /// 404, which Microsoft's API documentation describes
    NotFound,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_listened_on() {
        for (listen, accepted) in [
            ("127.0.0.1:0", true),
            ("127.9.9.9:80", true),
            ("[::1]:0", true),
            ("0.0.0.0:0", false),
            ("192.0.2.1:80", false),
            ("[::]:0", false),
        ] {
            let Ok(listen) = listen.parse() else {
                panic!("{listen}")
            };
            let config = Config {
                listen,
                ..Config::default()
            };
            assert_eq!(config.validate().is_ok(), accepted, "{listen}");
        }
    }

    #[test]
    fn sizes_out_of_range_are_refused() {
        for (machines, page_size, accepted) in [
            (0, 1, true),
            (MAX_MACHINES, MAX_PAGE_SIZE, true),
            (MAX_MACHINES + 1, 1, false),
            (1, 0, false),
            (1, MAX_PAGE_SIZE + 1, false),
        ] {
            let config = Config {
                machines,
                page_size,
                ..Config::default()
            };
            assert_eq!(
                config.validate().is_ok(),
                accepted,
                "{machines} {page_size}"
            );
        }
    }
}
