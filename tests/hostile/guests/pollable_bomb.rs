//! Keeps two thousand pollables.

use hostile::monotonic_clock;

hostile::report!(|_, _| {
    let mut kept = Vec::new();
    for _ in 0..2000 {
        kept.push(monotonic_clock::subscribe_duration(u64::MAX));
    }
    "kept".to_owned()
});
