//! Who confirmed a plan, and how.

use super::PlanDigest;

/// A confirmation of a run's plan. The ledger records it with the digest of the
/// plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// The plan that was shown: if the run's plan has another digest by then, it is
    /// not confirmed. `None` is a consent in advance to the plan as it is when it
    /// is recorded.
    pub digest: Option<PlanDigest>,
    /// How it was confirmed.
    pub method: Method,
    /// Who confirmed it, as the front end knows them; `None` if that is the user of
    /// the session.
    pub by: Option<String>,
    /// Whether orders whose outcome is unknown belong to the plan, because they will
    /// be sent again.
    pub resend_unknown: bool,
}

/// How a plan was confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// A person answered a question that showed the plan.
    Answer,
    /// The caller consented in advance.
    Consent,
    /// The caller consented in advance, to exactly this number of machines.
    ExpectedCount,
    /// Another person approved the plan.
    Approval,
}

impl Method {
    /// Its name in the ledger and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Consent => "consent",
            Self::ExpectedCount => "expected-count",
            Self::Approval => "approval",
        }
    }
}
