//! Reaches another route through dot segments.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .route(&machine_id, "offboard/../isolate")
        .send()
});
