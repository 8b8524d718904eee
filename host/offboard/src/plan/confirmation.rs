//! Confirmations of a plan: the person and the method.

use super::PlanDigest;

/// A confirmation of a plan. The ledger records it with the digest of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    pub(crate) digest: Option<PlanDigest>,
    pub(crate) method: Method,
    pub(crate) by: Option<String>,
    /// Whether the plan includes orders with an unknown outcome, because they will be resent.
    /// The plan sets it.
    pub(crate) resend_unknown: bool,
    /// The most machines that a consent in advance covers. The plan sets it.
    pub(crate) machines: u64,
}

impl Confirmation {
    /// A person answered a question that showed the plan with this digest.
    #[must_use]
    pub fn answer(digest: PlanDigest) -> Self {
        Self {
            digest: Some(digest),
            method: Method::Answer,
            by: None,
            resend_unknown: false,
            machines: u64::MAX,
        }
    }

    /// Another person approved the plan with this digest.
    #[must_use]
    pub fn approval(digest: PlanDigest, by: impl Into<String>) -> Self {
        Self {
            digest: Some(digest),
            method: Method::Approval,
            by: Some(by.into()),
            resend_unknown: false,
            machines: u64::MAX,
        }
    }

    /// The caller consented in advance to any plan within the limit of
    /// [`Guards`](super::Guards). If the caller expected a number of machines, the consent
    /// covers exactly that number.
    #[must_use]
    pub fn consent() -> Self {
        Self {
            digest: None,
            method: Method::Consent,
            by: None,
            resend_unknown: false,
            machines: u64::MAX,
        }
    }

    /// Sets the person's name, as the front end knows it. The default is the session's user of
    /// the operating system.
    #[must_use]
    pub fn by(self, person: impl Into<String>) -> Self {
        Self {
            by: Some(person.into()),
            ..self
        }
    }

    /// The method of the confirmation.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }
}

/// The method of a confirmation.
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
