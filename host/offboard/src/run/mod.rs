//! Executes the orders of a run: preflight, dry run, requests, reconciliation of unknown
//! outcomes, and tracking of actions to their end. Every result is in the ledger before the
//! next step, so that a run can end at any time and be resumed. A request whose outcome is
//! unknown is resent only by the user's explicit choice.

mod announced;
mod answer;
mod batch;
mod cancel;
mod conflict;
mod dry_run;
mod earlier;
mod evaluate;
mod event;
mod event_stream;
mod external_id;
mod find;
mod fleet;
mod later_activity;
mod listing;
mod pages;
mod preflight;
mod producer;
mod read;
mod ready;
mod reconcile;
mod reconciler;
mod retry_after;
mod runner;
mod send;
#[cfg(test)]
mod sendable;
mod statuses;
mod submit;
mod tag;
mod throttling;
mod track;
mod track_pages;
mod verdict;
mod waits;
mod whole_fleet;
mod workers;

pub use cancel::CancelError;
pub use dry_run::DryRun;
pub use event::{Event, OrderSnapshot};
pub use event_stream::{EventStream, Events, events};
pub use later_activity::LaterActivity;
pub use listing::Listing;
pub use runner::{JOBS, PREFLIGHT_AGE, Runner, unrecorded};
pub(crate) use send::SendOptions;
pub use track::TimeOver;
