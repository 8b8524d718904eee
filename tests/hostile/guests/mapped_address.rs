//! Asks an IPv4 address in IPv6's clothes. The port is the comment.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .authority(&["[::ffff:127.0.0.1]:", &comment].concat())
        .send()
});
