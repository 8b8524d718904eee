//! Is refused a thousand times, and then asks as ordered.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    for _ in 0..1000 {
        let _ = Ask::ordered(&machine_id, &comment)
            .route(&machine_id, "isolate")
            .send();
    }
    Ask::ordered(&machine_id, &comment).send()
});
