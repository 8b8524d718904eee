//! Gives a length that the body does not have.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("content-length", "4096")
        .send()
});
