//! Gives a length that some read and others do not.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("content-length", "+21")
        .send()
});
