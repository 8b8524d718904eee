//! What to do about a problem, as data. A front end turns it into words, with the
//! names of its own settings and commands.

mod entra;

use serde::Serialize;

use crate::{
    contract::{Problem, ProblemKind},
    identity::TokenClaims,
};

pub use entra::SignInRemedy;

/// What to do about a problem.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Remedy {
    /// Use a machine id: 40 hexadecimal digits.
    CheckMachineId,
    /// Give a comment: the service keeps it.
    GiveComment,
    /// Use a tag of 1 to 200 characters, without control characters and without white
    /// space at either end.
    CheckTag,
    /// Do what Entra ID's error code says.
    SignIn(SignInRemedy),
    /// Repair the credential's settings, or sign in another way.
    RepairCredential,
    /// Name the right tenant: the token is of another one.
    UseRightTenant,
    /// Check the network, and the names of the API and of the authority.
    CheckConnection,
    /// Get a fresh token: this one has ended.
    RenewToken,
    /// Check the licence: a fresh token is refused, too.
    CheckLicence {
        /// What the token says.
        token: Option<TokenSummary>,
    },
    /// Grant a permission, or use the right audience.
    GrantPermission {
        /// What the permission is for.
        purpose: Purpose,
        /// Whether the token carries the permission already.
        is_granted: bool,
        /// What the token says.
        token: Option<TokenSummary>,
    },
    /// Find the machine: the service does not show it to this token.
    FindMachine {
        /// Whether the token is a user's, who sees the machines of the user's own device
        /// groups alone.
        is_delegated: bool,
    },
    /// Choose one of the machines of this name by its id.
    ChooseMachine,
    /// Remove the machine by another means: the service does not offboard it.
    UseAnotherMeans,
    /// Track the offboarding that is in progress.
    TrackExisting,
    /// Repeat it later: it was not carried out.
    RetryAfter {
        /// After so many seconds, if the service said so.
        seconds: Option<u64>,
    },
    /// Repeat the read: nothing was changed.
    RetryRead,
    /// Find out whether it was carried out, before it is repeated.
    ReconcileFirst,
    /// Inspect the plugin: it asked for more than was ordered.
    InspectPlugin,
    /// Repeat the request: it was not sent. Check the network.
    RetryRequest,
    /// Check the network, then repeat the read.
    CheckNetwork,
    /// Order it again: the run ended before its turn.
    OrderAgain,
    /// Inspect the plugin and its limits: it failed.
    CheckPlugin,
    /// Repair the ledger, or do without it for one machine.
    RepairLedger,
    /// Read about the earlier offboarding. If the machine was onboarded since, allow
    /// another one.
    ReadEarlier,
    /// Check whether the machine is in use again. If it is to be offboarded all the same,
    /// allow another offboarding.
    CheckUse,
    /// Ask about the earlier order again, or allow another one.
    AskAgain,
    /// Look at the machine: the service does not list the action any more.
    CheckMachine,
    /// Reconcile the earlier run: its request may be on its way.
    ReconcileEarlier,
    /// Make room for the audit, or name another file.
    RepairAudit,
    /// Check the action id.
    CheckActionId,
    /// Onboard the device again: what has ended cannot be cancelled.
    Onboard,
    /// Offboard the machine first: there is nothing to show or to cancel.
    OffboardFirst,
    /// Correct the line: its id and its name are of two machines.
    CorrectEntry,
    /// Have the policy changed by those who keep it.
    ReviewPolicy,
    /// Remove the duplicate, or one of two comments.
    RemoveDuplicate,
    /// Set the tag by hand, if it is missing: setting it again changes nothing.
    SetTag,
    /// Read the service's explanation, and quote its tracking id to Microsoft's support.
    AskSupport,
}

/// What a permission is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// To offboard: `Machine.Offboard`.
    Offboard,
    /// To read: `Machine.Read.All` or `Machine.ReadWrite.All`.
    Read,
    /// To tag: `Machine.ReadWrite.All`.
    Tag,
}

/// What a token says of itself. Never the token.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TokenSummary {
    /// The resource that it is for.
    pub audience: Option<String>,
    /// The permissions that it carries.
    pub permissions: Vec<String>,
    /// Whether it is a user's.
    pub is_delegated: bool,
}

impl From<&TokenClaims> for TokenSummary {
    fn from(claims: &TokenClaims) -> Self {
        Self {
            audience: claims.audience.clone(),
            permissions: claims.permissions(),
            is_delegated: claims.is_delegated(),
        }
    }
}

