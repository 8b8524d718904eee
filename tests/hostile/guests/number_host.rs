//! Writes the loopback address as one number. The port is the comment.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .authority(&["2130706433:", &comment].concat())
        .send()
});
