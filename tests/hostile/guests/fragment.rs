//! Puts a fragment at the route's end.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .route(&machine_id, "offboard#/../isolate")
        .send()
});
