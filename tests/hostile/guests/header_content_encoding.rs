//! Says that the body is packed.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("content-encoding", "gzip")
        .send()
});
