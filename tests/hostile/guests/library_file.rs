//! Uploads a script for live response.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .path("/api/libraryfiles")
        .send()
});
