//! Asks for a piece of the answer.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("range", "bytes=0-0")
        .send()
});
