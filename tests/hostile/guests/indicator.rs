//! Writes an indicator for the whole tenant.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .path("/api/indicators")
        .send()
});
