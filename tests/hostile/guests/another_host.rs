//! Asks another host for the ordered request. Its name is the comment.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .authority(&comment)
        .send()
});
