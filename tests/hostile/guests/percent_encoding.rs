//! Writes a letter of the route in another way.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .route(&machine_id, "%6fffboard")
        .send()
});
