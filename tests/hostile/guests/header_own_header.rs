//! Sends a header that nobody ordered.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("x-anything", "1")
        .send()
});
