//! Why a plan cannot be made.

use thiserror::Error;
use uuid::Uuid;

use crate::{
    contract::InvalidComment,
    ledger::{LedgerError, RunRow},
    plan::GuardError,
};

/// The plan failed. Nothing was sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The number of machines is not what the caller allows.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// A comment is invalid.
    #[error(transparent)]
    Comment(#[from] InvalidComment),
    /// The plugin cannot set the tag.
    #[error("the plugin does not export `tagging`, so it cannot set a tag: nothing was sent")]
    TaggingUnsupported,
    /// Requests must have an external id, and the plugin cannot send one.
    #[error("the plugin does not export `external-id`, so it cannot send one: nothing was sent")]
    ExternalIdUnsupported,
    /// The request id belongs to another request.
    #[error(
        "the request id {key:?} belongs to run {run}, which has other machines, another comment or \
         tag, or another choice for machines that were already offboarded: nothing was sent"
    )]
    RequestIdConflict {
        /// The key.
        key: String,
        /// The run with this key.
        run: Uuid,
    },
    /// Another process has not confirmed its plan with this request id yet, or does not continue
    /// its run.
    #[error(
        "another process has not confirmed or not finished its run with the request id {key:?}: \
         nothing was sent here"
    )]
    RequestIdBusy {
        /// The key.
        key: String,
    },
    /// The request id belongs to an unfinished run of another account of the tenant.
    #[error(
        "the request id {key:?} belongs to run {}, which is not finished and belongs to application \
         {} and API {}: nothing was sent",
        .run.uuid,
        .run.application.as_deref().unwrap_or("(not named)"),
        .run.api_root
    )]
    RequestIdElsewhere {
        /// The key.
        key: String,
        /// The run with this key.
        run: Box<RunRow>,
    },
    /// The run belongs to another tenant, application or API.
    #[error(
        "run {} belongs to tenant {}, application {} and API {}: nothing was sent",
        .0.uuid,
        .0.tenant.as_deref().unwrap_or("(not named)"),
        .0.application.as_deref().unwrap_or("(not named)"),
        .0.api_root
    )]
    OtherAccount(Box<RunRow>),
    /// The run was recorded without a tenant, so its orders have to be confirmed again.
    #[error(
        "run {0} was recorded with a token that names no tenant: its machines have to be confirmed \
         for the tenant of this token"
    )]
    WithoutTenant(Uuid),
    /// The draft belongs to another client.
    #[error("the run was recorded by another client")]
    AnotherClient,
    /// The caller stopped the client.
    #[error("interrupted before anything was sent")]
    Interrupted,
}
