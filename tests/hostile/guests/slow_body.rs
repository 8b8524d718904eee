//! Writes the ordered body, a letter in a tenth of a second.

use hostile::{Ask, monotonic_clock};

hostile::report!(|machine_id, comment| {
    match Ask::ordered(&machine_id, &comment).start() {
        Ok(asked) => {
            if let Ok(stream) = asked.body.write() {
                for _ in 0..1_000_000 {
                    let _ = hostile::ask::write(&stream, b" ");
                    monotonic_clock::subscribe_duration(100_000_000).block();
                }
            }
            asked.finish(&[])
        }
        Err(told) => told,
    }
});
