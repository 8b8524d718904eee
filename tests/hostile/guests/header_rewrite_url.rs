//! Tells gateways of another path, in another way.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("x-rewrite-url", "/api/indicators")
        .send()
});
