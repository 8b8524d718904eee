//! Writes the route in capitals.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .route(&machine_id, "OFFBOARD")
        .send()
});
