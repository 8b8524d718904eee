//! Puts a second request behind the path.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    let path = [
        "/api/machines/",
        &machine_id,
        "/offboard HTTP/1.1\r\nHost: x\r\n\r\nPOST /api/machines/",
        &machine_id,
        "/isolate",
    ]
    .concat();
    Ask::ordered(&machine_id, &comment).path(&path).send()
});
