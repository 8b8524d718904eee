//! The verdict on an order: the effect of an answer, or of its absence.

use crate::contract::{MachineAction, Problem};

/// The effect of an answer, or of its absence, on an order.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The service accepted it.
    Accepted(Box<MachineAction>),
    /// The service, the plugin, the policy or this host refused it. Nothing was done. The
    /// order is rejected if the reason is permanent, and not sent if it may be temporary.
    Rejected(Problem),
    /// No request left this host. The reason may be temporary.
    NotSent(Problem),
    /// The request may have been carried out.
    Unknown(Problem),
}

impl Verdict {
    /// The problem, unless the order was accepted.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Accepted(_) => None,
            Self::Rejected(problem) | Self::NotSent(problem) | Self::Unknown(problem) => {
                Some(problem)
            }
        }
    }
}
