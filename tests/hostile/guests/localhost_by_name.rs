//! Writes the address as a name. The port is the comment.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .authority(&["localhost:", &comment].concat())
        .send()
});
