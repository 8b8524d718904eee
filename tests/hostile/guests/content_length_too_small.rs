//! Gives a length that leaves a second request behind.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("content-length", "2")
        .send()
});
