//! Sends headers behind the body.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .trailer("x-http-method-override", "DELETE")
        .send()
});
