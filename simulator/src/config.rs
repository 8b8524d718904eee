//! The configuration of a simulator, as plain data.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::ValueEnum;
use tokio_rustls::rustls::pki_types::ServerName;
use uuid::Uuid;

use crate::fault::FaultPlan;
use crate::quota::Quota;

/// The size limit of a fleet.
pub const MAX_FLEET: u32 = 100_000;

/// The largest page and the largest `$top`, as in Microsoft's API
/// documentation.
pub const MAX_PAGE_SIZE: u32 = 10_000;

/// The resource of the commercial cloud, which is also the audience of its
/// tokens.
pub const COMMERCIAL_RESOURCE: &str = "https://api.securitycenter.microsoft.com";

/// The configuration of a simulator. [`Config::default`] is the service as documented, with a
/// fleet of 30 machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The address to listen on; port 0 selects a free port. Must be a loopback address.
    pub listen: SocketAddr,
    /// The number of machines in the fleet, 0 to [`MAX_FLEET`].
    pub machines: u32,
    /// The random seed of the fleet: the same seed and number of machines give the same fleet.
    pub seed: u64,
    /// The duration of an action on an online device, from `Pending` to `Succeeded`. It is
    /// `InProgress` in the second half of that time.
    pub action_time: Duration,
    /// How long an action on an offline device stays `Pending` until it ends as `TimeOut`. Two
    /// captured actions of other types ended after 72 hours and 14 minutes.
    pub action_deadline: Duration,
    /// The answer to a second action of one type on a machine while the first isn't final.
    pub on_duplicate: OnDuplicate,
    /// The answer to an accepted offboarding. (An accepted isolation is always 201.)
    pub success_status: SuccessStatus,
    /// What happens to the `ExternalId` of an offboarding.
    pub external_ids: ExternalIds,
    /// The faults.
    pub faults: FaultPlan,
    /// The number of calls that one application of one tenant may make to one API.
    pub quota: Quota,
    /// The most items on one page of a list, 1 to [`MAX_PAGE_SIZE`].
    pub page_size: u32,
    /// The answer to a machine list without machines.
    pub empty_list: EmptyList,
    /// Whether to serve HTTPS, with a certificate for `127.0.0.1`, `::1` and `localhost` of a
    /// certification authority that is created at start.
    pub tls: bool,
    /// Further names in that certificate: DNS names, also with `*` as their first label, or IP
    /// addresses. With the names of the service, a client with built-in hosts can be pointed at
    /// the simulator.
    pub tls_names: Vec<String>,
    /// How far all of its clocks are ahead of the system's, in seconds; behind if negative.
    pub clock_skew: i64,
    /// The application roles with consent: those in the ready token, and in the tokens of
    /// applications and managed identities.
    pub roles: Vec<String>,
    /// The delegated permissions with consent: those that a user's token can have.
    pub scopes: Vec<String>,
    /// The resources that Entra ID knows, and that the API accepts as the audience of a token.
    /// With or without a trailing slash. With [`COMMERCIAL_RESOURCE`], its other names are
    /// accepted, too.
    pub accept_resources: Vec<String>,
    /// The audience of the ready token. If it isn't among
    /// [`accept_resources`](Self::accept_resources), the API answers the token with 403.
    pub audience: String,
    /// The tenant.
    pub tenant: Uuid,
    /// The application's client id.
    pub client_id: Uuid,
    /// The application's display name, which actions show as their
    /// `requestor`.
    pub app_name: String,
    /// The application's secret; created at start if `None`.
    pub client_secret: Option<String>,
    /// The RSA key that signs tokens, as PKCS#8 in PEM; created at start if `None`, which takes
    /// long without optimisation. Simulators with one key accept each other's tokens.
    pub signing_key: Option<String>,
    /// Whether that secret has expired.
    pub secret_expired: bool,
    /// Whether a policy blocks every sign-in, except those of managed identities, which
    /// policies don't cover.
    pub conditional_access: bool,
    /// Whether an assertion signed with a certificate is accepted only once. Entra ID accepts
    /// it again, and MSAL for Python reuses one for ten minutes.
    pub refuse_replayed_assertions: bool,
    /// The user of delegated tokens, as a user principal name.
    pub user: String,
    /// The device groups that a user can see, by name; `None` for all machines.
    pub user_groups: Option<Vec<String>>,
    /// What a user may do in addition to reading.
    pub user_role: UserRole,
    /// The lifetime of a token, in whole seconds. Microsoft's API documentation says one hour.
    pub token_lifetime: Duration,
    /// The lifetime of a device code, in whole seconds. Entra ID's is 15 minutes.
    pub device_code_lifetime: Duration,
    /// The shortest interval between two polls for a device code. Entra ID's is five seconds.
    pub device_code_interval: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            machines: 30,
            seed: 1,
            action_time: Duration::from_secs(2),
            action_deadline: Duration::from_secs(72 * 60 * 60),
            on_duplicate: OnDuplicate::Return,
            success_status: SuccessStatus::Ok,
            external_ids: ExternalIds::Echo,
            faults: FaultPlan::default(),
            quota: Quota::default(),
            page_size: MAX_PAGE_SIZE,
            empty_list: EmptyList::Ok,
            tls: false,
            tls_names: Vec::new(),
            clock_skew: 0,
            roles: ["Machine.Offboard", "Machine.Read.All"]
                .map(String::from)
                .to_vec(),
            scopes: ["Machine.Offboard", "Machine.Read"]
                .map(String::from)
                .to_vec(),
            accept_resources: vec![COMMERCIAL_RESOURCE.to_owned()],
            audience: COMMERCIAL_RESOURCE.to_owned(),
            tenant: Uuid::from_u128(0x7e4a_4700_0000_4000_8000_0000_0000_0001),
            client_id: Uuid::from_u128(0xc11e_4700_0000_4000_8000_0000_0000_0001),
            app_name: "offboard-simulator-app".to_owned(),
            client_secret: None,
            signing_key: None,
            secret_expired: false,
            conditional_access: false,
            refuse_replayed_assertions: false,
            user: "analyst@contoso.test".to_owned(),
            user_groups: None,
            user_role: UserRole::SecuritySettings,
            token_lifetime: Duration::from_secs(3600),
            device_code_lifetime: Duration::from_secs(15 * 60),
            device_code_interval: Duration::from_secs(5),
        }
    }
}

