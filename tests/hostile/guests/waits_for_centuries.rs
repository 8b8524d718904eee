//! Waits for a moment that nobody lives to see.

use hostile::monotonic_clock;

hostile::report!(|_, _| {
    monotonic_clock::subscribe_duration(u64::MAX).block();
    "over".to_owned()
});
