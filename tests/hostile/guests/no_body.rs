//! Sends no body.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask {
        body: None,
        ..Ask::ordered(&machine_id, &comment)
    }
    .send()
});
