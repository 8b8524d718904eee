//! The remedy for a problem, as data. A front end turns it into text, with the names of its
//! own settings and commands.

mod entra;
mod refusal;

use serde::Serialize;

use crate::{
    contract::{Problem, ProblemKind},
    identity::TokenClaims,
    order::State,
};

pub use entra::SignInRemedy;

/// The remedy for a problem.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Remedy {
    /// Use a machine id: 40 hexadecimal digits.
    CheckMachineId,
    /// Give a comment: the service records it.
    GiveComment,
    /// Use a tag of 1 to 200 characters, without control characters and without white
    /// space at either end.
    CheckTag,
    /// Follow the remedy for Entra ID's error code.
    SignIn(SignInRemedy),
    /// Repair the credential's settings, or sign in another way.
    RepairCredential,
    /// Follow the front end's own remedy for the missing credential
    /// ([`Observer::remedy`](crate::client::Observer::remedy)), which is sentences.
    ConfigureCredential(String),
    /// Configure the right tenant: the token belongs to another one.
    UseRightTenant,
    /// Check the network, and the host names of the API and of the authority.
    CheckConnection,
    /// Get a new token: this one has expired.
    RenewToken,
    /// Get a new token. If it is refused, too, check the licence.
    CheckLicence {
        /// The token's claims; `None` if the token is not available.
        token: Option<TokenSummary>,
    },
    /// Use a token of Entra ID: this one is not a JWT.
    ReplaceToken,
    /// Grant a permission, or use the right audience.
    GrantPermission {
        /// What the permission is for.
        purpose: Purpose,
        /// Whether the token carries the permission already.
        is_granted: bool,
        /// The token's claims.
        token: Option<TokenSummary>,
    },
    /// Find the machine: the service does not show it with this token.
    FindMachine {
        /// Whether the token is delegated. Such a token shows only machines of the user's
        /// device groups.
        is_delegated: bool,
    },
    /// Choose one of the machines of this name by its id.
    ChooseMachine,
    /// Remove the machine by other means: the service cannot offboard it.
    UseAnotherMeans,
    /// Track the offboarding that is in progress.
    TrackExisting,
    /// Repeat the request later: it was not carried out.
    RetryAfter {
        /// The delay in seconds, if the service named one.
        seconds: Option<u64>,
    },
    /// Repeat the read: nothing was changed.
    RetryRead,
    /// Find out whether the request was carried out before it is repeated.
    ReconcileFirst,
    /// Inspect the plugin: it attempted a request that was not ordered.
    InspectPlugin,
    /// Repeat the request: it was not sent. Check the network.
    RetryRequest,
    /// Check the network, then repeat the read.
    CheckNetwork,
    /// Resume the run, or repeat the call: it ended before the request.
    OrderAgain,
    /// Inspect the plugin and its limits: it failed.
    CheckPlugin,
    /// Repair the ledger, or offboard one machine without it.
    RepairLedger,
    /// Read about the earlier offboarding. If the machine was onboarded since, allow
    /// another one.
    ReadEarlier,
    /// Check whether the machine is in use again. If it is to be offboarded nevertheless,
    /// allow another offboarding.
    CheckUse,
    /// Query the earlier order again, or allow another one.
    AskAgain,
    /// Check the machine: the service does not list the action any more.
    CheckMachine,
    /// Reconcile the earlier run: its request may be in flight.
    ReconcileEarlier,
    /// Free space for the audit file, or configure another file.
    RepairAudit,
    /// Check the action id.
    CheckActionId,
    /// Onboard the device again: a completed action cannot be cancelled.
    Onboard,
    /// Offboard the machine first: it has no offboarding to show or to cancel.
    OffboardFirst,
    /// Correct the line: its id and its name belong to two machines.
    CorrectEntry,
    /// Ask the owners of the policy to change it.
    ReviewPolicy,
    /// Check the device, order it again, or offboard it locally: the action failed on it.
    OffboardLocally,
    /// Bring the device online and order it again, or offboard it locally: it did not fetch the
    /// action in time.
    BringOnline,
    /// Order the machine in a new run, if it is to be offboarded after all.
    OrderInNewRun,
    /// Remove the duplicate, or one of two comments.
    RemoveDuplicate,
    /// Set the tag manually if it is missing: setting it again changes nothing.
    SetTag,
    /// Activate the product: the tenant is not provisioned for it, or has no active licence.
    /// Another token or permission does not help.
    ProvisionTenant,
    /// Enable the feature in the settings of the tenant: the service reports that it is disabled.
    EnableFeature,
    /// Track the action: the device has not carried it out yet.
    Track,
    /// Read the service's explanation, and quote its tracking id to Microsoft's support.
    AskSupport,
}

/// The purpose of a permission.
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

/// What is known about the token of a request.
#[derive(Debug, Clone, Copy)]
pub enum KnownToken<'a> {
    /// The claims are not available: the request was recorded earlier.
    NotAtHand,
    /// There is none. The front end's remedy, if it has one.
    Missing(Option<&'a str>),
    /// Its claims cannot be read: it is not a JWT.
    Unreadable,
    /// It has these claims.
    Claims(&'a TokenClaims),
}

impl<'a> KnownToken<'a> {
    /// The token at hand, whose claims are `None` if they cannot be read.
    #[must_use]
    pub fn at_hand(claims: Option<&'a TokenClaims>) -> Self {
        claims.map_or(Self::Unreadable, Self::Claims)
    }

    fn claims(self) -> Option<&'a TokenClaims> {
        match self {
            Self::NotAtHand | Self::Missing(_) | Self::Unreadable => None,
            Self::Claims(claims) => Some(claims),
        }
    }
}

