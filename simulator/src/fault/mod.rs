//! Configurable faults: which calls fail, and how, to test clients against failures of the
//! service and the network.
//!
//! Apart from the fault, a call is served as usual: its answer doesn't show that the fault was
//! planned. Without a plan no call is examined.

mod active_plan;
mod body;
mod effect;
mod plan;
mod route;
mod rule;
mod when;

pub(crate) use active_plan::{Ending, Faults, Met, Spoilt};
pub(crate) use body::{BrokenBody, SlowBody};
pub(crate) use effect::Refusal;
pub use plan::FaultPlan;
pub(crate) use route::Call;
pub use rule::{FaultRule, FaultSyntaxError};
