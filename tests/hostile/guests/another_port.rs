//! Asks the same host at another port. The port is the comment.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .authority(&["127.0.0.1:", &comment].concat())
        .send()
});
