//! Asks for another protocol.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("upgrade", "h2c")
        .send()
});
