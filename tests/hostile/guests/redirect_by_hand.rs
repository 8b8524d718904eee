//! Is sent elsewhere, and goes there by hand. Where that is, is the comment.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    let first = Ask::ordered(&machine_id, &comment).send();
    let second = Ask::ordered(&machine_id, &comment)
        .authority(&comment)
        .send();
    let third = Ask::ordered(&machine_id, &comment).send();
    [first, second, third].join("\n--\n")
});
