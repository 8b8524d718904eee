//! Names another host in the head.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("host", "evil.test")
        .send()
});
