//! Frames the body in another way, to smuggle a second request.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("transfer-encoding", "chunked")
        .send()
});
