//! Puts a whole address where the path belongs. The host is the comment.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    let path = [
        "http://",
        &comment,
        "/api/machines/",
        &machine_id,
        "/offboard",
    ]
    .concat();
    Ask::ordered(&machine_id, &comment).path(&path).send()
});
