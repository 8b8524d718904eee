//! What is not to be trusted, at its worst.

mod servers;