impl Config {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if !self.listen.ip().is_loopback() {
            return Err(ConfigError::NotLoopback(self.listen));
        }
        if self.machines > MAX_FLEET {
            return Err(ConfigError::Machines(self.machines));
        }
        if !(1..=MAX_PAGE_SIZE).contains(&self.page_size) {
            return Err(ConfigError::PageSize(self.page_size));
        }
        let mut names = self.tls_names.iter();
        if let Some(name) = names.find(|name| !is_certificate_name(name)) {
            return Err(ConfigError::TlsName(name.clone()));
        }
        Ok(())
    }
}

/// Whether a certificate can be for this name: a DNS name, also with `*` as its first label, or
/// an IP address.
fn is_certificate_name(name: &str) -> bool {
    let concrete = name.strip_prefix("*.").unwrap_or(name);
    match ServerName::try_from(concrete) {
        Ok(ServerName::IpAddress(_)) => concrete == name,
        Ok(_) => true,
        Err(_) => false,
    }
}

/// Why a configuration is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The address could be reached from other machines.
    #[error(
        "refusing to listen on {0}: the simulator hands out tokens and shows every request it \
         received, so it listens on loopback addresses only (127.0.0.1 or [::1])"
    )]
    NotLoopback(SocketAddr),
    /// More machines than [`MAX_FLEET`].
    #[error("{0} machines are too many, {MAX_FLEET} is the most")]
    Machines(u32),
    /// A page size of 0, or above [`MAX_PAGE_SIZE`].
    #[error("a page size of {0} is out of range, it is 1 to {MAX_PAGE_SIZE}")]
    PageSize(u32),
    /// A name that a certificate can't be for.
    #[error("{0:?} is not a name for a certificate: write a DNS name or an IP address")]
    TlsName(String),
}

/// The answer to a second offboarding of a machine while the first isn't final.
///
/// Microsoft's API documentation doesn't describe it for offboarding; for isolation it has
/// both answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnDuplicate {
    /// 200 with the pending action
    Return,
    /// 400 `ActiveRequestAlreadyExists`
    Refuse,
}

/// The answer to an accepted offboarding. Microsoft's API documentation has described both
/// over the years, and its present text says "200 - Created".
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SuccessStatus {
    /// 200 OK
    #[value(name = "200")]
    Ok,
    /// 201 Created
    #[value(name = "201")]
    Created,
}

/// What happens to the `ExternalId` of an offboarding, which the service's metadata declares as
/// an optional parameter. Unsourced: every variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExternalIds {
    /// Kept, and returned as the action's `externalId`
    Echo,
    /// Kept, but actions are returned without it
    Hide,
    /// Accepted, but not kept
    Ignore,
    /// Refused: 400 `InvalidRequestBody`
    Refuse,
    /// Kept, and returned in upper case
    UpperCase,
    /// Kept, and returned cut to 32 characters
    Cut,
}

impl ExternalIds {
    /// What actions show of an external id that was kept.
    pub(crate) fn shown(self, id: String) -> Option<String> {
        match self {
            Self::Echo | Self::Ignore | Self::Refuse => Some(id),
            Self::Hide => None,
            Self::UpperCase => Some(id.to_uppercase()),
            Self::Cut => Some(id.chars().take(32).collect()),
        }
    }
}

/// What the user of a delegated token may do, by a role in the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum UserRole {
    /// May read, offboard, tag and isolate, as Microsoft documents it for "Manage
    /// security settings in Security Center" and "Active remediation actions"
    SecuritySettings,
    /// May only read
    None,
}

/// The answer to a machine list without machines.
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
    fn a_certificate_is_for_dns_names_and_addresses() {
        for (name, accepted) in [
            ("login.microsoftonline.com", true),
            ("*.securitycenter.microsoft.com", true),
            ("192.0.2.1", true),
            ("::1", true),
            ("*.192.0.2.1", false),
            ("*", false),
            ("", false),
            ("https://login.microsoftonline.com", false),
            ("host:443", false),
            ("a b", false),
        ] {
            let config = Config {
                tls_names: vec![name.to_owned()],
                ..Config::default()
            };
            assert_eq!(config.validate().is_ok(), accepted, "{name}");
        }
    }

    #[test]
    fn sizes_out_of_range_are_refused() {
        for (machines, page_size, accepted) in [
            (0, 1, true),
            (MAX_FLEET, MAX_PAGE_SIZE, true),
            (MAX_FLEET + 1, 1, false),
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
