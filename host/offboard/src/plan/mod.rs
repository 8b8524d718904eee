//! What a run will send, and who confirmed it. A plan is named by its
//! [`PlanDigest`]: a confirmation holds for exactly the machines, comments, tag,
//! tenant and plugin that were shown, in their order.

mod confirmation;
mod confirmed;
mod digest;
mod guards;

pub use confirmation::{Confirmation, Method};
pub use confirmed::{ConfirmError, ConfirmedPlan, Draft, Origin, Plan};
pub use digest::{InvalidPlanDigest, PlanDigest, PlanHasher};
pub use guards::{GuardError, Guards};
