//! Before anything is sent: lists, policy, plan, confirmation.

mod confirmation;
mod fleet;
mod machine_list;
mod plan_digest;
mod policy;
mod rule;
mod tags;
