//! Waits for the first of many moments, all far away.

use hostile::{monotonic_clock, poll};

hostile::report!(|_, _| {
    let all: Vec<_> = (0..20)
        .map(|_| monotonic_clock::subscribe_duration(u64::MAX))
        .collect();
    let list: Vec<_> = all.iter().collect();
    poll::poll(&list);
    "over".to_owned()
});
