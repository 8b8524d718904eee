//! Plans and their confirmations. A plan is identified by its [`PlanDigest`]: a confirmation
//! covers exactly the machines, comments, tag, tenant and plugin that were shown, in their
//! order.

mod confirmation;
mod confirmed;
mod digest;
mod guards;

pub use confirmation::{Confirmation, Method};
pub use confirmed::{ConfirmError, ConfirmedPlan, Draft, Origin, Plan};
pub use digest::{InvalidPlanDigest, PlanDigest, PlanHasher};
pub use guards::{GuardError, Guards};
