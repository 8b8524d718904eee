//! No secret is printed, recorded or sent where it does not belong.

mod misplaced;
mod token;
