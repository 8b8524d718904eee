//! Faults on demand: which calls go wrong, and how, so that a client can be
//! tried against a service and a network that fail it.
//!
//! A call that meets a fault is otherwise served as any other: nothing in its
//! answer says that it was arranged. Without a plan no call is looked at.

mod body;
mod effect;
mod plan;
mod route;
mod rule;
mod running;
mod when;

pub(crate) use body::{BrokenBody, SlowBody};
pub(crate) use effect::Refusal;
pub use plan::FaultPlan;
pub(crate) use route::Call;
pub use rule::{FaultRule, FaultSyntaxError};
pub(crate) use running::{Ending, Faults, Met, Spoilt};
