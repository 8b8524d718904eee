//! Tells gateways of another path.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("x-original-url", "/api/indicators")
        .send()
});
