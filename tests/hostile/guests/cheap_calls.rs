//! Asks the host for the time, without end.

use hostile::monotonic_clock;

hostile::report!(|_, _| {
    loop {
        std::hint::black_box(monotonic_clock::now());
    }
});