/// The claims of a token, without the token itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TokenSummary {
    /// The audience of the token.
    pub audience: Option<String>,
    /// The permissions in the token.
    pub permissions: Vec<String>,
    /// Whether the token is delegated.
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

/// The remedy for a problem. The token's claims show the likeliest cause.
///
/// ```
/// use offboard::{
///     advice::{KnownToken, Remedy, remedy},
///     contract::{Problem, ProblemKind, Retry},
/// };
///
/// let problem = Problem::new(ProblemKind::OutcomeUnknown, Retry::AskFirst, "no answer");
/// assert_eq!(remedy(&problem, KnownToken::NotAtHand), Remedy::ReconcileFirst);
/// ```
#[must_use]
pub fn remedy(problem: &Problem, token: KnownToken<'_>) -> Remedy {
    use ProblemKind as Kind;
    let claims = token.claims();
    match problem.kind {
        Kind::InvalidMachineId => Remedy::CheckMachineId,
        Kind::InvalidComment => Remedy::GiveComment,
        Kind::InvalidTag => Remedy::CheckTag,
        Kind::NoCredential => match (sign_in(problem), token) {
            (Some(remedy), _) => remedy,
            (None, KnownToken::Missing(Some(remedy))) => {
                Remedy::ConfigureCredential(remedy.to_owned())
            }
            (None, _) => Remedy::RepairCredential,
        },
        Kind::WrongTenant => Remedy::UseRightTenant,
        Kind::NoAuthority => sign_in(problem).unwrap_or(Remedy::CheckConnection),
        Kind::Unauthorized if claims.is_some_and(|claims| claims.ended().is_some()) => {
            Remedy::RenewToken
        }
        Kind::Unauthorized | Kind::Forbidden if refusal::remedy_of(problem).is_some() => {
            refusal::remedy_of(problem).unwrap_or(Remedy::AskSupport)
        }
        Kind::Unauthorized if matches!(token, KnownToken::Unreadable) => Remedy::ReplaceToken,
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
        Kind::Interrupted if problem.reading => Remedy::RetryRead,
        Kind::Interrupted => Remedy::OrderAgain,
        Kind::Plugin => Remedy::CheckPlugin,
        Kind::Ledger => Remedy::RepairLedger,
        Kind::AlreadyOffboarded => Remedy::ReadEarlier,
        Kind::SeenSince => Remedy::CheckUse,
        Kind::StillPending => Remedy::AskAgain,
        Kind::NotListed => Remedy::CheckMachine,
        Kind::Discarded => Remedy::OrderInNewRun,
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

/// The remedy for an error code of Entra ID. During a run, the code is only in the message.
fn sign_in(problem: &Problem) -> Option<Remedy> {
    let coded = problem.code.as_deref().map(SignInRemedy::for_code);
    let message = problem.message.as_deref();
    let remedy = coded.or_else(|| SignInRemedy::for_text(message?));
    remedy.map(Remedy::SignIn)
}

/// The remedy for an offboarding that ended in this state without a problem of the request;
/// `None` if there is nothing to do.
///
/// ```
/// use offboard::{advice::{Remedy, state_remedy}, order::State};
///
/// assert_eq!(state_remedy(State::TimedOut), Some(Remedy::BringOnline));
/// ```
#[must_use]
pub fn state_remedy(state: State) -> Option<Remedy> {
    match state {
        State::Failed => Some(Remedy::OffboardLocally),
        State::TimedOut => Some(Remedy::BringOnline),
        State::Cancelled => Some(Remedy::OrderInNewRun),
        State::Pending => Some(Remedy::Track),
        _ => None,
    }
}

/// The remedy for a tag that was not set.
#[must_use]
pub fn tag_remedy(problem: &Problem, token: KnownToken<'_>) -> Remedy {
    match problem.kind {
        ProblemKind::Forbidden => permission(Purpose::Tag, token.claims()),
        ProblemKind::Throttled
        | ProblemKind::ServiceFailure
        | ProblemKind::OutcomeUnknown
        | ProblemKind::UnreadableAnswer => Remedy::SetTag,
        _ => remedy(problem, token),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Retry;

    /// The messages are those of public reports.
    #[test]
    fn advice_follows_the_service_s_words() {
        let remedy_of = |kind: ProblemKind, code: &str, message: &str| {
            let problem = Problem {
                code: Some(code.to_owned()),
                ..Problem::new(kind, Retry::Safe, message)
            };
            remedy(&problem, KnownToken::NotAtHand)
        };
        for (kind, message) in [
            (
                ProblemKind::Forbidden,
                "Unauthorized request - Account is not provisioned.",
            ),
            (ProblemKind::Unauthorized, "Account mode is inactive"),
            (ProblemKind::Unauthorized, "The tenant has no TVM license"),
        ] {
            assert_eq!(
                remedy_of(kind, "Unauthorized", message),
                Remedy::ProvisionTenant
            );
        }
        let missing = remedy_of(
            ProblemKind::Forbidden,
            "Forbidden",
            "Missing application roles",
        );
        assert!(
            matches!(missing, Remedy::GrantPermission { .. }),
            "{missing:?}"
        );
        let disabled = remedy_of(ProblemKind::Forbidden, "DisabledFeature", "off");
        assert_eq!(disabled, Remedy::EnableFeature);
    }

    /// A recorded order does not show whether its token was a JWT.
    #[test]
    fn a_token_that_is_not_at_hand_is_not_called_unreadable() {
        let problem = Problem::new(ProblemKind::Unauthorized, Retry::Safe, "expired");
        let recorded = remedy(&problem, KnownToken::NotAtHand);
        assert_eq!(recorded, Remedy::CheckLicence { token: None });
        let opaque = remedy(&problem, KnownToken::at_hand(None));
        assert_eq!(opaque, Remedy::ReplaceToken);
    }
}
