//! Hides a slash and dots in the route.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .route(&machine_id, "offboard%2f..%2fisolate")
        .send()
});
