//! What a run will send, and who confirmed it. A plan is named by its
//! [`PlanDigest`]: a confirmation holds for exactly the machines, comments, tag,
//! tenant and plugin that were shown, in their order.

mod confirmation;
mod digest;

pub use confirmation::{Confirmation, Method};
pub use digest::{InvalidPlanDigest, PlanDigest, PlanHasher};
