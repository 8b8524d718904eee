//! Sends one header of two megabytes.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("accept", &"a".repeat(2 << 20))
        .send()
});
