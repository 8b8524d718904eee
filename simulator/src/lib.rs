//! A simulator of Microsoft Defender for Endpoint, limited to what offboarding and a playbook
//! around it need: the routes of machines, machine actions and alerts, with their bodies,
//! errors, permissions and quotas, over real HTTP or HTTPS. It also simulates the part of Entra
//! ID that is needed to sign in: an application with a secret, a certificate or a trusted
//! identity provider, a user with a device code, and managed identities.
//!
//! It allows users to try `offboard`, and to write playbooks, without a tenant. It therefore
//! refuses what the service would refuse. If Microsoft's API documentation does not describe a
//! behaviour, the choice made here is marked *unsourced* on the item that makes it.
//!
//! The server only listens on a loopback address: it gives a token to its caller and shows,
//! under `/_simulator`, everything it received except secrets.
//!
//! ```no_run
//! # async fn example() -> Result<(), offboard_simulator::StartError> {
//! use offboard_simulator::{Config, Simulator};
//!
//! let simulator = Simulator::start(Config::default()).await?;
//! println!("{} {}", simulator.api_root(), simulator.token());
//! println!("{} {}", simulator.client_id(), simulator.client_secret());
//! simulator.stop().await;
//! # Ok(())
//! # }
//! ```

mod action;
mod action_kind;
mod actions;
mod alert;
mod api;
mod args;
mod clock;
mod config;
mod connection;
mod entra;
mod error;
mod fault;
mod files;
mod fleet;
mod journal;
mod logon_user;
mod machine;
mod odata;
mod output_file;
mod own_routes;
mod paths;
mod profile;
mod quota;
mod routes;
mod serve;
mod serve_error;
mod service;
mod simulator;
mod state;
mod supported_systems;
mod tags;
mod timestamp;
mod tls;

pub use args::Args;
pub use config::{
    COMMERCIAL_RESOURCE, Config, ConfigError, EmptyList, ExternalIds, MAX_FLEET, MAX_PAGE_SIZE,
    OnDuplicate, SuccessStatus, UserRole,
};
pub use entra::{
    CertificateError, FederatedRequest, IssuedTokens, KeyError, ManagedIdentity, TokenRequest,
};
pub use fault::{FaultPlan, FaultRule, FaultSyntaxError};
pub use machine::{IpAddress, Machine, MachineTruth, VmMetadata};
pub use output_file::OutputFileError;
pub use quota::{Limit, Quota, QuotaSyntaxError};
pub use serve::serve;
pub use serve_error::ServeError;
pub use simulator::{Simulator, StartError};
pub use tls::TlsError;
