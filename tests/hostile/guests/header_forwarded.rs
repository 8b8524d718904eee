//! Tells gateways of another sender.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("forwarded", "for=127.0.0.1;host=evil.test")
        .send()
});
