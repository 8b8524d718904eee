//! No secret is printed, recorded, or sent to the wrong host.

mod misplaced;
mod token;
