//! Sends a token of its own.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("authorization", "Bearer evil")
        .send()
});
