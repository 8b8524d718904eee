//! Sends a token of its own behind the body.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .trailer("authorization", "Bearer evil")
        .send()
});
