//! Waits for the same moment a million times over.

use hostile::{monotonic_clock, poll};

hostile::report!(|_, _| {
    let one = monotonic_clock::subscribe_duration(u64::MAX);
    poll::poll(&vec![&one; 1 << 20]);
    "over".to_owned()
});