/// What to do about a problem. The token's claims show the likeliest cause.
///
/// ```
/// use offboard::{
///     advice::{Remedy, remedy},
///     contract::{Problem, ProblemKind, Retry},
/// };
///
/// let problem = Problem::new(ProblemKind::OutcomeUnknown, Retry::AskFirst, "no answer");
/// assert_eq!(remedy(&problem, None), Remedy::ReconcileFirst);
/// ```
#[must_use]
pub fn remedy(problem: &Problem, claims: Option<&TokenClaims>) -> Remedy {
    use ProblemKind as Kind;
    match problem.kind {
        Kind::InvalidMachineId => Remedy::CheckMachineId,
        Kind::InvalidComment => Remedy::GiveComment,
        Kind::InvalidTag => Remedy::CheckTag,
        Kind::NoCredential => match problem.code.as_deref() {
            Some(code) => Remedy::SignIn(SignInRemedy::for_code(code)),
            None => Remedy::RepairCredential,
        },
        Kind::WrongTenant => Remedy::UseRightTenant,
        Kind::NoAuthority => Remedy::CheckConnection,
        Kind::Unauthorized if claims.is_some_and(|claims| claims.ended().is_some()) => {
            Remedy::RenewToken
        }
        Kind::Unauthorized => Remedy::CheckLicence {
            token: claims.map(TokenSummary::from),
        },
        Kind::Forbidden if problem.reading => permission(Purpose::Read, claims),
        Kind::Forbidden => permission(Purpose::Offboard, claims),
        Kind::MachineNotFound | Kind::NotFound => Remedy::FindMachine {
            is_delegated: claims.is_some_and(TokenClaims::is_delegated),
        },
        Kind::AmbiguousName => Remedy::ChooseMachine,
        Kind::UnsupportedMachine => Remedy::UseAnotherMeans,
        Kind::AlreadyInProgress => Remedy::TrackExisting,
        Kind::Throttled => Remedy::RetryAfter {
            seconds: problem.retry_after,
        },
        Kind::ServiceFailure | Kind::OutcomeUnknown | Kind::UnreadableAnswer => {
            if problem.reading {
                return Remedy::RetryRead;
            }
            Remedy::ReconcileFirst
        }
        Kind::Denied => Remedy::InspectPlugin,
        Kind::NotSent => Remedy::RetryRequest,
        Kind::NoAnswer => Remedy::CheckNetwork,
        Kind::Interrupted => Remedy::OrderAgain,
        Kind::Plugin => Remedy::CheckPlugin,
        Kind::Ledger => Remedy::RepairLedger,
        Kind::AlreadyOffboarded => Remedy::ReadEarlier,
        Kind::SeenSince => Remedy::CheckUse,
        Kind::StillPending => Remedy::AskAgain,
        Kind::NotListed => Remedy::CheckMachine,
        Kind::UnderWay => Remedy::ReconcileEarlier,
        Kind::Audit => Remedy::RepairAudit,
        Kind::ActionNotFound => Remedy::CheckActionId,
        Kind::AlreadyEnded => Remedy::Onboard,
        Kind::NoOffboarding => Remedy::OffboardFirst,
        Kind::WrongMachine => Remedy::CorrectEntry,
        Kind::Policy => Remedy::ReviewPolicy,
        Kind::Duplicate => Remedy::RemoveDuplicate,
        _ => Remedy::AskSupport,
    }
}

/// What to do about a tag that was not set.
#[must_use]
pub fn tag_remedy(problem: &Problem, claims: Option<&TokenClaims>) -> Remedy {
    match problem.kind {
        ProblemKind::Forbidden => permission(Purpose::Tag, claims),
        ProblemKind::Throttled
        | ProblemKind::ServiceFailure
        | ProblemKind::OutcomeUnknown
        | ProblemKind::UnreadableAnswer => Remedy::SetTag,
        _ => remedy(problem, claims),
    }
}

fn permission(purpose: Purpose, claims: Option<&TokenClaims>) -> Remedy {
    let has = |claims: &TokenClaims| match purpose {
        Purpose::Offboard => claims.may_offboard(),
        Purpose::Read => claims.may_read(),
        Purpose::Tag => claims.may_tag(),
    };
    Remedy::GrantPermission {
        purpose,
        is_granted: claims.is_some_and(has),
        token: claims.map(TokenSummary::from),
    }
}
