//! Tells gateways of another host.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("x-forwarded-host", "evil.test")
        .send()
});
