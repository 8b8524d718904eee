//! The kinds of problems, as types.

use std::{convert::Infallible, fmt, ops::Deref, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::retry::Retry;

/// Defines each kind once, with its name.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// The kind of a [`Problem`](super::Problem): a case of the contract's errors, or a
        /// problem that the host found. Output and records use its name.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ProblemKind {
            $($(#[$doc])* $kind,)*
            /// A kind that this version does not know, by its name. A newer version recorded
            /// it, or a plugin reported it.
            Other(String),
        }

        impl ProblemKind {
            /// All kinds with a name of their own.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The name, for example `machine-not-found`.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$kind => $name,)*
                    Self::Other(name) => name,
                }
            }
        }

        impl From<&str> for ProblemKind {
            fn from(name: &str) -> Self {
                match name {
                    $($name => Self::$kind,)*
                    other => Self::Other(other.to_owned()),
                }
            }
        }
    };
}

kinds! {
    /// The machine id is not valid.
    InvalidMachineId = "invalid-machine-id",
    /// The comment is not valid.
    InvalidComment = "invalid-comment",
    /// The action id is not valid.
    InvalidActionId = "invalid-action-id",
    /// The tag is not valid.
    InvalidTag = "invalid-tag",
    /// The argument of a read is not valid.
    InvalidArgument = "invalid-argument",
    /// There is no token.
    NoCredential = "no-credential",
    /// The authority that issues tokens cannot be reached.
    NoAuthority = "no-authority",
    /// The token belongs to another tenant.
    WrongTenant = "wrong-tenant",
    /// The service does not accept the token.
    Unauthorized = "unauthorized",
    /// The token lacks a permission.
    Forbidden = "forbidden",
    /// The service does not know the entity that was read.
    NotFound = "not-found",
    /// The service does not know the machine.
    MachineNotFound = "machine-not-found",
    /// The service does not know the action.
    ActionNotFound = "action-not-found",
    /// Several machines have the name.
    AmbiguousName = "ambiguous-name",
    /// The machine's id and name belong to two machines.
    WrongMachine = "wrong-machine",
    /// The service cannot offboard the machine.
    UnsupportedMachine = "unsupported-machine",
    /// An offboarding of the machine is in progress.
    AlreadyInProgress = "already-in-progress",
    /// The service rejected the request.
    Rejected = "rejected",
    /// The service limits the rate.
    Throttled = "throttled",
    /// The service failed.
    ServiceFailure = "service-failure",
    /// The host refused the request.
    Denied = "denied",
    /// The request was not sent.
    NotSent = "not-sent",
    /// A read got no answer.
    NoAnswer = "no-answer",
    /// The request was sent, and no usable answer was received.
    OutcomeUnknown = "outcome-unknown",
    /// The answer cannot be read.
    UnreadableAnswer = "unreadable-answer",
    /// The plugin failed.
    Plugin = "plugin",
    /// The run ended before the request.
    Interrupted = "interrupted",
    /// The ledger cannot be used.
    Ledger = "ledger",
    /// The audit cannot be written.
    Audit = "audit",
    /// The user's own policy excludes the machine.
    Policy = "policy",
    /// The machine is in this run already.
    Duplicate = "duplicate",
    /// The machine was offboarded before.
    AlreadyOffboarded = "already-offboarded",
    /// The machine was offboarded before, and was last seen after that.
    SeenSince = "seen-since",
    /// An earlier order of the machine was accepted and is not finished.
    StillPending = "still-pending",
    /// Another order may be sending a request for the machine.
    UnderWay = "under-way",
    /// A user discarded the order before it was sent.
    Discarded = "discarded",
    /// The service does not list the order's action.
    NotListed = "not-listed",
    /// The action is already final.
    AlreadyEnded = "already-ended",
    /// The machine has no offboarding action.
    NoOffboarding = "no-offboarding",
}

impl ProblemKind {
    /// Whether a request that failed with this kind may be repeated, if repeating a request
    /// that was carried out has an effect.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::NoCredential
            | Self::NoAuthority
            | Self::WrongTenant
            | Self::Unauthorized
            | Self::Throttled
            | Self::NotSent
            | Self::NoAnswer
            | Self::Plugin
            | Self::Interrupted
            | Self::Ledger
            | Self::Audit => Retry::Safe,
            Self::ServiceFailure | Self::OutcomeUnknown | Self::UnreadableAnswer => Retry::AskFirst,
            _ => Retry::Never,
        }
    }
}

impl FromStr for ProblemKind {
    type Err = Infallible;

    fn from_str(name: &str) -> Result<Self, Infallible> {
        Ok(Self::from(name))
    }
}

/// A kind dereferences to its name.
impl Deref for ProblemKind {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for ProblemKind {
    fn eq(&self, name: &str) -> bool {
        self.as_str() == name
    }
}

impl PartialEq<&str> for ProblemKind {
    fn eq(&self, name: &&str) -> bool {
        self.as_str() == *name
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl Serialize for ProblemKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ProblemKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Ok(Self::from(name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_kind_is_recorded_by_its_name_and_read_back() {
        let newer = ProblemKind::Other("of-a-newer-version".to_owned());
        for kind in ProblemKind::ALL.iter().chain([&newer]) {
            let json = serde_json::to_string(kind).unwrap();
            assert_eq!(json, format!("\"{kind}\""));
            assert_eq!(&serde_json::from_str::<ProblemKind>(&json).unwrap(), kind);
            assert_eq!(&ProblemKind::from(kind.as_str()), kind);
        }
    }
}
