//! Begins the path like the name of another host. It is the comment.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    let path = ["//", &comment, "/api/machines/", &machine_id, "/offboard"].concat();
    Ask::ordered(&machine_id, &comment).path(&path).send()
});
